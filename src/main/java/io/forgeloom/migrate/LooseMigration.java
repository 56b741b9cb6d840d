package io.forgeloom.migrate;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.ScriptSession;
import io.forgeloom.migrate.LooseStatement.Recovery;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.migrate.MigrationPlan.Step;
import java.lang.System.Logger.Level;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Applies a file without a transaction: one statement, between a row that says that it runs and one that says that it is
 * done. Whoever finds the first without the second goes on by the kind of the statement, see {@link Recovery}. Confined
 * to one thread.
 */
final class LooseMigration {

    /** What must hold for the history to be written. */
    interface Guard {
        void check() throws SQLException;
    }

    private static final String UNDEFINED_OBJECT = "42704";
    private static final String DUPLICATE = "42P07";

    /** In the schema of the table, since an index has that of its table; its name folded and cut as the server does. */
    private static final String INDEX = """
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.indisvalid AND i.indisready
            FROM pg_catalog.pg_class AS t
            JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
            JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
                 AND c.relname = CAST((pg_catalog.parse_ident(?))[1] AS name)
            JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
            WHERE t.oid = pg_catalog.to_regclass(?)
            """;

    /** An index, as it is in the database. */
    private record Index(String name, boolean valid) {}

    private final MigrationSession session;
    private final ScriptSession script;
    private final MigrationLimits limits;
    private final Consumer<MigrationEvent> listener;
    private final Guard guard;

    LooseMigration(MigrationSession session, MigrationLimits limits, Consumer<MigrationEvent> listener, Guard guard) {
        this.session = session;
        this.script = session.script();
        this.limits = limits;
        this.listener = listener;
        this.guard = guard;
    }

    /** Why a step would not be begun: an earlier run began it, and nobody can tell from outside how it ended. */
    static Optional<String> refusal(Step step, Identifier schema) {
        if (!step.unfinished()) {
            return Optional.empty();
        }
        SqlStatement statement = step.file().statements().getFirst();
        return kind(statement).recovery() == Recovery.ASK
                ? Optional.of(step.file().file() + ":" + statement.line() + ": " + advice(step, schema))
                : Optional.empty();
    }

    void apply(Step step, boolean last, long begun) throws SQLException {
        SqlStatement statement = step.file().statements().getFirst();
        LooseStatement kind = kind(statement);
        if (step.unfinished() && kind.recovery() == Recovery.ASK) {
            throw failure(step, Reason.UNFINISHED, advice(step, session.schema()), null);
        }
        script.send(session.fresh());
        if (!step.unfinished()) {
            session.history().begun(step.key(), step.file());
        }
        script.send(MigrationSession.AS_CONNECTED + "SET lock_timeout = "
                + (isConcurrent(kind) ? 0 : limits.lockTimeout().toMillis())
                + "; SET statement_timeout = " + limits.looseStatementTimeout().toMillis());
        if (!step.unfinished() || !isDone(step, kind)) {
            execute(step, statement, kind);
        }
        script.send(session.fresh());
        guard.check();
        script.send("BEGIN");
        session.history().applied(step.key(), step.file(), MigrationRun.since(begun), null);
        if (last) {
            session.remember(step.key());
        }
        script.send("COMMIT");
    }

    /** What a run that was cut off left behind is taken away, or found to be all there is to do. */
    private boolean isDone(Step step, LooseStatement kind) throws SQLException {
        @Nullable Index index = indexOf(kind);
        if (index == null) {
            return false;
        }
        if (!index.valid) {
            String what = "index " + index.name + " was left invalid by a run that was cut off; it is built anew";
            Migrator.LOG.log(Level.WARNING, what);
            listener.accept(new MigrationEvent.Recovering(step.key(), what));
            drop(index);
        }
        return index.valid;
    }

    private void execute(Step step, SqlStatement statement, LooseStatement kind) throws SQLException {
        try {
            script.send(statement.text());
        } catch (SQLException e) {
            if (step.unfinished()
                    && kind.recovery() == Recovery.DONE_IF_GONE
                    && UNDEFINED_OBJECT.equals(e.getSQLState())) {
                return;
            }
            throw failed(step, kind, e);
        }
        @Nullable Index index = indexOf(kind);
        if (index != null && !index.valid) {
            throw failure(
                    step,
                    Reason.STATEMENT_FAILED,
                    "index " + index.name
                            + " is there and invalid: one of that name was left by somebody else; run DROP"
                            + " INDEX CONCURRENTLY " + index.name + ", and then this again",
                    null);
        }
    }

    /** Leaves nothing behind where it can be known what to take away; then the file is as if it had not begun. */
    private MigrationException failed(Step step, LooseStatement kind, SQLException e) {
        String state = e.getSQLState();
        String message = e.getMessage() + (state == null ? "" : " [SQLSTATE " + state + "]");
        int position = ScriptSession.errorPosition(e);
        boolean interrupted = Thread.currentThread().isInterrupted();
        if (interrupted || SqlState.isSessionLost(state)) {
            Reason reason = interrupted ? Reason.INTERRUPTED : Reason.CONNECTION_LOST;
            return failure(step, reason, position, message + "; run again: it finds out how far this one came", e);
        }
        if (kind.recovery() == Recovery.ASK) {
            return failure(step, Reason.STATEMENT_FAILED, position, message + "; " + advice(step, session.schema()), e);
        }
        try {
            // One of that name was there before: it is not ours to take away.
            if (kind.index() != null && !DUPLICATE.equals(state)) {
                @Nullable Index index = indexOf(kind);
                if (index != null && !index.valid) {
                    drop(index);
                }
            }
            script.send(session.fresh());
            session.history().forget(step.key());
            message += "; nothing of this file was applied";
        } catch (SQLException again) {
            e.addSuppressed(again);
            message += "; the next run takes away what is left of it";
        }
        return failure(step, Reason.STATEMENT_FAILED, position, message, e);
    }

    private void drop(Index index) throws SQLException {
        script.send("DROP INDEX CONCURRENTLY IF EXISTS " + index.name);
    }

    /** Under the search path of the file. */
    private @Nullable Index indexOf(LooseStatement kind) throws SQLException {
        if (kind.index() == null) {
            return null;
        }
        try (PreparedStatement statement = session.connection().prepareStatement(INDEX)) {
            statement.setString(1, kind.index());
            statement.setString(2, kind.table());
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? new Index(row.getString(1), row.getBoolean(2)) : null;
            }
        }
    }

    /** Such a one waits for old transactions, while it keeps nobody waiting. */
    private static boolean isConcurrent(LooseStatement kind) {
        return kind.recovery() == Recovery.DROP_INVALID_INDEX || kind.recovery() == Recovery.DONE_IF_GONE;
    }

    private static LooseStatement kind(SqlStatement statement) {
        try {
            return LooseStatement.of(statement);
        } catch (ScriptException e) {
            throw new IllegalStateException("was read before", e);
        }
    }

    /** The first remedy also forgets what the schema was: nobody else has looked since. */
    private static String advice(Step step, Identifier schema) {
        String table = schema.quoted() + ".forge_system_migrations";
        String key = "'" + step.key() + "'";
        return "it was begun and cannot be run again unseen; look what it did. If all of it: UPDATE " + table
                + " SET state = 'applied', catalog = NULL WHERE version = " + key + " OR catalog IS NOT NULL"
                + "; if nothing, or what is left was taken back: DELETE FROM "
                + table + " WHERE version = " + key + "; then run again";
    }

    private static MigrationException failure(Step step, Reason reason, String message, @Nullable Throwable cause) {
        return failure(step, reason, 0, message, cause);
    }

    /** @param position in the statement, where the server named one; else 0 */
    private static MigrationException failure(
            Step step, Reason reason, int position, String message, @Nullable Throwable cause) {
        SqlStatement statement = step.file().statements().getFirst();
        int line = position == 0 ? statement.line() : statement.lineOf(position);
        return MigrationException.ofFile(
                reason, step.key(), step.file().file(), line, message, statement.excerpt(position), cause);
    }
}
