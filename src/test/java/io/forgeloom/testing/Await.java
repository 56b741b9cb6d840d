package io.forgeloom.testing;

import java.time.Duration;

/**
 * Waits for what nothing signals: a pool's own counts, the state of another process, the collector. What has a signal (a
 * latch, the end of a thread) is to be waited for by that.
 */
public final class Await {

    /** Far more than anything takes on a busy machine, so that a failure means that it does not come. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private Await() {}

    /** What is waited for; asked again and again by the waiting thread. */
    @FunctionalInterface
    public interface Condition<X extends Exception> {
        boolean holds() throws X;
    }

    /** Returns when {@code condition} holds; fails after 10 s, naming {@code what}. */
    public static <X extends Exception> void until(String what, Condition<X> condition) throws X, InterruptedException {
        until(what, PATIENCE, condition);
    }

    /** Returns when {@code condition} holds; fails after {@code timeout}, naming {@code what}. */
    public static <X extends Exception> void until(String what, Duration timeout, Condition<X> condition)
            throws X, InterruptedException {
        long begin = System.nanoTime();
        while (!condition.holds()) {
            if (System.nanoTime() - begin > timeout.toNanos()) {
                throw new AssertionError("not within " + timeout.toMillis() + " ms: " + what);
            }
            Thread.sleep(1);
        }
    }
}
