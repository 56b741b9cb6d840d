package io.forgeloom.testing.demo;

import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Gap;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.Subscription;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.IntFunction;
import java.util.function.ToLongFunction;

/**
 * One subscriber, which knows what must come next on each channel: the next number, or one further on after a gap, or as
 * many further on as it was told it missed. The numbers are written by the reading thread and read by others.
 */
final class BusReader {

    private final Subscription subscription;
    private final List<String> channels;
    private final IntFunction<Set<Long>> doubtful;

    /** How long it takes for each element; 0 for a fast one. */
    private volatile long pauseMillis;

    /** By channel, the number that must come next. */
    private final AtomicLongArray next;

    /** Whether a gap was told since the last number of the channel. */
    private final boolean[] afterGap;

    /** Told to be missed, and not found missing so far. */
    private long credit;

    private boolean begun;

    volatile long received;
    volatile long gaps;
    volatile long lagged;
    volatile long silent;
    volatile long repeated;

    /** @param doubtful of a channel, the numbers of which nobody knows whether they were sent */
    BusReader(Subscription subscription, List<String> channels, IntFunction<Set<Long>> doubtful, long pauseMillis) {
        this.subscription = subscription;
        this.channels = channels;
        this.doubtful = doubtful;
        this.pauseMillis = pauseMillis;
        next = new AtomicLongArray(channels.size());
        afterGap = new boolean[channels.size()];
    }

    /** Until the subscription is closed. */
    void run() throws InterruptedException {
        for (Delivery element = subscription.take(); !(element instanceof Closed); element = subscription.take()) {
            see(element);
            if (pauseMillis > 0) {
                Thread.sleep(pauseMillis);
            }
        }
    }

    /** From now on it takes no longer than others. */
    void hurry() {
        pauseMillis = 0;
    }

    /** Whether it has got the last number of each of its channels, of which {@code sent} gives how many there are. */
    boolean isThrough(ToLongFunction<String> sent) {
        for (int i = 0; i < next.length(); i++) {
            if (next.get(i) < sent.applyAsLong(channels.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** What must hold of each element; for the reading thread. */
    void see(Delivery element) {
        switch (element) {
            case Gap gap when !begun -> begun = true;
            case Gap gap -> {
                gaps = gaps + 1;
                credit = 0;
                Arrays.fill(afterGap, true);
            }
            case Lagged some -> {
                lagged = lagged + some.missed();
                credit += some.missed();
            }
            case Notification sent -> number(channels.indexOf(sent.channel()), Long.parseLong(sent.payload()));
            case Closed closed -> {}
        }
    }

    private void number(int channel, long number) {
        if (number < next.get(channel)) {
            repeated = repeated + 1;
            return;
        }
        received = received + 1;
        long missing = missing(channel, number);
        if (afterGap[channel]) {
            afterGap[channel] = false;
        } else {
            silent = silent + Math.max(0, missing - credit);
            credit = Math.max(0, credit - missing);
        }
        next.set(channel, number + 1);
    }

    private long missing(int channel, long number) {
        Set<Long> unknown = doubtful.apply(channel);
        long missing = number - next.get(channel);
        return missing
                - unknown.stream()
                        .filter(one -> one >= next.get(channel) && one < number)
                        .count();
    }
}
