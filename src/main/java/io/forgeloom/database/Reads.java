package io.forgeloom.database;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Runs functions that read, on the servers that the router chooses. Safe for use by many threads. */
final class Reads {

    // One read: a connection, the function, release. Three things send it on.
    //
    // Refused: the server is down, or left the rotation while this thread waited. The next one, as often as there are
    // servers; nothing was run yet.
    //
    // Behind: the replica has not replayed the position. The next one in turn, with growing pauses in which nothing is
    // held; when the time is over the primary, which has it by definition.
    //
    // Failed: the session died under the function, or the replica cancelled it for its recovery. Once more, elsewhere,
    // if the function may be repeated and has seen no row.

    /** Between two questions whether a replica has got there; the last one from then on. */
    private static final long[] PAUSES_NANOS = {1_000_000, 2_000_000, 5_000_000, 10_000_000};

    private final ReadRouter router;
    private final ConnectionPool primary;

    Reads(ReadRouter router, ConnectionPool primary) {
        this.router = router;
        this.primary = primary;
    }

    <T extends @Nullable Object, X extends Exception> T run(ReadOptions options, ConnectionFunction<T, X> function)
            throws X {
        Exception first = null;
        ConnectionPool failed = null;
        CommitPosition after = options.after();
        Deadline wait = after == null ? null : Deadline.after(options.waitAtMost());
        while (true) {
            ConnectionHandle connection = lease(after, wait, failed, first);
            Exception failure;
            boolean again;
            try {
                return function.apply(connection);
            } catch (Exception e) {
                failure = e;
                // Asked before the release, after which the session may be another's.
                again = first == null && options.repeatable() && mayMove(connection, e);
            } finally {
                connection.release();
            }
            if (!again) {
                // Only X and unchecked ones are left.
                @SuppressWarnings("unchecked")
                X thrown = (X) failure(failure, connection, first);
                throw thrown;
            }
            first = failure;
            failed = connection.pool();
            ConnectionPool.LOG.log(
                    Level.DEBUG, "{0}: a read is run again elsewhere: {1}", failed.address(), failure.getMessage());
        }
    }

    /** A connection to whichever server is next. */
    ConnectionHandle acquire() {
        return leaseAny(null);
    }

    /** Whether running the function again on another server can help, and can do no harm. */
    private static boolean mayMove(ConnectionHandle connection, Exception failure) {
        // An interrupt of ours says nothing about the server, and whoever interrupts does not want a second try.
        if (connection.returnedRows() || Thread.currentThread().isInterrupted()) {
            return false;
        }
        // By the chain of causes: a library in between may have wrapped the driver's error.
        String state = SqlState.of(failure);
        return SqlState.isSessionLost(state)
                ? connection.isLost()
                : SqlState.isRetryable(state) && connection.session().session.isStandby();
    }

    /** What to throw: the driver's error under the name of its server, all else as it is. */
    private static Exception failure(Exception failure, ConnectionHandle connection, @Nullable Exception first) {
        Exception thrown = failure instanceof SQLException e
                ? new DatabaseException(connection.pool().address() + ": " + e.getMessage(), e)
                : failure;
        // A function may throw one and the same object each time, which cannot suppress itself.
        if (first != null && first != failure) {
            thrown.addSuppressed(first);
        }
        return thrown;
    }

    // ---- a connection ----

    private ConnectionHandle lease(
            @Nullable CommitPosition after,
            @Nullable Deadline wait,
            @Nullable ConnectionPool failed,
            @Nullable Exception first) {
        try {
            return after == null || wait == null ? leaseAny(failed) : leaseAfter(after.lsn(), wait, failed);
        } catch (AcquireException e) {
            if (first != null) {
                e.addSuppressed(first);
            }
            throw e;
        }
    }

    private ConnectionHandle leaseAny(@Nullable ConnectionPool failed) {
        Deadline deadline = primary.acquireDeadline();
        ConnectionPool pool = failed == null ? router.choose() : router.chooseInsteadOf(failed);
        for (int left = router.replicas().size(); ; left--) {
            try {
                return pool.lease(deadline);
            } catch (AcquireException e) {
                ConnectionPool next = router.chooseInsteadOf(pool);
                if (left == 0 || next == pool || !isOut(pool, e)) {
                    throw e;
                }
                pool = next;
            }
        }
    }

    /** Whether the refusal is due to the server, so that another one may do better. */
    private boolean isOut(ConnectionPool pool, AcquireException refusal) {
        return switch (refusal.reason()) {
            case SERVER_DOWN -> true;
            case CLOSED, INTERRUPTED -> false;
            // A timeout that came before the prober's verdict, which takes up to a second.
            default -> router.isOut(pool);
        };
    }

    // ---- a connection that shows a position ----

    private ConnectionHandle leaseAfter(long lsn, Deadline wait, @Nullable ConnectionPool failed) {
        Deadline deadline = primary.acquireDeadline();
        int asked = 0;
        // Nobody reaches an unknown position.
        Replica replica = lsn == CommitPosition.UNKNOWN.lsn() ? null : router.chooseReplica(lsn, failed);
        while (replica != null) {
            ConnectionHandle connection = leaseIfShown(replica, lsn, deadline);
            if (connection != null) {
                return connection;
            }
            asked++;
            // Each of them once, before anyone is waited for.
            int pauses = asked - router.rotationSize();
            if (pauses >= 0 && !pause(pauses, wait)) {
                break;
            }
            replica = router.chooseReplica(lsn, failed);
        }
        return router.primaryForReads().lease(deadline);
    }

    /** Null if the replica is out, or has not replayed it. */
    private @Nullable ConnectionHandle leaseIfShown(Replica replica, long lsn, Deadline deadline) {
        ConnectionHandle connection;
        try {
            connection = replica.pool().lease(deadline);
        } catch (AcquireException e) {
            if (isOut(replica.pool(), e)) {
                return null;
            }
            throw e;
        }
        boolean shown = false;
        try {
            shown = replica.covers(lsn, connection.session()) || replica.replayed(connection.session()) >= lsn;
        } catch (SQLException e) {
            // The session is taken for lost if it is; that the replica is not asked again follows from that.
            connection.failed(e);
        } finally {
            if (!shown) {
                connection.release();
            }
        }
        return shown ? connection : null;
    }

    /** False if the time is over. An interrupt ends the wait, too, and the next acquire says so. */
    private static boolean pause(int pauses, Deadline wait) {
        long left = wait.remainingNanos();
        if (left <= 0) {
            return false;
        }
        try {
            TimeUnit.NANOSECONDS.sleep(Math.min(left, PAUSES_NANOS[Math.min(pauses, PAUSES_NANOS.length - 1)]));
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    @Override
    public String toString() {
        return router.replicas().size() + " replicas, " + primary;
    }
}
