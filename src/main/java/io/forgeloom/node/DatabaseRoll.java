package io.forgeloom.node;

import io.forgeloom.database.Database;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The roll in {@code forge_nodes}, called over a connection of the pool for each heartbeat. Safe for use by many threads. */
final class DatabaseRoll implements Roll {

    private final Database database;
    private final NodeConfig config;
    private final NodeSelf self;

    /** Null until it was found, and after a failure, when it may be elsewhere. */
    private volatile @Nullable NodeTable known;

    DatabaseRoll(Database database, NodeConfig config, NodeSelf self) {
        this.database = database;
        this.config = config;
        this.self = self;
    }

    @Override
    public Answer beat(UUID incarnation, NodeStatus status, boolean first, Deadline deadline) throws SQLException {
        return call(
                deadline,
                (connection, table) -> table.beat(connection, self, incarnation, status, config.deadAfter(), first));
    }

    @Override
    public void leave(UUID incarnation, Deadline deadline) throws SQLException {
        boolean unused = call(deadline, (connection, table) -> {
            table.leave(connection, self.nodeId(), incarnation);
            return true;
        });
    }

    /** Everybody, by one round trip once the table is known. */
    List<NodeInfo> list() {
        return database.<List<NodeInfo>, RuntimeException>withConnection(
                connection -> table(connection).list(connection));
    }

    /** What is said to the server. */
    private interface Call<T> {
        T say(Connection connection, NodeTable table) throws SQLException;
    }

    private <T> T call(Deadline deadline, Call<T> call) throws SQLException {
        try (Connection connection = database.primary().acquire(deadline.remaining())) {
            while (true) {
                // 0 is forever to JDBC.
                connection.setNetworkTimeout(
                        Runnable::run, Math.clamp(deadline.remaining().toMillis(), 1, Integer.MAX_VALUE));
                try {
                    return call.say(connection, table(connection));
                } catch (SQLException e) {
                    // Where transactions are serializable by default, heartbeats at the same moment are in each other's
                    // way, and one of them is through.
                    if (deadline.expired() || !SqlState.isRetryable(e.getSQLState())) {
                        known = null;
                        throw e;
                    }
                }
            }
        }
    }

    private NodeTable table(Connection connection) throws SQLException {
        NodeTable table = known;
        if (table == null) {
            table = NodeTable.find(connection, config.schema());
            known = table;
        }
        return table;
    }
}
