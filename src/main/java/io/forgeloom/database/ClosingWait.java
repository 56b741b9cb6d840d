package io.forgeloom.database;

import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.TimeoutException;

/**
 * How a pool that is being closed waits for its threads: for all of them together until one deadline, after which it goes
 * on without them and says so. They were told to end before and do so at once, by an interrupt; but a thread that looks up
 * a host's name cannot be interrupted. An interrupt of the closing thread cuts the waits short. One thread at a time.
 */
final class ClosingWait {

    /** What the threads need to notice their own interrupts. */
    private static final Duration AFTER_INTERRUPT = Duration.ofMillis(200);

    /** A wait for one part of the pool. */
    @FunctionalInterface
    interface Stop {
        /** Throws {@link TimeoutException}, with the thread's name, if it has not ended. */
        void within(Duration timeout) throws InterruptedException, TimeoutException;
    }

    private final String pool;
    private final long begin = System.nanoTime();
    private Deadline deadline;
    private boolean interrupted;

    ClosingWait(String pool, Duration timeout) {
        this.pool = pool;
        this.deadline = Deadline.after(timeout);
    }

    /** Whoever closes was interrupted, and the flag is down: it is put up again by {@link #restoreInterrupt}. */
    void interrupted() {
        interrupted = true;
        deadline = deadline.earlier(Deadline.after(AFTER_INTERRUPT));
    }

    boolean wasInterrupted() {
        return interrupted;
    }

    /** Waits for the end of a thread that was told to end. */
    void join(Thread thread) {
        await(timeout -> {
            if (!thread.join(timeout)) {
                throw new TimeoutException(thread.getName() + " has not ended; it may be looking up a host's name");
            }
        });
    }

    /** Waits for a part of the pool; warns if it does not end by the deadline. */
    void await(Stop stop) {
        while (true) {
            try {
                stop.within(deadline.remaining());
                return;
            } catch (InterruptedException e) {
                interrupted();
            } catch (TimeoutException e) {
                ConnectionPool.LOG.log(
                        Level.WARNING,
                        "{0}: the close goes on after {1} ms without the end of a thread: {2}",
                        pool,
                        (System.nanoTime() - begin) / 1_000_000,
                        e.getMessage());
                return;
            }
        }
    }

    /** To be called last. */
    void restoreInterrupt() {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
