package io.forgeloom.database;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * What calls for a probe before its time: evidence, which always does, and doubts, which do if somebody has waited for
 * {@link #DOUBT} by then and no answer of late dispels them. Safe for use by many threads, but for the one that awaits.
 */
final class ProbeDemand {

    /** Longer than most queries take, so that few doubts come to a probe. */
    static final Duration DOUBT = Duration.ofMillis(50);

    /** For so long an answer dispels doubts: among queries that take their time a probe must be rare. */
    private static final Duration CERTAINTY = Duration.ofMillis(500);

    private final ConnectionPool pool;
    private final Semaphore wake = new Semaphore(0);
    private volatile boolean evidence;
    private volatile long answeredNanos = System.nanoTime() - CERTAINTY.toNanos();

    ProbeDemand(ConnectionPool pool) {
        this.pool = pool;
    }

    /** There is evidence that no probe has looked at. */
    void demand() {
        evidence = true;
        wake.release();
    }

    void doubt() {
        if (!isCertain()) {
            wake.release();
        }
    }

    /** A probe was answered now. */
    void answered() {
        answeredNanos = System.nanoTime();
    }

    private boolean isCertain() {
        return System.nanoTime() - answeredNanos < CERTAINTY.toNanos();
    }

    /** Returns when a probe is called for, or {@code dueNanos} has come; before that not at all while {@code deaf}. */
    void await(long dueNanos, BooleanSupplier deaf) throws InterruptedException {
        while (wake.tryAcquire(dueNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
            wake.drainPermits();
            if (!deaf.getAsBoolean() && isCalledFor()) {
                break;
            }
        }
        evidence = false;
    }

    private boolean isCalledFor() throws InterruptedException {
        if (evidence || isCertain()) {
            return evidence;
        }
        TimeUnit.NANOSECONDS.sleep(DOUBT.toNanos());
        return evidence || pool.isSilentFor(DOUBT);
    }
}
