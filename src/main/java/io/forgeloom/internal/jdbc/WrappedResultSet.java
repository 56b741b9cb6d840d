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

    /** Whether the owner knows that a row was seen. */
    private boolean reported;

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
            return reached(delegate.next());
        } catch (SQLException e) {
            throw owner.failed(e);
        }
    }

    private boolean reached(boolean row) {
        if (row && !reported) {
            reported = true;
            owner.rowReturned();
        }
        return row;
    }

    @Override
    public boolean first() throws SQLException {
        return reached(delegate.first());
    }

    @Override
    public boolean last() throws SQLException {
        return reached(delegate.last());
    }

    @Override
    public boolean absolute(int row) throws SQLException {
        return reached(delegate.absolute(row));
    }

    @Override
    public boolean relative(int rows) throws SQLException {
        return reached(delegate.relative(rows));
    }

    @Override
    public boolean previous() throws SQLException {
        return reached(delegate.previous());
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
