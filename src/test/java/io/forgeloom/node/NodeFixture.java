package io.forgeloom.node;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestServer;
import java.text.MessageFormat;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** A node of a test: a database, a registry, and questions to both. */
final class NodeFixture implements AutoCloseable {

    static final Duration DEAD_AFTER = Duration.ofMillis(900);

    final Database database;
    final NodeRegistry registry;

    NodeFixture(TestServer server, NodeConfig config) {
        database = open(server);
        registry = NodeRegistry.of(database, config);
    }

    static NodeConfig.Builder fast(String nodeId) {
        return NodeConfig.builder()
                .nodeId(nodeId)
                .heartbeatInterval(Duration.ofMillis(50))
                .deadAfter(DEAD_AFTER);
    }

    static Database open(TestServer server) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(3)
                .serviceName("nodes")
                .build());
    }

    static void migrate(TestServer server) {
        try (Database db = open(server)) {
            Migrator.builder(db.primary()).build().migrate();
        }
    }

    /** As an operator sees them: node and status, in order. */
    static List<String> seen(Database database) {
        return NodeRegistry.nodes(database, NodeConfig.DEFAULTS).stream()
                .map(node -> node.nodeId() + " " + NodeLoop.text(node.status()))
                .toList();
    }

    void awaitSeen(String... nodes) throws InterruptedException {
        Await.until(List.of(nodes) + " seen", () -> seen(database).equals(List.of(nodes)));
    }

    /** Puts a node there that beats no more. */
    static void insert(TestServer server, String nodeId, String status, String age) throws Exception {
        server.execute("INSERT INTO forge_nodes VALUES ('" + nodeId + "', gen_random_uuid(), 'nodes', 'h', 7, '1', '"
                + status + "', clock_timestamp() - interval '2 days', clock_timestamp() - interval '" + age
                + "', 15000)");
    }

    @Override
    public void close() {
        registry.close();
        database.close();
    }

    /** What registries say in the log, of all tests that run at the time. Safe for use by many threads. */
    static final class Log implements AutoCloseable {

        private final Queue<String> lines = new ConcurrentLinkedQueue<>();
        private final Logger logger = Logger.getLogger("io.forgeloom.node");
        private final Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                Object[] parameters = entry.getParameters();
                lines.add(entry.getLevel() + " "
                        + (parameters == null
                                ? entry.getMessage()
                                : MessageFormat.format(entry.getMessage(), parameters)));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };

        Log() {
            logger.addHandler(handler);
            logger.setUseParentHandlers(false);
        }

        /** Lines that have all these words, so far. */
        List<String> lines(String... words) {
            return lines.stream()
                    .filter(line -> List.of(words).stream().allMatch(line::contains))
                    .toList();
        }

        String await(String... words) throws InterruptedException {
            Await.until("a line with " + List.of(words), () -> !lines(words).isEmpty());
            return lines(words).getFirst();
        }

        @Override
        public void close() {
            logger.setUseParentHandlers(true);
            logger.removeHandler(handler);
        }
    }
}
