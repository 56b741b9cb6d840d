package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.history;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static io.forgeloom.migrate.MigrationFixture.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A run that ends anywhere on its way leaves nothing that the next one does not finish without a hand. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class MigratorFaultTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** The second one can be stopped in its COMMIT, by who has advisory lock 42. */
    static final String[] FILES = {
        "CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 100)",
        """
        CREATE TABLE b (id int); INSERT INTO b SELECT id FROM a;
        CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER held AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION hold();
        INSERT INTO b VALUES (0)
        """,
        LOOSE + "CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)",
        "ALTER TABLE a ADD PRIMARY KEY USING INDEX a_id"
    };

    /** Where a run is stopped, for good. */
    enum Stage {
        BEFORE_LOCK("Waiting", "SELECT pg_advisory_lock(301978502981)", 3),
        AFTER_LOCK("Planned", "", 3),
        IN_TRANSACTION("StatementDone[version=0002_m, statement=1,", "", 3),
        BEFORE_COMMIT("StatementDone[version=0002_m, statement=5,", "", 3),
        IN_COMMIT("", "SELECT pg_advisory_lock(42)", 3),
        AFTER_COMMIT("Applied[version=0002_m", "", 2),
        AFTER_ROW("", "BEGIN; LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE", 2),
        IN_INDEX("", "BEGIN; INSERT INTO a VALUES (-1)", 2),
        AFTER_INDEX("", "BEGIN; INSERT INTO a VALUES (-1)", 2),
        AFTER_LOOSE("Applied[version=0003_m", "", 1);

        /** The beginning of the event in which it stops. */
        private final String event;

        /** What holds it up in the database. */
        private final String blocker;

        /** How many files are left. */
        private final int left;

        Stage(String event, String blocker, int left) {
            this.event = event;
            this.blocker = blocker;
            this.left = left;
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Returns when a session of a migrator waits for a lock of the database. */
    private static void awaitBlocked(TestDatabase server, String more) throws Exception {
        String sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                + " AND application_name = 'migrating' AND wait_event_type = 'Lock'" + more;
        Await.until("blocked" + more, () -> "1".equals(server.query(sql)));
    }

    /** Returns when no session of a migrator is left; how long that took. */
    private static long awaitGone(TestDatabase server) throws Exception {
        long begun = System.nanoTime();
        Await.until(
                "no session of the migrator",
                () -> "0"
                        .equals(server.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                + " AND application_name = 'migrating'")));
        return (System.nanoTime() - begun) / 1_000_000;
    }

    /** Brings the victim to where the stage is, given that it was started with the blocker in place. */
    private static void awaitStage(TestDatabase server, Stage stage, Connection blocker, Connection second)
            throws Exception {
        if (!stage.event.isEmpty()) {
            return;
        }
        awaitBlocked(server, "");
        if (stage == Stage.IN_INDEX || stage == Stage.AFTER_INDEX) {
            assertEquals("f", server.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass"));
        }
        if (stage == Stage.AFTER_INDEX) {
            execute(second, "BEGIN; LOCK TABLE forge_system_migrations IN SHARE MODE");
            execute(blocker, "ROLLBACK");
            awaitBlocked(server, " AND wait_event = 'relation'");
            assertEquals("t", server.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass"));
        }
    }

    /** The next run has no hand to help it, and does not take what it finds for a change by hand. */
    private static void finish(TestDatabase server, Stage stage) throws Exception {
        try (Database db = open(server)) {
            Migrator migrator =
                    migrator(db, FILES).schemaDrift(SchemaDrift.FAIL).build();
            assertEquals(stage.left, migrator.migrate().applied().size(), stage + "");
            assertEquals(List.of(), migrator.migrate().applied());
        }
        assertEquals(List.of("0001_m|applied", "0002_m|applied", "0003_m|applied", "0004_m|applied"), history(server));
        assertEquals(
                List.of("101|100|t"),
                rows(
                        server,
                        "SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM a), (SELECT bool_and(indisvalid) FROM"
                                + " pg_index WHERE indrelid = 'a'::regclass)"));
    }

    @ParameterizedTest
    @EnumSource(names = "IN_INDEX")
    void killedProcessIsFinishedByTheNextRun(Stage stage, TestDatabase server) throws Exception {
        kill(stage, server);
    }

    @Tag("long")
    @ParameterizedTest
    @EnumSource
    void killedProcessIsFinishedByTheNextRunAtEveryStage(Stage stage, TestDatabase server) throws Exception {
        kill(stage, server);
    }

    private static void kill(Stage stage, TestDatabase server) throws Exception {
        migrate(server, FILES[0]);
        try (Connection blocker = server.connect();
                Connection second = server.connect()) {
            if (!stage.blocker.isEmpty()) {
                execute(blocker, stage.blocker);
            }
            try (TestProcess process = TestProcess.start(Runner.class, server.url(), stage.event, "60000", "60000")) {
                if (stage.event.isEmpty()) {
                    process.awaitLine(line -> line.startsWith("Planned"), PATIENCE);
                } else {
                    process.awaitLine(line -> line.equals("stopped"), PATIENCE);
                }
                awaitStage(server, stage, blocker, second);
                process.sigkill();
            }
            // What holds it up is still there: the server finds out by itself that nobody waits for the answer.
            long gone = awaitGone(server);
            System.out.println("figure: killed " + stage + ": session gone after " + gone + " ms");
            assertTrue(gone < 2_500, gone + " ms");
        }
        finish(server, stage);
    }

    @ParameterizedTest
    @EnumSource(names = {"AFTER_LOCK", "IN_COMMIT", "AFTER_COMMIT", "AFTER_ROW", "IN_INDEX", "AFTER_INDEX"})
    void terminatedSessionIsFinishedByTheNextRun(Stage stage, TestDatabase server) throws Exception {
        terminate(stage, server);
    }

    @Tag("long")
    @ParameterizedTest
    @EnumSource
    void terminatedSessionIsFinishedByTheNextRunAtEveryStage(Stage stage, TestDatabase server) throws Exception {
        terminate(stage, server);
    }

    private static void terminate(Stage stage, TestDatabase server) throws Exception {
        migrate(server, FILES[0]);
        CountDownLatch stopped = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        try (Connection blocker = server.connect();
                Connection second = server.connect();
                Database db = open(server)) {
            if (!stage.blocker.isEmpty()) {
                execute(blocker, stage.blocker);
            }
            Migrator migrator = migrator(db, FILES)
                    .listener(event -> {
                        if (!stage.event.isEmpty() && event.toString().startsWith(stage.event)) {
                            stopped.countDown();
                            await(goOn);
                        }
                    })
                    .build();
            Thread run = Thread.ofVirtual().name("run").start(() -> catching(migrator, thrown));
            if (!stage.event.isEmpty()) {
                assertTrue(stopped.await(20, TimeUnit.SECONDS));
            }
            awaitStage(server, stage, blocker, second);
            server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    + " WHERE datname = current_database() AND application_name = 'migrating'");
            goOn.countDown();
            assertTrue(run.join(Duration.ofSeconds(20)));
        }
        assertEquals(
                Reason.CONNECTION_LOST,
                thrown.get() instanceof MigrationException e ? e.reason() : null,
                () -> stage + ": " + thrown.get());
        finish(server, stage);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void catching(Migrator migrator, AtomicReference<Throwable> thrown) {
        try {
            migrator.migrate();
        } catch (RuntimeException | Error e) {
            thrown.set(e);
        }
    }

    @Test
    void silentNetworkInATransactionEndsTheRunAndFreesTheLock(TestDatabase server) throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        long begun;
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(link)) {
            Migrator migrator = migrator(db, FILES)
                    .listener(event -> {
                        if (event.toString().startsWith("StatementDone[version=0002_m, statement=1,")) {
                            link.blackhole(true, false);
                        }
                    })
                    .build();
            begun = System.nanoTime();
            catching(migrator, thrown);
            System.out.println(
                    "figure: run over a silent network ended after " + (System.nanoTime() - begun) / 1_000_000 + " ms");
        }
        assertEquals(
                Reason.CONNECTION_LOST,
                thrown.get() instanceof MigrationException e ? e.reason() : null,
                () -> thrown.get() + "");
        finish(server, Stage.IN_TRANSACTION);
    }

    @Test
    void frozenProcessLosesTheLockAndWritesNothingWhenItWakes(TestDatabase server) throws Exception {
        try (TestProcess process = TestProcess.start(
                Runner.class, server.url(), "StatementDone[version=0002_m, statement=1,", "1000", "1500")) {
            process.awaitLine(line -> line.equals("stopped"), PATIENCE);
            process.sigstop();
            long begun = System.nanoTime();
            finish(server, Stage.IN_TRANSACTION);
            System.out.println("figure: finished by another " + (System.nanoTime() - begun) / 1_000_000
                    + " ms after the freeze (idle limit 1500 ms)");
            process.sigcont();
            String end = process.awaitLine(line -> line.startsWith("end "), PATIENCE);
            assertEquals("end CONNECTION_LOST", end);
        }
        awaitGone(server);
        assertEquals("101", server.query("SELECT count(*) FROM b"));
    }

    /** Runs the files, and sleeps when an event begins as it is told to. */
    static final class Runner {

        private Runner() {}

        /** URL, event, how long to sleep in it and the idle limit in ms. */
        public static void main(String[] arguments) throws Exception {
            String stop = arguments[1];
            DatabaseConfig config = DatabaseConfig.builder(arguments[0])
                    .poolSize(2)
                    .serviceName("migrating")
                    .build();
            try (Database db = Database.open(config)) {
                migrator(db, FILES)
                        .idleTimeout(Duration.ofMillis(Long.parseLong(arguments[3])))
                        .listener(event -> {
                            System.out.println(event);
                            if (!stop.isEmpty() && event.toString().startsWith(stop)) {
                                System.out.println("stopped");
                                sleep(Long.parseLong(arguments[2]));
                            }
                        })
                        .build()
                        .migrate();
                System.out.println("end");
            } catch (MigrationException e) {
                System.out.println("end " + e.reason());
            }
        }

        private static void sleep(long millis) {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
