package io.forgeloom.lock;

import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A lock that a session has. It is held until it is closed, or until the server ends the session: because it was told to,
 * because it restarts, because it found the client gone. Lost once is lost for good; nothing takes it again by itself.
 *
 * <p>What this object knows of that:
 *
 * <ul>
 *   <li>{@link #isLost()}, no round trip: true is certain, false says only that no loss has been noticed;
 *   <li>{@link #isHeld(Duration)}, one round trip: true if the server said so during the call;
 *   <li>{@link #proofAge()}, no round trip: how long ago the server last said so. A holder that was paused, by its garbage
 *       collector or its machine, sees that here: past the time that it trusts a proof for, it asks before it acts.
 * </ul>
 *
 * <p>While nobody uses the session, a network that goes silent is noticed by {@code isHeld} and nothing else on this side,
 * and by the server after its TCP keep-alive or {@code idle_session_timeout}, whose setting on {@link #connection()} bounds
 * how long a frozen process keeps others out.
 *
 * <p>One thread at a time, as the connection; {@link #isLost()}, {@link #proofAge()} and {@link #id()} are for any thread.
 */
public final class HeldLock implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger("io.forgeloom.lock");

    /** A session in a failed transaction answers nothing, but lives and has its locks. */
    private static final String FAILED_TRANSACTION = "25P02";

    private final LockId id;
    private final Connection connection;

    /** Whether the session was acquired for this lock alone, and ends with it. */
    private final boolean owned;

    /** Written by the one who uses the lock, read by any thread. */
    private volatile boolean over;

    /** {@link System#nanoTime()} before the last question that the server answered with yes; as above. */
    private volatile long provenNanos;

    HeldLock(LockId id, Connection connection, boolean owned, long provenNanos) {
        this.id = id;
        this.connection = connection;
        this.owned = owned;
        this.provenNanos = provenNanos;
    }

    /** Which lock. */
    public LockId id() {
        return id;
    }

    /**
     * The connection whose session has the lock: what is done on it is done by the holder, and fails if the lock is lost
     * with the session. Not to be closed where the lock has a session of its own.
     */
    public Connection connection() {
        return connection;
    }

    /**
     * Whether it is known that the lock is held no more: closed, or its session found dead by {@link #isHeld} or by
     * whoever used the connection. No round trip. False is no proof that it is held.
     */
    public boolean isLost() {
        return over || isClosed(connection);
    }

    /** How long ago the server last said that the lock is held, counted from before it was asked. No round trip. */
    public Duration proofAge() {
        return Duration.ofNanos(System.nanoTime() - provenNanos);
    }

    /**
     * Asks the server, over the session itself, whether that has the lock. One round trip; waits up to {@code timeout}. Without an
     * answer, or if the answer is no, the lock is lost for good, and the session is ended so that the server frees
     * what it may still hold. An interrupt that is pending is put off for the round trip; one that arrives during it costs
     * a virtual thread the session, and so the lock.
     *
     * @param timeout at least a millisecond
     * @return whether the session had the lock at a moment during this call
     * @throws DatabaseException in a transaction that has failed, where nothing can be asked: roll back, and ask then
     */
    public boolean isHeld(Duration timeout) {
        if (isLost()) {
            return false;
        }
        long asked = System.nanoTime();
        boolean held;
        try {
            held = Question.within(timeout, connection, this::isOwn);
        } catch (SQLException e) {
            if (FAILED_TRANSACTION.equals(e.getSQLState())) {
                throw new DatabaseException("lock " + id + ": not to be asked about in a failed transaction", e);
            }
            lose("not confirmed after " + millisSince(asked) + " ms (limit " + timeout.toMillis() + " ms)", e);
            return false;
        }
        if (!held) {
            lose("its session does not have it any more", null);
            return false;
        }
        provenNanos = asked;
        return true;
    }

    /**
     * Gives the lock back; another can take it once this returns. One round trip, at most 5 s; whatever happens to it, the
     * lock is this object's no more. Without an answer the session is ended, which frees the lock as soon as the server
     * knows. Doing it again does nothing.
     *
     * @return whether the server said that it was held until now, without a gap; false if it was lost before, or nobody knows
     */
    public boolean release() {
        if (over) {
            return false;
        }
        boolean held = false;
        try {
            held = unlock();
        } finally {
            over = true;
            if (owned) {
                end(connection);
            }
        }
        return held;
    }

    /** As {@link #release()}. */
    @Override
    public void close() {
        release();
    }

    @Override
    public String toString() {
        return "HeldLock[" + id
                + (isLost() ? ", lost" : ", proven " + proofAge().toMillis() + " ms ago") + "]";
    }

    private boolean unlock() {
        if (isClosed(connection)) {
            return false;
        }
        long asked = System.nanoTime();
        try {
            boolean held = Question.within(AdvisoryLock.ANSWER, connection, this::unlockOn);
            if (!held) {
                LOG.log(Level.WARNING, "lock " + id + ": its session did not have it any more when it was released");
            }
            return held;
        } catch (SQLException e) {
            lose("its release failed after " + millisSince(asked) + " ms", e);
            return false;
        }
    }

    /** Takes it for lost, and makes that true: the end of the session frees whatever it holds. */
    private void lose(String why, @Nullable SQLException cause) {
        over = true;
        String last = cause == null ? "" : ": " + cause.getMessage();
        LOG.log(Level.WARNING, "lock " + id + ": " + why + "; it counts as lost and its session is ended" + last);
        abort(connection);
        if (owned) {
            end(connection);
        }
    }

    private boolean isOwn(Connection session) throws SQLException {
        try (PreparedStatement statement = session.prepareStatement(AdvisoryLock.IS_OWN)) {
            AdvisoryLock.setLock(statement, 1, id);
            return first(statement);
        }
    }

    private boolean unlockOn(Connection session) throws SQLException {
        try (PreparedStatement statement = session.prepareStatement("SELECT pg_catalog.pg_advisory_unlock(?)")) {
            statement.setLong(1, id.value());
            return first(statement);
        }
    }

    private static boolean first(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    private static boolean isClosed(Connection connection) {
        try {
            return connection.isClosed();
        } catch (SQLException e) {
            return true;
        }
    }

    /** Closes the socket; the pool then has the server end what is left of the session. */
    static void abort(Connection connection) {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            LOG.log(Level.DEBUG, "a session could not be aborted", e);
        }
    }

    /** Ends a session that was acquired for a lock alone. */
    static void end(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            LOG.log(Level.DEBUG, "the session of a lock could not be closed", e);
        }
    }
}
