package io.forgeloom.internal.jdbc;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * A {@link ResultSet} whose {@link #getStatement()} is the wrapped statement, and whose failed fetches the owner learns
 * of. Reading a column adds one call to the driver's own. One thread at a time.
 */
public final class WrappedResultSet extends ForwardingResultSet {

    private final StatementOwner owner;
    private final Statement statement;
    private final ResultSet delegate;

    /**
     * @param owner whom this reports to
     * @param statement the wrapped statement; null for what {@link java.sql.DatabaseMetaData} returns
     * @param delegate the driver's result set
     */
    public WrappedResultSet(StatementOwner owner, Statement statement, ResultSet delegate) {
        this.owner = owner;
        this.statement = statement;
        this.delegate = delegate;
    }

    @Override
    protected ResultSet delegate() {
        return delegate;
    }

    @Override
    public boolean next() throws SQLException {
        // The only way in which a result set in use reaches the server, where the fetch size makes it a cursor.
        owner.requireOpen();
        try {
            return delegate.next();
        } catch (SQLException e) {
            throw owner.failed(e);
        }
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        if (type.isInstance(this)) {
            return type.cast(this);
        }
        T drivers = delegate.unwrap(type);
        owner.unwrapped();
        return drivers;
    }

    @Override
    public Statement getStatement() throws SQLException {
        delegate.getStatement();
        return statement;
    }
}
