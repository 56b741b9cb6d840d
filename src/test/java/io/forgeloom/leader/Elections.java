package io.forgeloom.leader;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What the tests of elections have in common: hurried options, the log, and questions to the server. */
final class Elections {

    private Elections() {}

    /** Quick to notice, with a lease that a busy machine does not break. */
    static LeaderConfig.Builder fast() {
        return LeaderConfig.builder()
                .leaseDuration(Duration.ofSeconds(5))
                .bodyTimeout(Duration.ofSeconds(2))
                .checkInterval(Duration.ofMillis(200))
                .lockValidateInterval(Duration.ofMillis(100))
                .keepaliveInterval(Duration.ofMillis(400))
                .standbyPollInterval(Duration.ofMillis(50));
    }

    /** For tests that wait for leases to end; one at a time. */
    static LeaderConfig.Builder hurried() {
        return fast().leaseDuration(Duration.ofMillis(900)).bodyTimeout(Duration.ofMillis(450));
    }

    /** A database with the system schema, for the tests of a class; each has roles of its own. */
    static TestDatabase migrated() throws SQLException {
        TestDatabase database = TestDatabase.on(SharedServer.get());
        Node.migrate(database);
        return database;
    }

    /** Drops it; fails if a session is left. */
    static void drop(TestDatabase database) throws SQLException, InterruptedException {
        try (database) {
            database.assertNoConnections(Duration.ofSeconds(5));
        }
    }

    /** How many sessions have the lock of a role, whichever its state. */
    static long holders(TestServer server, LeaderRole role) throws SQLException {
        return Long.parseLong(String.valueOf(server.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                + " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                + " AND classid::bigint = " + role.lockId().classId() + " AND objid::bigint = "
                + role.lockId().objId())));
    }

    /** Advisory locks of any kind in the server's database. */
    static long locks(TestServer server) throws SQLException {
        return Long.parseLong(String.valueOf(server.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                + " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")));
    }

    /** One column of a role's row. */
    static String row(TestServer server, LeaderRole role, String column) throws SQLException {
        return String.valueOf(
                server.query("SELECT " + column + " FROM forge_leaders WHERE role = '" + role.name() + "'"));
    }

    /** Ends the session that leads. */
    static void terminate(TestServer server, LeaderRole role) throws SQLException {
        server.execute("SELECT pg_terminate_backend(" + row(server, role, "backend_pid") + ", 5000)");
    }

    /**
     * Waits until somebody does not lead any more, and returns how many ms after {@code begun} he was last seen to. The
     * clock is read before each look: a machine that stands still makes that too early, and never too late.
     */
    static long millisLed(long begun, BooleanSupplier leads) throws InterruptedException {
        AtomicLong last = new AtomicLong(begun);
        Await.until("it steps down", () -> {
            long now = System.nanoTime();
            if (!leads.getAsBoolean()) {
                return true;
            }
            last.set(now);
            return false;
        });
        return (last.get() - begun) / 1_000_000;
    }

    /** What elections say in the log, from here until it is closed. Safe for use by many threads. */
    static final class Log implements AutoCloseable {

        private final Queue<String> lines = new ConcurrentLinkedQueue<>();
        private final Logger logger = Logger.getLogger("io.forgeloom.leader");
        private final Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                Throwable thrown = entry.getThrown();
                lines.add(entry.getLevel() + " " + entry.getMessage() + (thrown == null ? "" : ": " + thrown));
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

        /** Warnings that have all these words, so far. */
        List<String> warnings(String... words) {
            return lines.stream()
                    .filter(line -> line.startsWith(Level.WARNING.getName()))
                    .filter(line -> List.of(words).stream().allMatch(line::contains))
                    .toList();
        }

        String awaitWarning(String... words) throws InterruptedException {
            Await.until(
                    "a warning with " + List.of(words), () -> !warnings(words).isEmpty());
            return warnings(words).getFirst();
        }

        @Override
        public void close() {
            logger.setUseParentHandlers(true);
            logger.removeHandler(handler);
        }
    }
}
