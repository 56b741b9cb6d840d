package io.forgeloom.leader;

import java.time.Duration;
import java.util.Arrays;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One body at work on a thread of its own. The thread runs no code of ours but this; the rest is guarded by {@link SeatTable}. */
final class BodyRun {

    private final Leadership leadership;
    private final Thread thread;

    /** When its time is over; 0 before it was interrupted. */
    private long dueNanos;

    private long interruptedNanos;
    private boolean givenUp;

    /**
     * @param ended called on the body's thread when that is done, with what it threw
     */
    BodyRun(Leadership leadership, LeaderBody body, BiConsumer<BodyRun, @Nullable Throwable> ended) {
        this.leadership = leadership;
        this.thread = Thread.ofVirtual()
                .name("forgeloom-leader-body-" + leadership.role())
                .unstarted(() -> {
                    Throwable thrown = null;
                    try {
                        body.run(leadership);
                    } catch (Throwable e) { // Errors too: a role must not stay with nobody at work.
                        thrown = e;
                    } finally {
                        ended.accept(this, thrown);
                    }
                });
    }

    void start() {
        thread.start();
    }

    Leadership leadership() {
        return leadership;
    }

    /** Waits until the thread has ended, which is a moment after it said that the body had. */
    void join() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isOnCurrentThread() {
        return thread.equals(Thread.currentThread());
    }

    /** Asks it to end; the first time counts. */
    void interrupt(Duration timeout) {
        if (dueNanos == 0) {
            interruptedNanos = System.nanoTime();
            long due = interruptedNanos + timeout.toNanos();
            dueNanos = due == 0 ? 1 : due; // the clock may be below zero
            thread.interrupt();
        }
    }

    boolean isGivenUp() {
        return givenUp;
    }

    /** Until its time is over; {@link Long#MAX_VALUE} where that is not set, or past. */
    long nanosLeft(long now) {
        return dueNanos == 0 || givenUp ? Long.MAX_VALUE : Math.max(0, dueNanos - now);
    }

    /** Lets the role go on without it. */
    void giveUp() {
        givenUp = true;
    }

    /** For whoever has to find out why it does not end. */
    String describe() {
        long millis = (System.nanoTime() - interruptedNanos) / 1_000_000;
        String stack = Arrays.stream(thread.getStackTrace())
                .map(frame -> System.lineSeparator() + "\tat " + frame)
                .collect(Collectors.joining());
        return thread.getName() + " still runs " + millis
                + " ms after its interrupt. The role is given up all the same;"
                + " what this does in fenced transactions is refused, and this process does not campaign for the role"
                + " before it has ended. It is at:" + stack;
    }
}
