package io.forgeloom.database;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What JDBC wants of a data source beside connections. Safe for use by many threads. */
abstract sealed class PooledDataSource implements DataSource permits ConnectionPool, ReadsDataSource {

    abstract Connection acquire();

    abstract Duration acquireTimeout();

    /**
     * A connection, waiting up to the pool's timeout.
     *
     * @throws SQLTransientConnectionException whose cause, an {@link AcquireException}, says why there was none
     */
    @Override
    public final Connection getConnection() throws SQLException {
        try {
            return acquire();
        } catch (AcquireException e) {
            throw new SQLTransientConnectionException(e.getMessage(), "08001", e);
        }
    }

    /** Not supported: all connections of a pool have one user. */
    @Override
    public final Connection getConnection(String user, String password) throws SQLException {
        throw new SQLFeatureNotSupportedException("The pool's user is set in DatabaseConfig; use getConnection()");
    }

    /** The pool's acquire timeout in whole seconds. */
    @Override
    public final int getLoginTimeout() {
        return (int) acquireTimeout().toSeconds();
    }

    /** Not supported: the timeout is {@code poolTimeout} of {@link DatabaseConfig}. */
    @Override
    public final void setLoginTimeout(int seconds) throws SQLException {
        throw new SQLFeatureNotSupportedException("Set poolTimeout in DatabaseConfig");
    }

    /** Always null: logging goes to {@link System.Logger}. */
    @Override
    public final @Nullable PrintWriter getLogWriter() {
        return null;
    }

    /** Not supported: logging goes to {@link System.Logger}. */
    @Override
    public final void setLogWriter(PrintWriter out) throws SQLException {
        throw new SQLFeatureNotSupportedException("Logging goes to java.lang.System.Logger io.forgeloom.database");
    }

    /** Not supported: logging goes to {@link System.Logger}. */
    @Override
    public final Logger getParentLogger() throws SQLFeatureNotSupportedException {
        throw new SQLFeatureNotSupportedException("Logging goes to java.lang.System.Logger io.forgeloom.database");
    }

    @Override
    public final <T> T unwrap(Class<T> type) throws SQLException {
        if (type.isInstance(this)) {
            return type.cast(this);
        }
        throw new SQLException(this + " wraps no " + type.getName());
    }

    @Override
    public final boolean isWrapperFor(Class<?> type) {
        return type.isInstance(this);
    }
}
