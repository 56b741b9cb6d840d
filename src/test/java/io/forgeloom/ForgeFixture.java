package io.forgeloom;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What the tests of the runtime have in common. */
final class ForgeFixture {

    static final LeaderRole ROLE = LeaderRole.SCHEDULER;
    static final List<String> STEPS = List.of("database", "migrations", "bus", "node", "changes", "election", "ready");

    private ForgeFixture() {}

    static DatabaseConfig.Builder database(TestServer server) {
        return DatabaseConfig.builder(server.url())
                .poolSize(8)
                .serviceName("forge-test")
                .closeTimeout(Duration.ofSeconds(2));
    }

    static ForgeConfig.Builder config(TestServer server) {
        return ForgeConfig.builder(database(server).build()).roles(ROLE);
    }

    /** With bodies that get no more than so long to end. */
    static LeaderConfig leader(Duration bodyTimeout) {
        return LeaderConfig.builder().bodyTimeout(bodyTimeout).build();
    }

    static void migrate(TestServer server) throws InterruptedException {
        Forge.start(config(server).build()).close();
    }

    /** Advisory locks in the server's database, of whomever. */
    static long locks(TestServer server) throws SQLException {
        return Long.parseLong(String.valueOf(server.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                + " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")));
    }

    /** No thread, session or lock, and no node on the list. */
    static void assertNothingLeft(TestDatabase server) throws Exception {
        ThreadLeaks.assertNone(Duration.ZERO);
        server.assertNoConnections(Duration.ofSeconds(5));
        Await.until("no lock", () -> locks(server) == 0);
        if ("t".equals(server.query("SELECT to_regclass('forge_nodes') IS NOT NULL"))) {
            String left = server.query("SELECT string_agg(node_id, ', ') FROM forge_nodes");
            if (left != null) {
                throw new AssertionError("still on the list: " + left);
            }
        }
    }

    static long millisSince(long begun) {
        return (System.nanoTime() - begun) / 1_000_000;
    }

    /** What the runtime itself says in the log, until it is closed. Safe for use by many threads. */
    static final class Log implements AutoCloseable {

        final Queue<String> lines = new ConcurrentLinkedQueue<>();
        private final Logger logger = Logger.getLogger("io.forgeloom");
        private final Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                if ("io.forgeloom".equals(entry.getLoggerName())) {
                    lines.add(entry.getLevel() + " " + entry.getMessage());
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };

        Log() {
            logger.addHandler(handler);
        }

        @Override
        public void close() {
            logger.removeHandler(handler);
        }
    }
}
