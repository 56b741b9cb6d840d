package io.forgeloom.migrate;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.ScriptSession;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.migrate.MigrationPlan.Step;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Applies files, one after the other, in a session that has the lock. A file in a transaction is there with its row in
 * the history, or not at all. A file without one has a row that says that it runs, before it does; after a crash that row
 * is found, and {@link LooseMigration} goes on from there. Confined to one thread.
 */
final class MigrationRun {

    /** How long the server may take to say whether the lock is still held. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private static final String IN_TRANSACTION_BLOCK = "25001";
    private static final String SESSION_LOST = "08003";
    private static final String CONNECTION_FAILURE = "08006";

    private final MigrationSession session;
    private final ScriptSession script;
    private final HeldLock lock;
    private final MigrationLimits limits;
    private final Consumer<MigrationEvent> listener;

    MigrationRun(MigrationSession session, HeldLock lock, MigrationLimits limits, Consumer<MigrationEvent> listener) {
        this.session = session;
        this.script = session.script();
        this.lock = lock;
        this.limits = limits;
        this.listener = listener;
    }

    /** Applies files in their order. */
    List<String> apply(List<Step> steps) throws SQLException, InterruptedException {
        List<String> applied = new ArrayList<>();
        for (Step step : steps) {
            MigrationFile file = step.file();
            listener.accept(new MigrationEvent.Started(
                    step.key(),
                    file.file(),
                    applied.size() + 1,
                    file.statements().size()));
            try {
                apply(step, applied.size() == steps.size() - 1);
            } catch (Throwable e) {
                // What a file without a transaction leaves half done is not to be taken for right.
                if (file.transactional()) {
                    rememberAfterFailure(applied, e);
                }
                throw e;
            }
            applied.add(step.key());
        }
        return applied;
    }

    /** A person will look now: what that one changes by hand is to be seen as such. */
    private void rememberAfterFailure(List<String> applied, Throwable failure) {
        if (applied.isEmpty()) {
            return;
        }
        try {
            script.send(session.fresh());
            if (lock.isHeld(ANSWER)) {
                script.send("BEGIN");
                session.remember(applied.getLast());
                script.send("COMMIT");
            }
        } catch (SQLException | DatabaseException e) {
            // It is not known then, which is what the database says already.
            failure.addSuppressed(e);
        }
    }

    /** Whatever it takes: again after a lock timeout, to its end after a crash. */
    private void apply(Step step, boolean last) throws SQLException, InterruptedException {
        requireNoInterrupt();
        long begun = System.nanoTime();
        if (step.file().transactional()) {
            applyInTransaction(step, last, begun);
        } else {
            new LooseMigration(session, limits, listener, this::requireLock).apply(step, last, begun);
            listener.accept(new MigrationEvent.StatementDone(step.key(), 1, since(begun)));
        }
        listener.accept(new MigrationEvent.Applied(step.key(), since(begun)));
    }

    private void applyInTransaction(Step step, boolean last, long begun) throws SQLException, InterruptedException {
        Deadline patience = Deadline.after(limits.retryTimeout());
        Backoff backoff = new Backoff(Duration.ofMillis(100), Duration.ofSeconds(5));
        for (int attempt = 1; ; attempt++) {
            try {
                attempt(step, last, begun);
                return;
            } catch (StatementFailure failure) {
                rollBack(failure.cause);
                String state = failure.cause.getSQLState();
                boolean lockConflict = MigrationSession.LOCK_NOT_AVAILABLE.equals(state) || SqlState.isRetryable(state);
                if (!lockConflict || patience.expired()) {
                    throw failure.exception(step, attempt);
                }
                Duration pause = Duration.ofNanos(backoff.nextNanos());
                Migrator.LOG.log(
                        Level.WARNING,
                        failure.where(step) + ": " + failure.cause.getMessage()
                                + "; the file was rolled back and begins" + " again in " + pause.toMillis()
                                + " ms (attempt " + attempt + ")");
                listener.accept(new MigrationEvent.Retrying(
                        step.key(), attempt, pause, String.valueOf(failure.cause.getMessage())));
                Thread.sleep(pause);
            }
        }
    }

    /** The socket of a platform thread does not feel an interrupt, so it is asked for between statements. */
    private static void requireNoInterrupt() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
    }

    private void attempt(Step step, boolean last, long begun) throws StatementFailure, InterruptedException {
        MigrationFile file = step.file();
        @Nullable SqlStatement current = null;
        try {
            String transaction = script.send(session.fresh() + "BEGIN; "
                            + path(step)
                            + timeouts() + "SELECT pg_catalog.pg_current_xact_id()")
                    .getFirst();
            for (int i = 0; i < file.statements().size(); i++) {
                requireNoInterrupt();
                current = file.statements().get(i);
                long started = System.nanoTime();
                script.send(current.text());
                requireSame(current, transaction);
                listener.accept(new MigrationEvent.StatementDone(step.key(), i + 1, since(started)));
            }
            current = null;
            // A role that the file took on may not write the history.
            script.send("RESET SESSION AUTHORIZATION; RESET ROLE; " + MigrationSession.DEPARSE_LOCALLY + timeouts());
            requireLock(file);
            if (!session.history().applied(step.key(), file, since(begun), transaction)) {
                throw new SQLException("the transaction that the file began in is over, and with it its first part");
            }
            if (last) {
                session.remember(step.key());
            }
            requireNoInterrupt();
            script.send("COMMIT");
        } catch (SQLException e) {
            throw new StatementFailure(current, e);
        } catch (InterruptedException e) {
            // Before the lock is given back.
            rollBack(e);
            throw e;
        }
    }

    private String timeouts() {
        return "SET LOCAL lock_timeout = " + limits.lockTimeout().toMillis() + "; SET LOCAL statement_timeout = "
                + limits.statementTimeout().toMillis() + "; ";
    }

    /**
     * The system's files name what they create without a schema; pg_temp is last, since it would be first if it were not
     * named. The user's have the path of the connection.
     */
    private String path(Step step) {
        return step.list().system()
                ? "SET LOCAL search_path = " + session.schema().quoted() + ", pg_temp; "
                : MigrationSession.AS_CONNECTED;
    }

    private void requireSame(SqlStatement statement, String transaction) throws SQLException {
        if (!script.inTransaction()) {
            throw new SQLException("it ended transaction " + transaction + ", which is not its own: leave that out");
        }
        if (!script.hasStandardStrings()) {
            throw new SQLException("it turned standard_conforming_strings off, which moves the ends of the strings"
                    + " behind line " + statement.line() + ": write those as E'…'");
        }
    }

    /** Whoever finds the lock lost has lost the session, too: {@link HeldLock} ends it. */
    private void requireLock() throws SQLException {
        if (!lock.isHeld(ANSWER)) {
            throw new SQLException("the lock of the migrations was lost on the way", SESSION_LOST);
        }
    }

    /** As above; a file that gives the lock back by itself would do so again in the next run. */
    private void requireLock(MigrationFile file) throws StatementFailure, SQLException {
        try {
            requireLock();
        } catch (SQLException e) {
            for (SqlStatement statement : file.statements()) {
                if (statement.text().toLowerCase(Locale.ROOT).contains("pg_advisory_unlock")) {
                    throw new StatementFailure(
                            statement,
                            new SQLException(
                                    "pg_advisory_unlock here gave back the lock of the migrations: leave that out"));
                }
            }
            throw e;
        }
    }

    private void rollBack(Exception because) {
        try {
            script.send("ROLLBACK");
        } catch (SQLException e) {
            because.addSuppressed(e);
        }
    }

    static Duration since(long nanos) {
        return Duration.ofNanos(System.nanoTime() - nanos);
    }

    /** A statement of a file did not succeed, or the beginning or the end of its transaction did not. */
    static final class StatementFailure extends Exception {

        private static final long serialVersionUID = 1L;

        private final transient @Nullable SqlStatement statement;
        private final SQLException cause;

        StatementFailure(@Nullable SqlStatement statement, SQLException cause) {
            super(cause.getMessage(), cause, false, false);
            this.statement = statement;
            this.cause = cause;
        }

        private int line() {
            int position = ScriptSession.errorPosition(cause);
            return statement == null ? 0 : position == 0 ? statement.line() : statement.lineOf(position);
        }

        private String where(Step step) {
            return step.file().file() + (line() > 0 ? ":" + line() : "");
        }

        private MigrationException exception(Step step, int attempts) {
            String state = cause.getSQLState();
            String message = cause.getMessage() + (state == null ? "" : " [SQLSTATE " + state + "]");
            if (Thread.currentThread().isInterrupted()) {
                return of(step, Reason.INTERRUPTED, "interrupted: " + message);
            }
            if (statement != null && CONNECTION_FAILURE.equals(state) && cause.getCause() == null) {
                // Not the network's: the driver ends a session whose DateStyle or encoding it cannot read.
                return of(step, Reason.STATEMENT_FAILED, message + "; nothing of this file was applied");
            }
            if (SqlState.isSessionLost(state)) {
                // A COMMIT whose answer is lost may have happened; the history knows, and the next run reads it.
                return of(step, Reason.CONNECTION_LOST, message + "; run again: it goes on where the database stands");
            }
            String remedy = IN_TRANSACTION_BLOCK.equals(state)
                    ? "; if it must run without one, begin the file with \"-- @transactional false\""
                    : "";
            String tries = attempts > 1 ? " after " + attempts + " attempts" : "";
            return of(step, Reason.STATEMENT_FAILED, message + tries + remedy + "; nothing of this file was applied");
        }

        private MigrationException of(Step step, Reason reason, String message) {
            @Nullable String excerpt = statement == null ? null : statement.excerpt(ScriptSession.errorPosition(cause));
            return MigrationException.ofFile(reason, step.key(), step.file().file(), line(), message, excerpt, cause);
        }
    }
}
