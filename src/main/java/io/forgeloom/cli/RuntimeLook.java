package io.forgeloom.cli;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.ChangeLogStats;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderStatus;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeInfo;
import io.forgeloom.node.NodeRegistry;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the runtimes of one database have written there about themselves. Immutable.
 *
 * @param pools the sessions of each application, the busiest first
 * @param queueUsage how full the server's queue of notifications is, 0 to 1
 * @param runtime what is in the runtime's tables; null where they are not
 */
record RuntimeLook(
        List<Pool> pools, double queueUsage, @Nullable Tables runtime) {

    /**
     * Sessions that call themselves the same.
     *
     * @param open transactions that do nothing at the moment
     * @param longest since the oldest transaction among them began; zero if there is none
     */
    record Pool(String application, int sessions, int active, int open, Duration longest) {}

    /**
     * The runtime's tables.
     *
     * @param tracked how many tables the change log tracks
     */
    record Tables(List<NodeInfo> nodes, List<LeaderStatus> leaders, ChangeLogStats changes, int tracked) {}

    private static final String HOME = """
            SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = pg_catalog.to_regclass('forge_nodes')
            """;

    private static final String POOLS = """
            SELECT a.application_name, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE a.state = 'active'),
                   pg_catalog.count(*) FILTER (WHERE a.state LIKE 'idle in transaction%'),
                   CAST(extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - a.xact_start)) * 1000 AS bigint)
            FROM pg_catalog.pg_stat_activity AS a
            WHERE a.datname = pg_catalog.current_database() AND a.usesysid IS NOT NULL
              AND a.application_name <> pg_catalog.current_setting('application_name')
            GROUP BY a.application_name ORDER BY 2 DESC, 1 LIMIT 20
            """;

    /** Asks over a pool of one session. */
    static RuntimeLook ask(DatabaseConfig config) {
        try (Database database = Database.open(config)) {
            List<Pool> pools = database.withConnection(RuntimeLook::pools);
            double usage = database.withConnection(connection -> {
                try (Statement statement = connection.createStatement();
                        ResultSet row = statement.executeQuery("SELECT pg_catalog.pg_notification_queue_usage()")) {
                    row.next();
                    return row.getDouble(1);
                }
            });
            String home = database.withConnection(RuntimeLook::home);
            return new RuntimeLook(pools, usage, home == null ? null : tables(database, new Identifier(home)));
        }
    }

    private static @Nullable String home(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(HOME)) {
            return row.next() ? row.getString(1) : null;
        }
    }

    private static List<Pool> pools(Connection connection) throws SQLException {
        List<Pool> pools = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(POOLS)) {
            while (row.next()) {
                pools.add(new Pool(
                        row.getString(1),
                        row.getInt(2),
                        row.getInt(3),
                        row.getInt(4),
                        Duration.ofMillis(row.getLong(5))));
            }
        }
        return pools;
    }

    private static Tables tables(Database database, Identifier home) {
        try (NotifyBus bus = NotifyBus.of(database)) {
            ChangeLog log = ChangeLog.of(database, bus, home);
            return new Tables(
                    NodeRegistry.nodes(
                            database, NodeConfig.builder().schema(home).build()),
                    LeaderElection.leaders(
                            database, LeaderConfig.builder().schema(home).build()),
                    log.stats(),
                    log.tracked().size());
        }
    }
}
