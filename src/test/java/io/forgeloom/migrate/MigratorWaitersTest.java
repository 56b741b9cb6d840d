package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Those that wait while another has the lock of the migrations. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class MigratorWaitersTest {

    private static final String TABLE =
            "CREATE TABLE words AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 2000) AS g";

    private static final Map<String, String> INDEX =
            Map.of("0001_index.sql", "-- @transactional false\nCREATE INDEX CONCURRENTLY words_word ON words (word)");

    private static final Map<String, String> ONE = Map.of("0001_one.sql", "CREATE TABLE one (id int)");

    private static Database open(TestServer server) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(2)
                .serviceName("waiter")
                .build());
    }

    private static Migrator.Builder builder(Database db, Map<String, String> files) {
        return Migrator.builder(db.primary()).migrations(MigrationSource.list(files));
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String deadlocks(TestDatabase database) throws SQLException {
        return database.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    }

    // ---- CREATE INDEX CONCURRENTLY ----

    @Test
    void waitersDoNotHoldUpAnIndexThatIsBuiltConcurrently(TestDatabase database) throws Exception {
        buildBeforeEightWaiters(database);
        assertEquals("0", deadlocks(database));
    }

    @Test
    @Tag("long")
    @Timeout(300)
    void waitersNeverHoldUpAnIndexThatIsBuiltConcurrently(TestDatabase database) throws Exception {
        long begun = System.nanoTime();
        for (int i = 1; i <= 20; i++) {
            buildBeforeEightWaiters(database);
            database.execute("DROP SCHEMA elsewhere CASCADE; CREATE SCHEMA elsewhere");
        }
        assertEquals("0", deadlocks(database));
        System.out.println("figure: 20 indexes built concurrently before 8 waiters each, in "
                + (System.nanoTime() - begun) / 1_000_000 + " ms: 0 deadlocks, 0 invalid indexes");
    }

    /** The winner stands in the middle of the statement until all the others have met the lock. */
    private static void buildBeforeEightWaiters(TestDatabase database) throws Exception {
        database.execute(TABLE);
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        CountDownLatch waiting = new CountDownLatch(8);
        List<Thread> threads = new ArrayList<>();
        try (Connection writer = heldUp(database)) {
            threads.add(start(database, event -> {}, failures));
            awaitBuilding(database);
            for (int i = 0; i < 8; i++) {
                threads.add(start(
                        database,
                        event -> {
                            if (event instanceof MigrationEvent.Waiting) {
                                waiting.countDown();
                            }
                        },
                        failures));
            }
            assertTrue(waiting.await(20, TimeUnit.SECONDS), waiting + " " + failures);
            writer.rollback();
        } finally {
            for (Thread thread : threads) {
                thread.join();
            }
        }
        assertEquals(List.of(), List.copyOf(failures));
        assertEquals("t", database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'words_word'::regclass"));
    }

    /** That the tests above can fail: with one that waits inside of the server, they would. */
    @Test
    @Tag("long")
    void waiterInsideTheServerDeadlocksWithAnIndexThatIsBuiltConcurrently(TestDatabase database) throws Exception {
        database.execute(TABLE);
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        try (Connection writer = heldUp(database)) {
            threads.add(start(database, event -> {}, failures));
            awaitBuilding(database);
            threads.add(Thread.ofPlatform().name("blocking").start(() -> {
                try (Connection connection = database.connect()) {
                    execute(connection, "SELECT pg_advisory_lock(" + Migrator.LOCK.value() + ")");
                } catch (SQLException e) {
                    failures.add(e);
                }
            }));
            Await.until(
                    "the other one waiting",
                    () -> "1"
                            .equals(database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                                    + " AND NOT granted AND database = (SELECT oid FROM pg_database"
                                    + " WHERE datname = current_database())")));
            writer.rollback();
        } finally {
            for (Thread thread : threads) {
                thread.join();
            }
        }
        assertEquals(1, failures.size(), failures.toString());
        assertTrue(failures.peek().getMessage().contains("deadlock"), failures.toString());
        Await.until("the count", () -> "1".equals(deadlocks(database)));
        // Ours leaves nothing behind all the same.
        try (Database db = open(database)) {
            builder(db, INDEX).build().migrate();
        }
        assertEquals("0", database.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
    }

    /** A transaction that has written, which a concurrent index waits for. */
    private static Connection heldUp(TestDatabase database) throws SQLException {
        Connection writer = database.connect();
        writer.setAutoCommit(false);
        execute(writer, "INSERT INTO words VALUES (0, '')");
        return writer;
    }

    private static void awaitBuilding(TestDatabase database) throws Exception {
        Await.until(
                "the index being built",
                () -> "1"
                        .equals(database.query("SELECT count(*) FROM pg_stat_progress_create_index"
                                + " WHERE datname = current_database()")));
    }

    private static Thread start(
            TestDatabase database, Consumer<MigrationEvent> listener, ConcurrentLinkedQueue<Throwable> failures) {
        return Thread.ofVirtual().name("starter").start(() -> {
            try (Database db = open(database)) {
                builder(db, INDEX).listener(listener).build().migrate();
            } catch (Throwable e) {
                failures.add(e);
            }
        });
    }

    // ---- the wait ----

    @Test
    @SuppressWarnings("try")
    void whoGivesUpNamesTheHolderAndTheRemedy(TestDatabase database) throws Exception {
        ConcurrentLinkedQueue<String> log = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<MigrationEvent.Waiting> events = new ConcurrentLinkedQueue<>();
        try (Database db = open(database);
                Connection holder = database.connect();
                AutoCloseable capture = capture(log)) {
            int pid = lock(holder, "psql \"by hand\"");
            long begun = System.nanoTime();
            MigrationException e = assertThrows(
                    MigrationException.class,
                    () -> builder(db, ONE)
                            .lockWait(Duration.ofMillis(700))
                            .listener(event -> events.add((MigrationEvent.Waiting) event))
                            .build()
                            .migrate());
            long took = (System.nanoTime() - begun) / 1_000_000;
            assertEquals(Reason.LOCKED, e.reason());
            String message = String.valueOf(e.getMessage());
            assertTrue(message.contains("held by pid " + pid + " \"psql \"by hand\"\" from "), message);
            assertTrue(message.contains("idle since "), message);
            assertTrue(message.contains("lockWait 700 ms"), message);
            assertTrue(message.contains("SELECT pg_terminate_backend(" + pid + ")"), message);
            assertTrue(took >= 700 && took < 3_000, took + " ms");
            // At once, and then not again for 30 s.
            assertEquals(1, log.size(), log.toString());
            assertTrue(log.peek().contains("held by pid " + pid), log.toString());
            assertEquals(1, events.size(), events.toString());
            assertTrue(events.peek().waited().toMillis() < 600, events.toString());
            // The remedy helps.
            database.execute("SELECT pg_terminate_backend(" + pid + ", 5000)");
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_one"),
                    builder(db, ONE).build().migrate().applied());
        }
    }

    @Test
    void aWaitOfZeroTriesOnce(TestDatabase database) throws Exception {
        try (Database db = open(database);
                Connection holder = database.connect()) {
            lock(holder, "holder");
            Migrator migrator = builder(db, ONE).lockWait(Duration.ZERO).build();
            assertEquals(
                    Reason.LOCKED,
                    assertThrows(MigrationException.class, migrator::migrate).reason());
            execute(holder, "SELECT pg_advisory_unlock(" + Migrator.LOCK.value() + ")");
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_one"),
                    migrator.migrate().applied());
        }
    }

    @Test
    @Tag("long")
    @Timeout(90)
    void aWarningComesAtOnceAndEveryThirtySeconds(TestDatabase database) throws Exception {
        ConcurrentLinkedQueue<Long> waited = new ConcurrentLinkedQueue<>();
        try (Database db = open(database);
                Connection holder = database.connect()) {
            lock(holder, "holder");
            assertThrows(
                    MigrationException.class,
                    () -> builder(db, ONE)
                            .lockWait(Duration.ofSeconds(62))
                            .listener(event -> waited.add(
                                    ((MigrationEvent.Waiting) event).waited().toMillis()))
                            .build()
                            .migrate());
        }
        List<Long> at = List.copyOf(waited);
        System.out.println("figure: told of the wait after " + at + " ms");
        assertEquals(3, at.size());
        assertTrue(at.get(0) < 1_000 && at.get(1) >= 30_000 && at.get(1) < 31_500 && at.get(2) < 63_000, at + "");
    }

    /** What the sessions of others do is not for every role to see; who they are is. */
    @Test
    void holderOfAnotherUserIsNamedWithoutTheRightToSeeMore(TestDatabase database) throws Exception {
        String role = database.name() + "_poor";
        database.execute(
                "CREATE ROLE " + role + " LOGIN PASSWORD 'p'; GRANT CREATE, USAGE ON SCHEMA elsewhere TO " + role);
        try (Connection holder = database.connect();
                Database db = Database.open(DatabaseConfig.builder("jdbc:postgresql://" + database.host() + ":"
                                + database.port() + "/" + database.name() + "?user=" + role + "&password=p")
                        .poolSize(2)
                        .build())) {
            int pid = lock(holder, "secret");
            MigrationException e = assertThrows(
                    MigrationException.class,
                    () -> builder(db, ONE)
                            .lockWait(Duration.ofMillis(10))
                            .build()
                            .migrate());
            assertEquals(Reason.LOCKED, e.reason());
            String message = String.valueOf(e.getMessage());
            assertTrue(message.contains("held by pid " + pid + " "), message);
            assertTrue(message.contains("pg_read_all_stats"), message);
            assertTrue(message.contains("pg_terminate_backend(" + pid + ")"), message);
            execute(holder, "SELECT pg_advisory_unlock(" + Migrator.LOCK.value() + ")");
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_one"),
                    builder(db, ONE).build().migrate().applied());
        } finally {
            database.execute("DROP OWNED BY " + role + "; DROP ROLE " + role);
        }
    }

    private static int lock(Connection connection, String name) throws SQLException {
        try (var statement = connection.prepareStatement("SELECT set_config('application_name', ?, false)")) {
            statement.setString(1, name);
            statement.execute();
        }
        try (Statement statement = connection.createStatement();
                var row = statement.executeQuery(
                        "SELECT pg_backend_pid(), pg_advisory_lock(" + Migrator.LOCK.value() + ")")) {
            row.next();
            return row.getInt(1);
        }
    }

    /** Until it is closed. */
    private static AutoCloseable capture(ConcurrentLinkedQueue<String> log) {
        Logger logger = Logger.getLogger("io.forgeloom.migrate");
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                if (record.getLevel().intValue() >= Level.WARNING.intValue()) {
                    log.add(record.getMessage());
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
        return () -> {
            logger.setUseParentHandlers(true);
            logger.removeHandler(handler);
        };
    }
}
