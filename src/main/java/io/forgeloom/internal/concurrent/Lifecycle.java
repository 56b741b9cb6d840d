package io.forgeloom.internal.concurrent;

import java.time.Duration;
import java.util.concurrent.TimeoutException;

/**
 * The contract of every part of the library that works in the background: a prober, a reaper, a bus, an election.
 *
 * <ul>
 *   <li>{@link #start()} while started does nothing; after a stop it starts again; after {@link #close()} it is an error.
 *   <li>{@link #stop()} before a start and a second stop do nothing. It returns when no thread of the part is alive.
 *   <li>A start and a stop at the same time are one after the other, in some order; the later one decides.
 *   <li>The work of a part never runs twice at the same time, also when a start comes while a stop is still waiting.
 *   <li>A part that stops itself, from its own thread, is not waited for: nobody can wait for itself.
 * </ul>
 *
 * <p>Safe for use by many threads, all of it. Every implementation passes the same stress test.
 */
public interface Lifecycle extends AutoCloseable {
    /** Where a part is in its life. */
    enum State {
        /** Not started yet, or stopped, or its work has come to its end by itself. */
        STOPPED,
        /** Started and working. */
        RUNNING,
        /** Told to stop and not done yet. */
        STOPPING,
        /** Its work threw; it does nothing until it is started again. */
        FAILED
    }

    /**
     * Starts the work, and returns without waiting for anything.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    void start();

    /**
     * Interrupts the work and waits until its thread has ended. The wait has no bound, since to return earlier would leave
     * a thread behind; while it lasts, a warning every 10 seconds says on which line the thread is. An interrupt of the
     * waiting thread does not end the wait; the flag is set when this returns.
     *
     * <p>Called from the part's own thread, it only makes the request. It must not be called from another thread that the
     * work waits for: the two would wait for each other.
     */
    void stop();

    /**
     * As {@link #stop()}, but waits for so long at most, and an interrupt ends the wait. The request to stop stands in any
     * case.
     *
     * @param timeout how long to wait at most; zero only makes the request and looks
     * @throws TimeoutException the thread has not ended; the message has its name, the limit and its stack
     * @throws InterruptedException this thread was interrupted while it waited
     */
    void stop(Duration timeout) throws InterruptedException, TimeoutException;

    /** Stops for good: as {@link #stop()}, and no start after it succeeds. */
    @Override
    void close();

    /** {@return where the part is now; it may have moved on when the caller looks at the answer} */
    State state();
}
