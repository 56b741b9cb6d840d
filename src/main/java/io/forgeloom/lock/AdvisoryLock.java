package io.forgeloom.lock;

import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Transaction;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.SqlState;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Takes advisory locks of PostgreSQL: one holder at a time on a database, whatever the process or the machine, for as
 * long as a session or a transaction lives. Every call tries once and answers at once; whoever wants to wait tries again
 * after a pause, because a session that waits inside {@code pg_advisory_lock} holds a snapshot and deadlocks with
 * {@code CREATE INDEX CONCURRENTLY} of the holder.
 *
 * <p>A lock of a session is for work that outlives a transaction: {@link #tryAcquire(ConnectionPool, LockId)} has a session
 * of its own, {@link #tryAcquire(Connection, LockId)} takes the caller's, on which several tries cost one session.
 * PostgreSQL lets a session take a lock again that it has, and counts; here that is refused, for whoever asked twice would
 * believe it excludes itself. A lock of a transaction, {@link #tryAcquire(Transaction, LockId)}, ends with that.
 *
 * <p>A lock excludes nobody from the data: who does not ask for it is not kept out, and a holder that was paused may have
 * lost it. {@link HeldLock} says what can be known of that.
 *
 * <p>Safe for use by many threads.
 */
public final class AdvisoryLock {

    /** How long the server may take to answer a try, or who the holder is. */
    static final Duration ANSWER = Duration.ofSeconds(5);

    /** A lock is another one in another database, and two 32-bit keys (objsubid 2) are another lock than one of 64 bits. */
    private static final String IS_THE_LOCK = """
            l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
               AND l.classid = CAST(? AS pg_catalog.oid) AND l.objid = CAST(? AS pg_catalog.oid)
               AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                 WHERE d.datname = pg_catalog.current_database())
            """;

    /** Nothing is taken on a standby, or where the session has the lock in any mode: null then. */
    private static final String TRY_SESSION = """
            SELECT o.standby, o.own,
                   CASE WHEN NOT o.standby AND NOT o.own THEN pg_catalog.pg_try_advisory_lock(?) END
            FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby,
                         EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                                 WHERE l.pid = pg_catalog.pg_backend_pid() AND %s) AS own
                  OFFSET 0) AS o
            """.formatted(IS_THE_LOCK);

    private static final String TRY_TRANSACTION = "SELECT pg_catalog.pg_try_advisory_xact_lock(?)";

    static final String IS_OWN = """
            SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                           WHERE l.pid = pg_catalog.pg_backend_pid() AND l.mode = 'ExclusiveLock' AND %s)
            """.formatted(IS_THE_LOCK);

    /** Several have it only if it is held in the shared mode, which is never by us: the oldest session then. */
    private static final String HOLDER = """
            SELECT COALESCE(l.pid, 0), a.backend_start, a.application_name,
                   CASE WHEN a.client_port = -1 THEN 'local'
                        ELSE pg_catalog.host(a.client_addr) || ':' || a.client_port END,
                   a.state, a.state_change, a.query_start
            FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
            WHERE %s
            ORDER BY a.backend_start NULLS LAST LIMIT 1
            """.formatted(IS_THE_LOCK);

    private AdvisoryLock() {}

    /**
     * Tries to take the lock in a session of its own, a dedicated connection of {@code pool}, which must be the primary's.
     * Waits for that connection up to the pool's timeout, and for the answer up to 5 s; never for the lock.
     *
     * @return the lock, to be closed; empty if another session or transaction has it
     * @throws io.forgeloom.database.AcquireException if there is no connection
     * @throws DatabaseException if it could not be tried, or the answer was lost: then nothing is held; 25006 on a standby
     */
    public static Optional<HeldLock> tryAcquire(ConnectionPool pool, LockId id) {
        Connection session = pool.acquireDedicated("lock " + id);
        boolean taken = false;
        try {
            Optional<HeldLock> lock = tryAcquire(session, id, true);
            taken = lock.isPresent();
            return lock;
        } finally {
            if (!taken) {
                HeldLock.end(session);
            }
        }
    }

    /**
     * Tries to take the lock in the session behind {@code dedicated}, from {@link ConnectionPool#acquireDedicated}; another
     * connection could reach its next user with the lock. The connection stays the caller's, to work on and to close, and
     * closing it frees the lock. Waits up to 5 s for the answer, never for the lock. An open transaction has no influence: its end does
     * not free the lock.
     *
     * @return the lock; empty if another session or transaction has it
     * @throws IllegalStateException if this very session has the lock already
     * @throws IllegalArgumentException if the connection is not a dedicated one, or is closed
     * @throws DatabaseException if it could not be tried, or the answer was lost: then the session was ended, so that nothing
     *     is held; 25006 on a standby, whose session goes on
     */
    public static Optional<HeldLock> tryAcquire(Connection dedicated, LockId id) {
        if (!ConnectionPool.isDedicated(dedicated)) {
            throw new IllegalArgumentException(
                    dedicated + " is no open connection of ConnectionPool.acquireDedicated, so a lock of its session"
                            + " could reach the next user of it");
        }
        return tryAcquire(dedicated, id, false);
    }

    /**
     * Tries to take the lock for the rest of the transaction: it is free again when that commits or rolls back, or goes
     * back to a savepoint from before. Taking it twice in one transaction succeeds and changes nothing. One round trip, under
     * the transaction's timeout; never waits for the lock. In a transaction with
     * {@link io.forgeloom.database.IsolationLevel#REPEATABLE_READ} or above, what it sees is from before the lock.
     *
     * @return whether the transaction has the lock; false if another session or transaction has it
     * @throws SQLException as any statement of the transaction, to be passed on
     */
    public static boolean tryAcquire(Transaction transaction, LockId id) throws SQLException {
        try (PreparedStatement statement = transaction.connection().prepareStatement(TRY_TRANSACTION)) {
            statement.setLong(1, id.value());
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    /**
     * Who has the lock, as of now, asked over a connection of {@code pool}, which must be the primary's. Waits for a
     * connection up to the pool's timeout, and for the answer up to 5 s.
     *
     * @return the holder; empty if nobody has the lock
     * @throws io.forgeloom.database.AcquireException if there is no connection
     * @throws DatabaseException if the server could not be asked
     */
    public static Optional<LockHolder> holder(ConnectionPool pool, LockId id) {
        try (Connection connection = pool.acquire()) {
            return holder(connection, id);
        } catch (SQLException e) {
            throw new DatabaseException(e);
        }
    }

    /**
     * Who has the lock, as of now, asked over {@code connection}, one to the primary. Waits up to 5 s for the answer, and
     * ends the session if there is none.
     *
     * @return the holder, which may be this session; empty if nobody has the lock
     * @throws DatabaseException if the server could not be asked
     */
    public static Optional<LockHolder> holder(Connection connection, LockId id) {
        try {
            return Question.within(ANSWER, connection, c -> {
                try (PreparedStatement statement = c.prepareStatement(HOLDER)) {
                    setLock(statement, 1, id);
                    try (ResultSet row = statement.executeQuery()) {
                        return row.next() ? Optional.of(holderIn(row)) : Optional.empty();
                    }
                }
            });
        } catch (SQLException e) {
            throw new DatabaseException("lock " + id + ": its holder could not be asked for: " + e.getMessage(), e);
        }
    }

    private static Optional<HeldLock> tryAcquire(Connection session, LockId id, boolean owned) {
        // Before it is sent: the proof must not be younger than the lock.
        long asked = System.nanoTime();
        Attempt attempt;
        try {
            attempt = Question.within(ANSWER, session, c -> attempt(c, id));
        } catch (SQLException e) {
            // An error does not give back a lock of a session: only its end makes it certain that nothing is held.
            HeldLock.abort(session);
            long millis = (System.nanoTime() - asked) / 1_000_000;
            throw new DatabaseException(
                    "lock " + id + ": the try failed after " + millis + " ms (limit " + ANSWER.toMillis()
                            + " ms), and its session was ended, so that nothing is held: " + e.getMessage(),
                    e);
        }
        if (attempt.standby) {
            throw new DatabaseException(new SQLException(
                    "lock " + id + ": this server is a standby, whose locks keep nobody out on the primary; take it on"
                            + " Database.primary()",
                    SqlState.READ_ONLY));
        }
        if (attempt.own) {
            throw new IllegalStateException("lock " + id + ": this session has it already; close that one first");
        }
        return attempt.taken ? Optional.of(new HeldLock(id, session, owned, asked)) : Optional.empty();
    }

    private record Attempt(boolean standby, boolean own, boolean taken) {}

    private static Attempt attempt(Connection connection, LockId id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(TRY_SESSION)) {
            statement.setLong(1, id.value());
            setLock(statement, 2, id);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new Attempt(row.getBoolean(1), row.getBoolean(2), row.getBoolean(3));
            }
        }
    }

    /** Sets the two parameters of {@link #IS_THE_LOCK}. */
    static void setLock(PreparedStatement statement, int first, LockId id) throws SQLException {
        statement.setLong(first, id.classId());
        statement.setLong(first + 1, id.objId());
    }

    private static LockHolder holderIn(ResultSet row) throws SQLException {
        return new LockHolder(
                row.getInt(1),
                instant(row, 2),
                row.getString(3),
                row.getString(4),
                row.getString(5),
                instant(row, 6),
                instant(row, 7));
    }

    private static @Nullable Instant instant(ResultSet row, int column) throws SQLException {
        OffsetDateTime value = row.getObject(column, OffsetDateTime.class);
        return value == null ? null : value.toInstant();
    }
}
