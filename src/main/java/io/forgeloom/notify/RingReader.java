package io.forgeloom.notify;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The reading end of one subscription. One thread at a time reads; {@link #close}, {@link #lagged} and {@link #delivered} are
 * safe for use by many threads.
 *
 * <p>How no wake-up is lost: who finds nothing announces itself in {@code waiter} and <i>looks again</i> before it parks; a
 * producer publishes first and looks for waiters afterwards ({@link #wake}). All four are volatile and so have one total order,
 * in which either the second look comes after the publication, and finds it, or the announcement comes before the search for
 * waiters, which finds it. The same holds for {@link #close}.
 */
abstract sealed class RingReader implements AutoCloseable permits StreamReader, SignalCell {

    private static final VarHandle WAITER;

    static {
        try {
            WAITER = MethodHandles.lookup().findVarHandle(RingReader.class, "waiter", Thread.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final Closed CLOSED_BY_SUBSCRIBER = new Closed("the subscription was closed");

    /** The thread that waits or is about to; taken away by whoever unparks it. */
    private volatile @Nullable Thread waiter;

    /** Not null after {@link #close}; then it is all that is delivered. */
    private volatile @Nullable Closed closed;

    /** The next element out of what this reader has looked at already, else null: the short way, without a volatile write. */
    abstract @Nullable Delivery known();

    /** The next element if there is any, else null; sees everything published before the call. */
    abstract @Nullable Delivery look();

    /** {@return how many notifications this reader was told by {@link Lagged} that it missed} */
    abstract long lagged();

    /** {@return how many notifications this reader took} */
    abstract long delivered();

    /** Called once by {@link #close}: whoever publishes need not know this reader any more. */
    abstract void forget();

    /**
     * The next element; waits for it without a limit. {@link #close}, the end of the ring and an interruption free the thread.
     *
     * @return the element
     * @throws InterruptedException if interrupted, which is noticed before each wait and at the latest after the elements
     *     that were there at the last look; nothing is lost and the reader goes on to be usable
     */
    final Delivery take() throws InterruptedException {
        Closed end = closed;
        Delivery next = end == null ? known() : end;
        while (next == null) {
            // Without a deadline, since what it waits for may never come; and a timed park would cost an allocation
            // each.
            next = await(false, 0);
        }
        return next;
    }

    /**
     * The next element, waited for at most so long.
     *
     * @param nanos zero or negative: only what is there
     * @return the element, or null if there was none in time
     * @throws InterruptedException as {@link #take} does
     */
    final @Nullable Delivery poll(long nanos) throws InterruptedException {
        Closed end = closed;
        Delivery next = end == null ? known() : end;
        return next == null ? await(true, nanos) : next;
    }

    /** From any thread, any number of times: the reading thread gets {@link Closed} at once, and nothing else from then on. */
    @Override
    public final void close() {
        if (closed == null) {
            closed = CLOSED_BY_SUBSCRIBER;
            forget();
        }
        wake();
    }

    /** Frees the thread that waits, if any; what it shall find must have been published before, by a volatile write. */
    final void wake() {
        Thread thread = waiter;
        // If it fails, the thread has left, or another one has come and will look again after what was published.
        if (thread != null && WAITER.compareAndSet(this, thread, null)) {
            LockSupport.unpark(thread);
        }
    }

    private @Nullable Delivery await(boolean timed, long nanos) throws InterruptedException {
        long startNanos = timed ? System.nanoTime() : 0;
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        Delivery next = lookUnlessClosed();
        while (next == null) {
            long leftNanos = timed ? nanos - (System.nanoTime() - startNanos) : Long.MAX_VALUE;
            if (leftNanos <= 0) {
                return null;
            }
            next = park(timed, leftNanos);
        }
        return next;
    }

    /** Announces itself, looks again, parks once, and looks what there is; may return null early. */
    private @Nullable Delivery park(boolean timed, long nanos) throws InterruptedException {
        waiter = Thread.currentThread();
        try {
            Delivery next = lookUnlessClosed();
            if (next != null) {
                return next;
            }
            if (timed) {
                LockSupport.parkNanos(this, nanos);
            } else {
                LockSupport.park(this);
            }
        } finally {
            WAITER.setOpaque(this, (Thread) null);
        }
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        return lookUnlessClosed();
    }

    private @Nullable Delivery lookUnlessClosed() {
        Closed end = closed;
        return end == null ? look() : end;
    }
}
