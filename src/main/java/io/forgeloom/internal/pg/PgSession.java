package io.forgeloom.internal.pg;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;

/**
 * One session with a server, and what the driver knows of it without asking. One thread at a time, but for
 * {@link #abort()} and {@link #cancel()}, which any thread may call.
 */
public final class PgSession implements AutoCloseable {

    private final Connection connection;
    private final BaseConnection base;
    private final PGConnection pg;

    PgSession(Connection connection) throws SQLException {
        this.connection = connection;
        this.base = connection.unwrap(BaseConnection.class);
        this.pg = connection.unwrap(PGConnection.class);
    }

    /** The driver's connection. */
    public Connection connection() {
        return connection;
    }

    /**
     * The process id that the server named in the start-up message. A pooler in between invents one: then it differs from
     * what {@code pg_backend_pid()} returns.
     */
    public int backendPid() {
        return pg.getBackendPID();
    }

    /** Whether a transaction is open, a failed one included, as of the last answer of the server. No round trip. */
    public boolean inTransaction() {
        return base.getTransactionState() != TransactionState.IDLE;
    }

    /** What the server last reported for a parameter such as {@code in_hot_standby}; null if it never did. No round trip. */
    public @Nullable String reported(String parameter) {
        return pg.getParameterStatus(parameter);
    }

    /** Whether the session is known to be over. No round trip. */
    public boolean isClosed() {
        try {
            return connection.isClosed();
        } catch (SQLException e) {
            return true;
        }
    }

    /** Asks the server, over a connection of its own, to end the statement that runs, if one does. Any thread. */
    public void cancel() throws SQLException {
        pg.cancelQuery();
    }

    /** Closes the socket at once; a thread that waits for an answer gets an error. The server may go on running the query. */
    public void abort() {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            // The driver's abort does no I/O that could fail; what is left of the session is garbage.
            System.getLogger("io.forgeloom.database").log(System.Logger.Level.DEBUG, "abort failed", e);
        }
    }

    /** Says goodbye and closes the socket. */
    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            abort();
        }
    }
}
