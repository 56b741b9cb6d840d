package io.forgeloom.database;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTransientConnectionException;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The servers to read from as one {@link DataSource}: each connection is routed by itself. Safe for use by many threads. */
final class ReadsDataSource implements DataSource {

    private final Reads reads;
    private final ConnectionPool primary;

    /** {@code primary} for what all pools have in common. */
    ReadsDataSource(Reads reads, ConnectionPool primary) {
        this.reads = reads;
        this.primary = primary;
    }

    @Override
    public Connection getConnection() throws SQLException {
        try {
            return reads.acquire();
        } catch (AcquireException e) {
            throw new SQLTransientConnectionException(e.getMessage(), "08001", e);
        }
    }

    @Override
    public Connection getConnection(String user, String password) throws SQLException {
        return primary.getConnection(user, password);
    }

    @Override
    public int getLoginTimeout() {
        return primary.getLoginTimeout();
    }

    @Override
    public void setLoginTimeout(int seconds) throws SQLException {
        primary.setLoginTimeout(seconds);
    }

    @Override
    public @Nullable PrintWriter getLogWriter() {
        return primary.getLogWriter();
    }

    @Override
    public void setLogWriter(PrintWriter out) throws SQLException {
        primary.setLogWriter(out);
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        return primary.getParentLogger();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        if (type.isInstance(this)) {
            return type.cast(this);
        }
        throw new SQLException("The data source of reads wraps no " + type.getName());
    }

    @Override
    public boolean isWrapperFor(Class<?> type) {
        return type.isInstance(this);
    }

    @Override
    public String toString() {
        return "Reads[" + reads + "]";
    }
}
