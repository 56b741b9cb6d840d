package io.forgeloom.database;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Runs functions in transactions on the connections of one pool. Safe for use by many threads. */
final class Transactions {

    // One attempt: acquire, BEGIN (the driver sends it with the first statement), the function, COMMIT, release, then
    // the actions after the commit. What the server ended with 40001 or 40P01, in the function or at COMMIT, is not
    // committed and may be run again. A session lost at COMMIT is neither: only the transaction's id, if it was read
    // beforehand, can tell, and it is asked for over another session.

    private static final Duration FIRST_RETRY = Duration.ofMillis(10);
    private static final Duration LAST_RETRY = Duration.ofSeconds(1);
    private static final Duration NETWORK_GRACE = Duration.ofSeconds(1);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /**
     * No row for a transaction that has written nothing, and so has nothing to lose at COMMIT.
     *
     * <p>The message makes the id durable. A server that crashes before anything of a transaction is on disk does not know
     * afterwards that its id was given: it gives it to the next one, whose fate {@link #TRANSACTION_STATUS} would tell.
     * Every record of the log carries the id of the transaction that wrote it; only a message outside of the transaction
     * is flushed at once (inside, {@code flush} is passed over), and one flush takes along all that was written before.
     * CASE, because the order in which conditions are looked at is the planner's.
     */
    private static final String OWN_TRANSACTION_ID = """
            SELECT x::text, pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)
            FROM pg_catalog.pg_current_xact_id_if_assigned() AS x
            WHERE CASE WHEN x IS NULL THEN false
                  ELSE pg_catalog.pg_logical_emit_message(false, 'forge', ''::text, true) IS NOT NULL END
            """;

    /** No row on another timeline; null status for a transaction that is too old to be known. */
    private static final String TRANSACTION_STATUS = """
            SELECT pg_catalog.pg_xact_status(?::xid8)
            WHERE NOT pg_catalog.pg_is_in_recovery()
              AND pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) = ?
            """;

    private final ConnectionPool pool;
    private final PositionedCommit positionedCommit;

    /** What the threads run that are inside a transaction of this pool: each adds and removes its own. */
    private final Map<Thread, Attempts<?, ?>> inside = new ConcurrentHashMap<>();

    Transactions(ConnectionPool pool, WalPages pages) {
        this.pool = pool;
        this.positionedCommit = new PositionedCommit(pool, pages);
    }

    /** The transaction that the function is in which this thread runs. */
    Optional<Transaction> current() {
        Attempts<?, ?> attempts = inside.get(Thread.currentThread());
        return attempts == null ? Optional.empty() : Optional.ofNullable(attempts.transaction);
    }

    <T extends @Nullable Object, X extends Exception> T run(
            TransactionOptions options, TransactionFunction<T, X> function) throws X {
        return run(new Attempts<>(options, function, false));
    }

    <T extends @Nullable Object, X extends Exception> Committed<T> runWithPosition(
            TransactionOptions options, TransactionFunction<T, X> function) throws X {
        Attempts<T, X> attempts = new Attempts<>(options, function, true);
        T result = run(attempts);
        return new Committed<>(result, attempts.position);
    }

    private <T extends @Nullable Object, X extends Exception> T run(Attempts<T, X> attempts) throws X {
        Thread thread = Thread.currentThread();
        if (inside.putIfAbsent(thread, attempts) != null) {
            throw new IllegalStateException("inTransaction inside inTransaction on thread \"" + thread.getName()
                    + "\": the inner one would wait for a second connection while holding the first, which ends in a"
                    + " deadlock once the pool is full; use Transaction.withSavepoint for a part that may fail");
        }
        T result;
        try {
            result = attempts.run();
        } finally {
            inside.remove(thread);
        }
        for (Runnable action : attempts.afterCommit) {
            try {
                action.run();
            } catch (RuntimeException e) {
                ConnectionPool.LOG.log(Level.WARNING, "an action after a commit failed; the commit stands", e);
            }
        }
        return result;
    }

    /** All the tries of one call of {@link #run}. */
    private final class Attempts<T extends @Nullable Object, X extends Exception> {

        private final TransactionOptions options;
        private final TransactionFunction<T, X> function;
        private final boolean wantsPosition;
        private final @Nullable Deadline deadline;

        /** While the function runs; for its own thread. */
        private @Nullable Transaction transaction;

        List<Runnable> afterCommit = List.of();

        /** Of the commit, if it is wanted. */
        CommitPosition position = CommitPosition.UNKNOWN;

        Attempts(TransactionOptions options, TransactionFunction<T, X> function, boolean wantsPosition) {
            this.options = options;
            this.function = function;
            this.wantsPosition = wantsPosition;
            this.deadline = options.timeout().isZero() ? null : Deadline.after(options.timeout());
        }

        T run() throws X {
            List<Throwable> earlier = new ArrayList<>();
            for (int attempt = 1; ; attempt++) {
                try {
                    return once(attempt);
                } catch (CommitOutcomeUnknownException | AcquireException e) {
                    throw suppressing(e, earlier);
                } catch (SQLException e) {
                    if (!mayRetry(e, attempt)) {
                        throw suppressing(unchecked(e, attempt), earlier);
                    }
                    earlier.add(e);
                } catch (Exception e) {
                    // Only X and unchecked ones are left: a library in between may have wrapped the driver's error.
                    if (!mayRetry(e, attempt)) {
                        @SuppressWarnings("unchecked")
                        X failure = (X) suppressing(e, earlier);
                        throw failure;
                    }
                    earlier.add(e);
                }
            }
        }

        private T once(int attempt) throws SQLException, X {
            Deadline acquire = pool.acquireDeadline();
            ConnectionHandle connection = pool.lease(deadline == null ? acquire : deadline.earlier(acquire));
            try {
                connection.beginManaged();
                applyOptions(connection);
                Transaction begun = new Transaction(connection, attempt);
                T result = apply(begun);
                commit(connection);
                afterCommit = begun.afterCommitActions();
                return result;
            } finally {
                connection.endManaged();
                // Rolls back whatever is still open.
                connection.release();
            }
        }

        private T apply(Transaction begun) throws SQLException, X {
            transaction = begun;
            try {
                return function.apply(begun);
            } finally {
                transaction = null;
            }
        }

        private void applyOptions(ConnectionHandle connection) throws SQLException {
            StringBuilder sql = new StringBuilder();
            if (options.isolation() != IsolationLevel.SERVER_DEFAULT || options.readOnly()) {
                sql.append("SET TRANSACTION");
                if (options.isolation() != IsolationLevel.SERVER_DEFAULT) {
                    sql.append(" ISOLATION LEVEL ").append(options.isolation().sql());
                }
                sql.append(options.readOnly() ? " READ ONLY;" : ";");
            }
            if (deadline != null) {
                long millis = Math.max(1, deadline.remaining().toMillis());
                sql.append("SET LOCAL transaction_timeout = ").append(millis);
                long network = Math.min(Integer.MAX_VALUE, millis + NETWORK_GRACE.toMillis());
                connection.setNetworkTimeout(Runnable::run, (int) network);
            }
            if (!sql.isEmpty()) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute(sql.toString());
                }
            }
        }

        private void commit(ConnectionHandle connection) throws SQLException {
            // On a virtual thread a pending interrupt breaks the connection under COMMIT, which would leave the
            // outcome in doubt; refused before it, the outcome is certain.
            if (Thread.currentThread().isInterrupted()) {
                throw new CancellationException(
                        pool.name() + ": the thread was interrupted before COMMIT; the transaction is rolled back");
            }
            TransactionId id = options.traceCommit() ? ownId(connection) : null;
            connection.endManaged();
            try {
                if (wantsPosition) {
                    position = positionedCommit.commit(connection);
                } else {
                    connection.commit();
                }
            } catch (SQLException e) {
                if (SqlState.isSessionLost(e.getSQLState()) || connection.isClosed()) {
                    connection.release();
                    settle(id, e);
                    if (wantsPosition) {
                        position = positionedCommit.elsewhere();
                    }
                    return;
                }
                throw e;
            }
        }

        /** Returns if the transaction is committed. */
        private void settle(@Nullable TransactionId id, SQLException lost) {
            CommitOutcome outcome = CommitOutcome.UNKNOWN;
            if (id != null) {
                try {
                    // The answer is worth a little more than the deadline, at which the loss itself may have come.
                    Deadline patience = pool.acquireDeadline();
                    outcome = outcomeOf(
                            id,
                            deadline == null
                                    ? patience
                                    : patience.earlier(
                                            Deadline.after(deadline.remaining().plus(NETWORK_GRACE))));
                } catch (AcquireException | DatabaseException e) {
                    lost.addSuppressed(e);
                }
            }
            switch (outcome) {
                case COMMITTED ->
                    ConnectionPool.LOG.log(
                            Level.INFO,
                            "{0}: the connection was lost during COMMIT; {1} is committed",
                            pool.name(),
                            id);
                case ROLLED_BACK ->
                    throw new DatabaseException(
                            pool.name() + ": the connection was lost during COMMIT; transaction " + id
                                    + " was rolled back",
                            lost);
                case UNKNOWN ->
                    throw new CommitOutcomeUnknownException(
                            pool.name() + ": the connection was lost during COMMIT; transaction "
                                    + (id == null ? "(id not traced)" : id)
                                    + " may be committed or not: "
                                    + lost.getMessage(),
                            id,
                            lost);
            }
        }

        private boolean mayRetry(Exception failure, int attempt) {
            if (!SqlState.isRetryable(SqlState.of(failure)) || attempt >= options.maxAttempts()) {
                return false;
            }
            long wait = Backoff.fullJitterNanos(FIRST_RETRY, LAST_RETRY, attempt, ThreadLocalRandom.current());
            if (deadline != null && deadline.remainingNanos() <= wait) {
                return false;
            }
            try {
                TimeUnit.NANOSECONDS.sleep(wait);
                return true;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }

        private RuntimeException unchecked(SQLException e, int attempt) {
            boolean late = SqlState.TRANSACTION_TIMEOUT.equals(e.getSQLState())
                    || (deadline != null && deadline.expired() && SqlState.isSessionLost(e.getSQLState()));
            if (late && deadline != null) {
                return new DeadlineExceededException(
                        pool.name() + ": the transaction was not done within its timeout of "
                                + options.timeout().toMillis() + " ms and was rolled back (attempt " + attempt + "): "
                                + e.getMessage(),
                        options.timeout(),
                        e);
            }
            return new DatabaseException(e);
        }

        private static <E extends Throwable> E suppressing(E failure, List<Throwable> earlier) {
            for (Throwable attempt : earlier) {
                // A function may throw one and the same object each time, which cannot suppress itself.
                if (attempt != failure) {
                    failure.addSuppressed(attempt);
                }
            }
            return failure;
        }
    }

    private static @Nullable TransactionId ownId(ConnectionHandle connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(OWN_TRANSACTION_ID)) {
            return row.next() ? new TransactionId(row.getString(2), Long.parseLong(row.getString(1))) : null;
        }
    }

    /** Asks until the transaction has ended or the deadline has passed. */
    CommitOutcome outcomeOf(TransactionId id, Deadline deadline) {
        while (true) {
            ConnectionHandle connection = pool.lease(deadline);
            try (PreparedStatement statement = connection.prepareStatement(TRANSACTION_STATUS)) {
                statement.setString(1, Long.toString(id.id()));
                statement.setString(2, id.timeline());
                try (ResultSet row = statement.executeQuery()) {
                    String status = row.next() ? row.getString(1) : null;
                    if ("committed".equals(status)) {
                        return CommitOutcome.COMMITTED;
                    }
                    if ("aborted".equals(status)) {
                        return CommitOutcome.ROLLED_BACK;
                    }
                    if (!"in progress".equals(status) || deadline.remainingNanos() <= POLL_NANOS) {
                        return CommitOutcome.UNKNOWN;
                    }
                }
            } catch (SQLException e) {
                throw new DatabaseException("the outcome of transaction " + id + " could not be looked up", e);
            } finally {
                connection.release();
            }
            try {
                TimeUnit.NANOSECONDS.sleep(POLL_NANOS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return CommitOutcome.UNKNOWN;
            }
        }
    }
}
