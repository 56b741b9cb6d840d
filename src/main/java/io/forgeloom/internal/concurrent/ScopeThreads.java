package io.forgeloom.internal.concurrent;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/**
 * The threads of one {@link TaskScope}: what its three implementations must do, and no more.
 *
 * <p>{@link TaskScope} has checked the caller before: every method is called by the owner, {@link #fork} never after
 * {@link #join}, {@link #join} at most once, {@link #close} exactly once and in the order of nesting.
 */
interface ScopeThreads {
    /**
     * Runs the task in a new virtual thread of this name; if the scope is already cancelled, the task is dropped. The
     * first task to throw, whatever it throws, cancels the scope: all others are interrupted.
     */
    void fork(String threadName, Callable<?> task);

    /**
     * Waits until every task is done, or one has failed, or the deadline has passed.
     *
     * @throws ExecutionException a task failed; the cause is the first failure exactly as thrown
     * @throws TimeoutException the deadline passed first; the scope is cancelled. The message is of no use
     * @throws InterruptedException the owner was interrupted; the scope is cancelled by {@link #close} at the latest
     */
    void join() throws InterruptedException, ExecutionException, TimeoutException;

    /**
     * Cancels what still runs and waits until every thread has ended, without regard to interrupts; the interrupt flag
     * is set afterwards if there was one.
     *
     * @throws IllegalStateException after all that, if there was a fork and no join
     */
    void close();

    /** Opens the threads of one scope; its {@code toString} names the implementation. */
    @FunctionalInterface
    interface Opener {
        ScopeThreads open(String name, Deadline deadline);
    }
}
