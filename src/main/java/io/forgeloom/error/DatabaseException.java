package io.forgeloom.error;

import java.io.Serial;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The database, or the way to it, refused something. Always caused by a {@link SQLException}, whose SQLSTATE it repeats;
 * {@link SqlState} knows what the states mean.
 */
public final class DatabaseException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final SQLException sqlException;

    /** Says what the driver said. */
    public DatabaseException(SQLException cause) {
        this(String.valueOf(cause.getMessage()), cause);
    }

    /** Says in {@code message} what was being done, and after it what the driver said of its state. */
    public DatabaseException(String message, SQLException cause) {
        super(cause.getSQLState() == null ? message : message + " [SQLSTATE " + cause.getSQLState() + "]", cause);
        this.sqlException = cause;
    }

    /** The five characters of the SQL standard, or null where the driver gave none. */
    public @Nullable String sqlState() {
        return sqlException.getSQLState();
    }

    /** The exception of the driver. */
    public SQLException sqlException() {
        return sqlException;
    }
}
