package io.forgeloom.internal.jdbc;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;

/**
 * A {@link Statement} that its owner can follow: executions are reported, result sets are wrapped, and after the owner
 * was released it refuses work. One thread at a time, as every JDBC statement.
 */
public class WrappedStatement implements Statement {

    /** Whom this reports to. */
    protected final StatementOwner owner;

    /** What the log of slow statements prints for an execution that is given no SQL. */
    protected final String text;

    private final Statement delegate;

    /**
     * @param owner whom this reports to
     * @param delegate the driver's statement
     * @param text the statement's SQL where it is known beforehand; else what to call it in the log
     */
    public WrappedStatement(StatementOwner owner, Statement delegate, String text) {
        this.owner = owner;
        this.delegate = delegate;
        this.text = text;
    }

    /** The driver's statement; refused once the owner was released. */
    protected Statement delegate() throws SQLException {
        owner.requireOpen();
        return delegate;
    }

    /** The result set with this statement as its origin. */
    protected final ResultSet wrap(ResultSet results) {
        return results == null ? null : new WrappedResultSet(owner, this, results);
    }

    @Override
    public Connection getConnection() throws SQLException {
        owner.requireOpen();
        return owner.connection();
    }

    @Override
    public void close() throws SQLException {
        owner.closed(this);
        closeDelegate();
    }

    /** Closes the driver's statement, whatever the state of the owner. */
    public void closeDelegate() throws SQLException {
        delegate.close();
    }

    @Override
    public boolean isClosed() throws SQLException {
        return delegate.isClosed();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        if (type.isInstance(this)) {
            return type.cast(this);
        }
        T drivers = delegate().unwrap(type);
        owner.unwrapped();
        return drivers;
    }

    @Override
    public boolean isWrapperFor(Class<?> type) throws SQLException {
        return type.isInstance(this) || delegate().isWrapperFor(type);
    }

    private long executing(String sql) throws SQLException {
        owner.sees(sql);
        return owner.executing();
    }

    @Override
    public ResultSet executeQuery(String sql) throws SQLException {
        long start = executing(sql);
        try {
            return wrap(delegate().executeQuery(sql));
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public int executeUpdate(String sql) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeUpdate(sql);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public int getMaxFieldSize() throws SQLException {
        return delegate().getMaxFieldSize();
    }

    @Override
    public void setMaxFieldSize(int max) throws SQLException {
        delegate().setMaxFieldSize(max);
    }

    @Override
    public int getMaxRows() throws SQLException {
        return delegate().getMaxRows();
    }

    @Override
    public void setMaxRows(int max) throws SQLException {
        delegate().setMaxRows(max);
    }

    @Override
    public void setEscapeProcessing(boolean enable) throws SQLException {
        delegate().setEscapeProcessing(enable);
    }

    @Override
    public int getQueryTimeout() throws SQLException {
        return delegate().getQueryTimeout();
    }

    @Override
    public void setQueryTimeout(int seconds) throws SQLException {
        delegate().setQueryTimeout(seconds);
    }

    @Override
    public void cancel() throws SQLException {
        delegate().cancel();
    }

    @Override
    public SQLWarning getWarnings() throws SQLException {
        return delegate().getWarnings();
    }

    @Override
    public void clearWarnings() throws SQLException {
        delegate().clearWarnings();
    }

    @Override
    public void setCursorName(String name) throws SQLException {
        delegate().setCursorName(name);
    }

    @Override
    public boolean execute(String sql) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().execute(sql);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public ResultSet getResultSet() throws SQLException {
        return wrap(delegate().getResultSet());
    }

    @Override
    public int getUpdateCount() throws SQLException {
        return delegate().getUpdateCount();
    }

    @Override
    public boolean getMoreResults() throws SQLException {
        return delegate().getMoreResults();
    }

    @Override
    public void setFetchDirection(int direction) throws SQLException {
        delegate().setFetchDirection(direction);
    }

    @Override
    public int getFetchDirection() throws SQLException {
        return delegate().getFetchDirection();
    }

    @Override
    public void setFetchSize(int rows) throws SQLException {
        delegate().setFetchSize(rows);
    }

    @Override
    public int getFetchSize() throws SQLException {
        return delegate().getFetchSize();
    }

    @Override
    public int getResultSetConcurrency() throws SQLException {
        return delegate().getResultSetConcurrency();
    }

    @Override
    public int getResultSetType() throws SQLException {
        return delegate().getResultSetType();
    }

    @Override
    public void addBatch(String sql) throws SQLException {
        owner.sees(sql);
        delegate().addBatch(sql);
    }

    @Override
    public void clearBatch() throws SQLException {
        delegate().clearBatch();
    }

    @Override
    public int[] executeBatch() throws SQLException {
        long start = owner.executing();
        try {
            return delegate().executeBatch();
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, text);
        }
    }

    @Override
    public boolean getMoreResults(int current) throws SQLException {
        return delegate().getMoreResults(current);
    }

    @Override
    public ResultSet getGeneratedKeys() throws SQLException {
        return wrap(delegate().getGeneratedKeys());
    }

    @Override
    public int executeUpdate(String sql, int autoGeneratedKeys) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeUpdate(sql, autoGeneratedKeys);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public int executeUpdate(String sql, int[] columnIndexes) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeUpdate(sql, columnIndexes);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public int executeUpdate(String sql, String[] columnNames) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeUpdate(sql, columnNames);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public boolean execute(String sql, int autoGeneratedKeys) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().execute(sql, autoGeneratedKeys);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public boolean execute(String sql, int[] columnIndexes) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().execute(sql, columnIndexes);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public boolean execute(String sql, String[] columnNames) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().execute(sql, columnNames);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public int getResultSetHoldability() throws SQLException {
        return delegate().getResultSetHoldability();
    }

    @Override
    public void setPoolable(boolean poolable) throws SQLException {
        delegate().setPoolable(poolable);
    }

    @Override
    public boolean isPoolable() throws SQLException {
        return delegate().isPoolable();
    }

    @Override
    public void closeOnCompletion() throws SQLException {
        delegate().closeOnCompletion();
    }

    @Override
    public boolean isCloseOnCompletion() throws SQLException {
        return delegate().isCloseOnCompletion();
    }

    @Override
    public long getLargeUpdateCount() throws SQLException {
        return delegate().getLargeUpdateCount();
    }

    @Override
    public void setLargeMaxRows(long max) throws SQLException {
        delegate().setLargeMaxRows(max);
    }

    @Override
    public long getLargeMaxRows() throws SQLException {
        return delegate().getLargeMaxRows();
    }

    @Override
    public long[] executeLargeBatch() throws SQLException {
        long start = owner.executing();
        try {
            return delegate().executeLargeBatch();
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, text);
        }
    }

    @Override
    public long executeLargeUpdate(String sql) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeLargeUpdate(sql);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public long executeLargeUpdate(String sql, int autoGeneratedKeys) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeLargeUpdate(sql, autoGeneratedKeys);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public long executeLargeUpdate(String sql, int[] columnIndexes) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeLargeUpdate(sql, columnIndexes);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public long executeLargeUpdate(String sql, String[] columnNames) throws SQLException {
        long start = executing(sql);
        try {
            return delegate().executeLargeUpdate(sql, columnNames);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    @Override
    public String enquoteLiteral(String val) throws SQLException {
        return delegate().enquoteLiteral(val);
    }

    @Override
    public String enquoteIdentifier(String identifier, boolean alwaysQuote) throws SQLException {
        return delegate().enquoteIdentifier(identifier, alwaysQuote);
    }

    @Override
    public boolean isSimpleIdentifier(String identifier) throws SQLException {
        return delegate().isSimpleIdentifier(identifier);
    }

    @Override
    public String enquoteNCharLiteral(String val) throws SQLException {
        return delegate().enquoteNCharLiteral(val);
    }
}
