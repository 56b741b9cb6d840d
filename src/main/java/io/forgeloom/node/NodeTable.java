package io.forgeloom.node;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The statements on {@code forge_nodes}. Immutable, safe for use by many threads. */
final class NodeTable {

    private static final String FIND = """
            SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = pg_catalog.to_regclass(CAST(? AS text))
            """;

    // A name before a parenthesis could be a function that changes the session, which the pool would then reset: the
    // heartbeat has only names that are known to be harmless there.

    /** Whether nothing was heard of {@code n} for too long: the one place that compares, and by one clock. */
    private static final String IS_SILENT =
            "n.heartbeat_at + n.dead_after_millis * interval '1 millisecond' < pg_catalog.clock_timestamp()";

    /** Long enough for people to see what was there. */
    private static final String IS_OLD = "n.heartbeat_at < pg_catalog.clock_timestamp() - interval '1 day'";

    /** Dead, and not said to be so; or to be removed. */
    private static final String TO_BE_SWEPT = IS_SILENT + " AND (n.status <> 'dead' OR " + IS_OLD + ")";

    private static final String SILENCE =
            "CAST(extract(epoch FROM pg_catalog.clock_timestamp() - n.heartbeat_at) * 1000 AS bigint)";

    private static final String BEAT = """
            INSERT INTO SCHEMA.forge_nodes (node_id, incarnation, service_name, host, pid, version, status,
                                            dead_after_millis, started_at, heartbeat_at)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?, t, t FROM pg_catalog.clock_timestamp() AS t
            ON CONFLICT (node_id) DO UPDATE SET incarnation = EXCLUDED.incarnation, service_name = EXCLUDED.service_name,
                host = EXCLUDED.host, pid = EXCLUDED.pid, version = EXCLUDED.version, status = EXCLUDED.status,
                dead_after_millis = EXCLUDED.dead_after_millis, heartbeat_at = EXCLUDED.heartbeat_at,
                started_at = CASE WHEN forge_nodes.incarnation = EXCLUDED.incarnation
                                  THEN forge_nodes.started_at ELSE EXCLUDED.started_at END
            WHERE forge_nodes.incarnation = EXCLUDED.incarnation OR ? OR %s
            RETURNING CASE WHEN old.incarnation = new.incarnation
                           THEN CAST(extract(epoch FROM new.heartbeat_at - old.heartbeat_at) * 1000 AS bigint) END,
                      EXISTS (SELECT FROM SCHEMA.forge_nodes AS n WHERE n.node_id <> new.node_id AND %s)
            """.formatted(IS_SILENT.replace("n.", "forge_nodes."), TO_BE_SWEPT);

    /** Waits for nobody, so that two nodes that find each other dead do not wait for one another. */
    private static final String SWEEP = """
            WITH silent AS MATERIALIZED (
                SELECT n.node_id, %s AS gone, %s AS millis FROM SCHEMA.forge_nodes AS n
                WHERE n.node_id <> ? AND %s FOR UPDATE SKIP LOCKED),
            removed AS (DELETE FROM SCHEMA.forge_nodes AS n USING silent AS s WHERE s.gone AND n.node_id = s.node_id)
            UPDATE SCHEMA.forge_nodes AS n SET status = 'dead' FROM silent AS s
            WHERE NOT s.gone AND n.node_id = s.node_id
            RETURNING n.node_id, n.service_name, n.host, n.pid, s.millis
            """.formatted(IS_OLD, SILENCE, TO_BE_SWEPT);

    private static final String LEAVE = "DELETE FROM SCHEMA.forge_nodes AS n WHERE n.node_id = ? AND n.incarnation = ?";

    private static final String LIST = """
            SELECT n.node_id, CASE WHEN %s THEN 'dead' ELSE n.status END, n.service_name, n.host, n.pid, n.version,
                   n.started_at, n.heartbeat_at, %s
            FROM SCHEMA.forge_nodes AS n ORDER BY n.service_name COLLATE "C", n.node_id COLLATE "C"
            """.formatted(IS_SILENT, SILENCE);

    private final String beat;
    private final String sweep;
    private final String leave;
    private final String list;

    private NodeTable(Identifier schema) {
        this.beat = BEAT.replace("SCHEMA", schema.quoted());
        this.sweep = SWEEP.replace("SCHEMA", schema.quoted());
        this.leave = LEAVE.replace("SCHEMA", schema.quoted());
        this.list = LIST.replace("SCHEMA", schema.quoted());
    }

    /**
     * Where it lies.
     *
     * @param schema null for where the session's search path finds it
     * @throws ConfigurationException if it does not
     */
    static NodeTable find(Connection connection, @Nullable Identifier schema) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(FIND)) {
            statement.setString(1, (schema == null ? "" : schema.quoted() + ".") + "forge_nodes");
            try (ResultSet row = statement.executeQuery()) {
                if (row.next()) {
                    return new NodeTable(new Identifier(row.getString(1)));
                }
            }
        }
        throw new ConfigurationException(
                "schema",
                "there is no table forge_nodes "
                        + (schema == null ? "on the search path of the URL" : "in schema " + schema.quoted())
                        + "; run the migrations first (Migrator, or forge migrate), or name the schema that has it");
    }

    /** One heartbeat, and a look for the dead where there are any. */
    Roll.Answer beat(
            Connection connection,
            NodeSelf self,
            UUID incarnation,
            NodeStatus status,
            Duration deadAfter,
            boolean takesTheName)
            throws SQLException {
        Duration silence = null;
        boolean recorded;
        boolean toBeSwept;
        try (PreparedStatement statement = connection.prepareStatement(beat)) {
            statement.setString(1, self.nodeId());
            statement.setObject(2, incarnation);
            statement.setString(3, self.serviceName());
            statement.setString(4, self.host());
            statement.setLong(5, self.pid());
            statement.setString(6, self.version());
            statement.setString(7, status.name().toLowerCase(Locale.ROOT));
            statement.setLong(8, deadAfter.toMillis());
            statement.setBoolean(9, takesTheName);
            try (ResultSet row = statement.executeQuery()) {
                recorded = row.next();
                if (recorded && row.getObject(1) != null) {
                    silence = Duration.ofMillis(row.getLong(1));
                }
                toBeSwept = recorded && row.getBoolean(2);
            }
        }
        return new Roll.Answer(recorded, silence, toBeSwept ? sweep(connection, self) : List.of());
    }

    private List<Roll.Silent> sweep(Connection connection, NodeSelf self) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sweep)) {
            statement.setString(1, self.nodeId());
            try (ResultSet row = statement.executeQuery()) {
                List<Roll.Silent> dead = new ArrayList<>();
                while (row.next()) {
                    dead.add(new Roll.Silent(
                            row.getString(1),
                            row.getString(2),
                            row.getString(3),
                            row.getLong(4),
                            Duration.ofMillis(row.getLong(5))));
                }
                return dead;
            }
        }
    }

    /** Removes the row of this incarnation; that of another one stays. */
    void leave(Connection connection, String nodeId, UUID incarnation) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(leave)) {
            statement.setString(1, nodeId);
            statement.setObject(2, incarnation);
            statement.execute();
        }
    }

    /** All, by service name and node id. */
    List<NodeInfo> list(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(list);
                ResultSet row = statement.executeQuery()) {
            List<NodeInfo> nodes = new ArrayList<>();
            while (row.next()) {
                nodes.add(new NodeInfo(
                        row.getString(1),
                        NodeStatus.valueOf(row.getString(2).toUpperCase(Locale.ROOT)),
                        row.getString(3),
                        row.getString(4),
                        row.getLong(5),
                        row.getString(6),
                        row.getObject(7, OffsetDateTime.class).toInstant(),
                        row.getObject(8, OffsetDateTime.class).toInstant(),
                        Duration.ofMillis(Math.max(0, row.getLong(9)))));
            }
            return nodes;
        }
    }
}
