package io.forgeloom.migrate;

import io.forgeloom.error.ForgeException;
import io.forgeloom.error.SqlState;
import java.io.Serial;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The database was not brought to where the files are. {@link #reason()} says why, the message what, where and the
 * remedy. Migrations that had been applied stay; running again goes on behind them. Safe for use by many threads.
 */
public final class MigrationException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** The one reason for which it did not go on. */
    public enum Reason {
        /** What is applied is not the beginning of the files: nothing was applied. */
        DIVERGED,
        /** The schema is not what the last migration left, and that was to be an error: nothing was applied. */
        SCHEMA_CHANGED,
        /** Another session had the lock until the time was over; the message names it. */
        LOCKED,
        /** A statement failed; nothing of its file is left, unless the message says otherwise. */
        STATEMENT_FAILED,
        /** A migration without a transaction was begun by an earlier run, and only a person can tell how it ended. */
        UNFINISHED,
        /** The database refused what the runner does beside the files, for want of rights as a rule. */
        REFUSED,
        /** The session with the database was lost. Running again is safe. */
        CONNECTION_LOST,
        /** The thread was interrupted; its interrupt flag is set. Running again is safe. */
        INTERRUPTED
    }

    private final Reason reason;
    private final transient List<String> problems;
    private final @Nullable String version;
    private final @Nullable String file;
    private final int line;
    private final @Nullable String excerpt;

    private MigrationException(
            Reason reason,
            String message,
            List<String> problems,
            @Nullable String version,
            @Nullable String file,
            int line,
            @Nullable String excerpt,
            @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
        this.problems = List.copyOf(problems);
        this.version = version;
        this.file = file;
        this.line = line;
        this.excerpt = excerpt;
    }

    static MigrationException diverged(List<String> problems) {
        String message =
                "nothing was applied, because the database and the files disagree:\n" + String.join("\n", problems);
        return new MigrationException(Reason.DIVERGED, message, problems, null, null, 0, null, null);
    }

    static MigrationException schemaChanged(List<String> differences) {
        String message = "nothing was applied, because the schema is not what the last migration left:\n"
                + String.join("\n", differences)
                + "\nput it back, or accept it: the next migration that is applied with SchemaDrift.WARN takes it for right";
        return new MigrationException(Reason.SCHEMA_CHANGED, message, differences, null, null, 0, null, null);
    }

    static MigrationException of(Reason reason, String message, @Nullable Throwable cause) {
        return new MigrationException(reason, message, List.of(message), null, null, 0, null, cause);
    }

    /** What failed beside the files: the session's beginning, its end, the questions between. */
    static MigrationException ofSession(SQLException e) {
        String message = e.getMessage() + (e.getSQLState() == null ? "" : " [SQLSTATE " + e.getSQLState() + "]");
        if (Thread.currentThread().isInterrupted()) {
            return of(Reason.INTERRUPTED, "interrupted: " + message, e);
        }
        if (SqlState.isSessionLost(e.getSQLState())) {
            return of(
                    Reason.CONNECTION_LOST,
                    "the session was lost: " + message + "; run again: it goes on where the database stands",
                    e);
        }
        return of(Reason.REFUSED, "the database refused to be prepared or asked: " + message, e);
    }

    /** @param excerpt see {@link #excerpt()} */
    static MigrationException ofFile(
            Reason reason,
            String version,
            String file,
            int line,
            String message,
            @Nullable String excerpt,
            @Nullable Throwable cause) {
        String text = file + (line > 0 ? ":" + line : "") + ": " + message;
        return new MigrationException(reason, text, List.of(text), version, file, line, excerpt, cause);
    }

    /** Why. */
    public Reason reason() {
        return reason;
    }

    /** All that is wrong, at least one thing; empty on a copy that was serialized. */
    public List<String> problems() {
        // Serialization leaves a transient field null.
        return problems == null ? List.of() : problems;
    }

    /** The migration that it happened in, as the history would name it; null if in none. */
    public @Nullable String version() {
        return version;
    }

    /** Where that file is; null if in none. */
    public @Nullable String file() {
        return file;
    }

    /** The line in that file, from 1; 0 if there is none to name. */
    public int line() {
        return line;
    }

    /**
     * The line of the file where the server found the error, and below it a caret that points at the place; null if the
     * server named no place.
     */
    public @Nullable String excerpt() {
        return excerpt;
    }

    /** Of the statement that failed; null if it was none. */
    public @Nullable String sqlState() {
        return SqlState.of(getCause());
    }
}
