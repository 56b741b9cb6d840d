package io.forgeloom.internal.pg;

import java.sql.SQLException;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.AutoSave;

/**
 * The settings of PgJDBC's own connection that JDBC does not know, as they were when this was made. Belongs to one
 * session, and to the thread that has it. Types that {@code addDataType} added are not among them: the driver cannot
 * forget one.
 */
public final class DriverSettings {

    private final PGConnection connection;
    private final int prepareThreshold;
    private final int defaultFetchSize;
    private final int queryTimeout;
    private final AutoSave autosave;
    private final boolean adaptiveFetch;

    private DriverSettings(PGConnection connection) throws SQLException {
        this.connection = connection;
        this.prepareThreshold = connection.getPrepareThreshold();
        this.defaultFetchSize = connection.getDefaultFetchSize();
        this.queryTimeout = connection.getQueryTimeout();
        this.autosave = connection.getAutosave();
        this.adaptiveFetch = connection.getAdaptiveFetch();
    }

    static DriverSettings of(PGConnection connection) throws SQLException {
        return new DriverSettings(connection);
    }

    /** Sets each back. No round trip. */
    public void restore() throws SQLException {
        connection.setPrepareThreshold(prepareThreshold);
        connection.setDefaultFetchSize(defaultFetchSize);
        connection.setQueryTimeout(queryTimeout);
        connection.setAutosave(autosave);
        connection.setAdaptiveFetch(adaptiveFetch);
    }
}
