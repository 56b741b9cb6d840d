package io.forgeloom.changelog;

import io.forgeloom.database.AcquireException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Subscription;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads the log and waits for more. While nothing comes it sleeps, and a writer's commit wakes it over the bus; where that
 * does not work it looks by itself, every {@link FollowOptions#pollInterval()} at least. While rows come it waits after each
 * look, four times as long as that took, at least 5 and at most 25 ms, and then reads all that have come: where the server
 * is busy it leaves it to the writers. It has no thread of its own and holds no connection between two looks.
 *
 * <p>One thread at a time; {@link #close()} and {@link #position()} are for any thread.
 */
public final class ChangeFollower implements AutoCloseable {

    private static final Duration NO_LIMIT = Duration.ofDays(365);

    /** Between a batch that was not full and the next look: bounds, and how often as long as the look took. */
    private static final long PACE_MIN_NANOS = Duration.ofMillis(5).toNanos();

    private static final long PACE_MAX_NANOS = Duration.ofMillis(25).toNanos();
    private static final int PACE_TIMES = 4;

    private final LogReader reader;
    private final Subscription subscription;
    private final Doze doze;
    private final @Nullable Hold hold;
    private volatile boolean closed;
    private long lookedNanos;
    private long paceNanos;

    ChangeFollower(LogReader reader, Subscription subscription, Doze doze, @Nullable Hold hold) {
        this.reader = reader;
        this.subscription = subscription;
        this.doze = doze;
        this.hold = hold;
    }

    /**
     * The next batch, or a {@link Resync}, which every later call gives again. Waits without a limit.
     *
     * @throws InterruptedException if this thread was interrupted while it waited or looked; nothing is lost
     * @throws IllegalStateException after {@link #close()}, or that of the bus
     * @throws io.forgeloom.error.DatabaseException if the log could not be read; the next call goes on where this one began
     * @throws io.forgeloom.database.AcquireException if there is no connection; as above
     */
    public ChangeElement take() throws InterruptedException {
        while (true) {
            Optional<ChangeElement> next = poll(NO_LIMIT);
            if (next.isPresent()) {
                return next.get();
            }
        }
    }

    /**
     * As {@link #take()}, for {@code timeout} at most, which may be zero; empty if nothing came. At least one look is taken.
     *
     * @throws InterruptedException if this thread was interrupted while it waited or looked; nothing is lost
     */
    public Optional<ChangeElement> poll(Duration timeout) throws InterruptedException {
        try {
            return look(timeout);
        } catch (DatabaseException | AcquireException e) {
            // An interrupt in the middle of a look ends that with its connection.
            if (Thread.interrupted()) {
                InterruptedException interrupted = new InterruptedException("interrupted while it looked");
                interrupted.initCause(e);
                throw interrupted;
            }
            throw e;
        }
    }

    private Optional<ChangeElement> look(Duration timeout) throws InterruptedException {
        Deadline deadline = Deadline.after(timeout);
        while (true) {
            pace(deadline);
            requireOpen();
            long begunNanos = System.nanoTime();
            ChangeElement next = reader.next();
            lookedNanos = System.nanoTime();
            paceNanos = next instanceof Batch && reader.isAtEnd()
                    ? Math.clamp(PACE_TIMES * (lookedNanos - begunNanos), PACE_MIN_NANOS, PACE_MAX_NANOS)
                    : 0;
            if (hold != null) {
                hold.keep(next == null);
            }
            if (next != null) {
                doze.awake();
                return Optional.of(next);
            }
            if (deadline.expired()) {
                return Optional.empty();
            }
            Duration wait = Duration.ofMillis(doze.next());
            Optional<Delivery> rung =
                    subscription.poll(wait.compareTo(deadline.remaining()) < 0 ? wait : deadline.remaining());
            if (rung.isPresent()) {
                if (rung.get() instanceof Closed) {
                    close();
                }
                doze.rung();
            }
        }
    }

    /** Where rows come one by one, they are read some at a time: that costs the writers less. */
    private void pace(Deadline deadline) throws InterruptedException {
        long wait =
                paceNanos == 0 ? 0 : Math.min(paceNanos - (System.nanoTime() - lookedNanos), deadline.remainingNanos());
        if (wait > 0) {
            Thread.sleep(Duration.ofNanos(wait));
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the follower is closed, or its bus");
        }
    }

    /** Behind the last batch, or further where nothing was found. */
    public ChangePosition position() {
        return reader.position();
    }

    /** Ends it; whoever waits in it gets an {@link IllegalStateException} at once. Doing it again does nothing. */
    @Override
    public void close() {
        closed = true;
        subscription.close();
        if (hold != null) {
            hold.release();
        }
    }
}
