package io.forgeloom.notify;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * What one subscriber got of a {@link NumberedWriter}'s numbers, and the judgement of it: each committed number of its
 * channels is there once and in order, or a {@link Gap} or a {@link Lagged} with the right count stands in its place.
 * One thread adds; another may ask for {@link #last()}.
 */
final class NumberedReader {

    private static final long GAP = -1;

    /** What is wrong, counted. */
    record Verdict(
            long received, long gaps, long lagged, long silent, long wrongCounts, long repeated, long neverSent) {

        boolean isGood() {
            return silent == 0 && wrongCounts == 0 && repeated == 0 && neverSent == 0;
        }
    }

    private final List<String> channels;
    private long[] elements = new long[1 << 12];
    private int size;
    private volatile long last = -1;
    private long generation = -1;

    NumberedReader(String... channels) {
        this.channels = List.of(channels);
    }

    String[] channels() {
        return channels.toArray(String[]::new);
    }

    /** Takes until the end. */
    void readAll(Subscription subscription, long pauseMillis) throws InterruptedException {
        for (Delivery next = subscription.take(); !(next instanceof Closed); next = subscription.take()) {
            add(next);
            if (pauseMillis > 0 && size % 64 == 0) {
                Thread.sleep(pauseMillis);
            }
        }
    }

    void add(Delivery delivery) {
        switch (delivery) {
            case Notification notification -> number(Long.parseLong(notification.payload()));
            case Lagged lagged -> element(GAP - lagged.missed());
            case Gap gap -> {
                if (gap.generation() < generation) {
                    throw new AssertionError(gap + " after generation " + generation);
                }
                generation = gap.generation();
                element(GAP);
            }
            case Closed closed -> throw new AssertionError(closed);
        }
    }

    void number(long number) {
        element(number);
        last = number;
    }

    /** The last number; -1 before the first. */
    long last() {
        return last;
    }

    /** The last number of these channels among those committed. */
    long lastOf(BitSet committed) {
        int number = committed.length() - 1;
        while (!isMine(number)) {
            number = committed.previousSetBit(number - 1);
        }
        return number;
    }

    private void element(long element) {
        if (size == elements.length) {
            elements = Arrays.copyOf(elements, 2 * size);
        }
        elements[size++] = element;
    }

    private boolean isMine(long number) {
        return channels.contains(NumberedWriter.channel(number));
    }

    /** Of all that was read, once reading has ended. */
    Verdict judge(BitSet committed) {
        long received = 0;
        long gaps = 0;
        long lagged = 0;
        long silent = 0;
        long wrongCounts = 0;
        long repeated = 0;
        long neverSent = 0;
        long before = -1;
        boolean gap = false;
        long told = 0;
        for (int i = 0; i < size; i++) {
            long element = elements[i];
            if (element == GAP) {
                gap = true;
                gaps++;
            } else if (element < GAP) {
                told += GAP - element;
                lagged += GAP - element;
            } else if (element <= before) {
                repeated++;
            } else {
                received++;
                neverSent += committed.get((int) element) && isMine(element) ? 0 : 1;
                long missing = missing(committed, before, element);
                // Behind a gap nobody knows how many; but not more than there were.
                if (told > missing || (!gap && told > 0 && told != missing)) {
                    wrongCounts++;
                } else if (!gap && told == 0) {
                    silent += missing;
                }
                before = element;
                gap = false;
                told = 0;
            }
        }
        silent += missing(committed, before, committed.length());
        return new Verdict(received, gaps, lagged, silent, wrongCounts, repeated, neverSent);
    }

    private long missing(BitSet committed, long after, long until) {
        long missing = 0;
        for (int n = committed.nextSetBit((int) after + 1); n >= 0 && n < until; n = committed.nextSetBit(n + 1)) {
            missing += isMine(n) ? 1 : 0;
        }
        return missing;
    }
}
