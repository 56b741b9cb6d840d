package io.forgeloom.error;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * What a SQLSTATE means to a program: the one place that knows PostgreSQL's codes
 * (<a href="https://www.postgresql.org/docs/18/errcodes-appendix.html">Appendix A</a>). Safe for use by many threads.
 */
public final class SqlState {

    /** {@code serialization_failure}: the transaction must be run again from its start. */
    public static final String SERIALIZATION_FAILURE = "40001";

    /** {@code deadlock_detected}: this transaction was chosen to give way. */
    public static final String DEADLOCK_DETECTED = "40P01";

    /** {@code transaction_timeout}: the server ended the session because its transaction took too long. */
    public static final String TRANSACTION_TIMEOUT = "25P04";

    /** {@code read_only_sql_transaction}: a write where none is allowed: a standby, or a transaction that is read-only. */
    public static final String READ_ONLY = "25006";

    /** {@code protocol_violation}: what PgBouncer answers to a start-up option that it does not know. */
    public static final String PROTOCOL_VIOLATION = "08P01";

    /** {@code insufficient_privilege}: the role may not do that. */
    public static final String INSUFFICIENT_PRIVILEGE = "42501";

    /** {@code cannot_connect_now}: the server is starting up, or shutting down. */
    public static final String CANNOT_CONNECT_NOW = "57P03";

    private SqlState() {}

    /**
     * Whether running the same transaction again from its start may succeed because the server ended it for the sake of
     * another: 40001 and 40P01, nothing else.
     */
    public static boolean isRetryable(@Nullable String sqlState) {
        return SERIALIZATION_FAILURE.equals(sqlState) || DEADLOCK_DETECTED.equals(sqlState);
    }

    /**
     * Whether the session cannot be used again: the connection failed (class 08), or the server ended the session (57P01
     * to 57P05, and the timeouts that end a session, 25P03 and 25P04).
     */
    public static boolean isSessionLost(@Nullable String sqlState) {
        if (sqlState == null) {
            return false;
        }
        return sqlState.startsWith("08")
                || sqlState.startsWith("57P0")
                || sqlState.equals("25P03")
                || sqlState.equals(TRANSACTION_TIMEOUT);
    }

    /** The SQLSTATE of the first {@link SQLException} in the chain of causes that has one. */
    public static @Nullable String of(@Nullable Throwable failure) {
        // Eight is deeper than any chain that wraps a driver's error; the bound guards against a cyclic one.
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < 8; depth++) {
            if (cause instanceof SQLException sql && sql.getSQLState() != null) {
                return sql.getSQLState();
            }
            cause = cause.getCause();
        }
        return null;
    }
}
