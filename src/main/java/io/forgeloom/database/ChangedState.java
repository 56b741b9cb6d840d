package io.forgeloom.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a connection that its user changed through JDBC, each with the value that it had before the first
 * change. A session that nobody changed costs nothing. One thread at a time.
 */
final class ChangedState {

    private final Connection connection;
    private @Nullable Boolean readOnly;
    private @Nullable Integer isolation;
    private boolean schema;
    private @Nullable Integer holdability;
    private @Nullable Integer networkTimeout;
    private @Nullable Map<String, Class<?>> typeMap;
    private @Nullable Properties clientInfo;

    ChangedState(Connection connection) {
        this.connection = connection;
    }

    void readOnly() throws SQLException {
        readOnly = readOnly == null ? Boolean.valueOf(connection.isReadOnly()) : readOnly;
    }

    boolean isReadOnlyChanged() {
        return readOnly != null;
    }

    void isolation() throws SQLException {
        isolation = isolation == null ? Integer.valueOf(connection.getTransactionIsolation()) : isolation;
    }

    void schema() {
        schema = true;
    }

    void holdability() throws SQLException {
        holdability = holdability == null ? Integer.valueOf(connection.getHoldability()) : holdability;
    }

    void networkTimeout() throws SQLException {
        networkTimeout = networkTimeout == null ? Integer.valueOf(connection.getNetworkTimeout()) : networkTimeout;
    }

    void typeMap() throws SQLException {
        typeMap = typeMap == null ? connection.getTypeMap() : typeMap;
    }

    void clientInfo() throws SQLException {
        if (clientInfo == null) {
            // A copy: the driver returns its own table, which the change would change too.
            clientInfo = new Properties();
            clientInfo.putAll(connection.getClientInfo());
        }
    }

    /** Notes all that the driver knows by itself, before someone may change it behind our back. No round trip. */
    void all() throws SQLException {
        readOnly();
        holdability();
        networkTimeout();
        typeMap();
        clientInfo();
    }

    /** The network timeout before the first change, in milliseconds. */
    int originalNetworkTimeout() throws SQLException {
        return networkTimeout == null ? connection.getNetworkTimeout() : networkTimeout;
    }

    /** Sets each back, but for the network timeout. To be called outside any transaction, in auto-commit. */
    void undo() throws SQLException {
        if (readOnly != null) {
            connection.setReadOnly(readOnly);
        }
        if (isolation != null) {
            connection.setTransactionIsolation(isolation);
        }
        if (schema) {
            // Not by setSchema: it would leave a search_path of one schema where there were several.
            try (Statement statement = connection.createStatement()) {
                statement.execute("RESET search_path");
            }
        }
        if (holdability != null) {
            connection.setHoldability(holdability);
        }
        if (typeMap != null) {
            connection.setTypeMap(typeMap);
        }
        if (clientInfo != null) {
            connection.setClientInfo(clientInfo);
        }
    }
}
