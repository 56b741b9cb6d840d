package io.forgeloom;

import static io.forgeloom.ForgeFixture.assertNothingLeft;
import static io.forgeloom.ForgeFixture.config;
import static io.forgeloom.ForgeFixture.millisSince;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A start that fails, or is interrupted, at each of its steps: it says where, and nothing is left. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ForgeStartTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private interface Wait {
        void until() throws Exception;
    }

    /** What a start does that is interrupted from outside, and how long it took from there on, in ms. */
    private static long interrupted(ForgeConfig config, Consumer<String> before, Wait moment) throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        FutureTask<String> start = new FutureTask<>(() -> {
            try (Forge forge = Forge.start(config, step -> {
                before.accept(step);
                begun.countDown();
            })) {
                return "started " + forge;
            } catch (InterruptedException e) {
                assertFalse(Thread.currentThread().isInterrupted(), "told twice");
                return String.valueOf(e.getMessage());
            }
        });
        // A platform thread, whose sockets feel no interrupt.
        Thread thread = Thread.ofPlatform().name("starter").start(start);
        assertTrue(begun.await(10, TimeUnit.SECONDS));
        moment.until();
        long from = System.nanoTime();
        thread.interrupt();
        String outcome = start.get(30, TimeUnit.SECONDS);
        long millis = millisSince(from);
        assertTrue(thread.join(PATIENCE));
        assertTrue(outcome.startsWith("interrupted in step"), outcome);
        return millis;
    }

    private static boolean startIsIn(String... frames) {
        return ThreadLeaks.alive().stream()
                .anyMatch(thread -> thread.contains("\"forgeloom-start-")
                        && List.of(frames).stream().allMatch(thread::contains));
    }

    // ---- made up ----

    @Test
    void failureAtEachStepNamesItAndLeavesNothing(TestDatabase server) throws Exception {
        ForgeConfig config = config(server).build();
        for (String failing : ForgeFixture.STEPS) {
            IllegalStateException cause = new IllegalStateException("made up");
            ForgeStartException told = assertThrows(
                    ForgeStartException.class,
                    () -> Forge.start(config, step -> {
                        if (step.equals(failing)) {
                            throw cause;
                        }
                    }));
            assertEquals(failing, told.step());
            assertSame(cause, told.getCause());
            assertEquals("Forgeloom did not start: step \"" + failing + "\" failed: made up", told.getMessage());
            assertNothingLeft(server);
        }
        Forge.start(config).close();
        assertNothingLeft(server);
    }

    @Test
    void errorPassesAsItIsAndLeavesNothing(TestDatabase server) throws Exception {
        AssertionError error = new AssertionError("a defect");
        Error told = assertThrows(
                AssertionError.class,
                () -> Forge.start(config(server).build(), step -> {
                    if (step.equals("ready")) {
                        throw error;
                    }
                }));
        assertSame(error, told);
        assertNothingLeft(server);
    }

    @Test
    void interruptBeforeEachStepEndsTheStart(TestDatabase server) throws Exception {
        ForgeConfig config = config(server).build();
        for (String at : ForgeFixture.STEPS) {
            InterruptedException told = assertThrows(
                    InterruptedException.class,
                    () -> Forge.start(config, step -> {
                        if (step.equals(at)) {
                            Thread.currentThread().interrupt();
                        }
                    }));
            assertFalse(Thread.interrupted());
            assertTrue(String.valueOf(told.getMessage()).startsWith("interrupted in step"), told.getMessage());
            assertNothingLeft(server);
        }
    }

    /** From another thread, a random moment after the step has begun: it may be over, and then a later one feels it. */
    @Test
    void interruptDuringEachStepEndsTheStart(TestDatabase server) throws Exception {
        ForgeFixture.migrate(server);
        ForgeConfig config = config(server).build();
        SplittableRandom random = new SplittableRandom();
        int ended = 0;
        for (String at : ForgeFixture.STEPS) {
            CountDownLatch begun = new CountDownLatch(1);
            FutureTask<Boolean> start = new FutureTask<>(() -> {
                try (Forge forge = Forge.start(config, step -> {
                    if (step.equals(at)) {
                        begun.countDown();
                    }
                })) {
                    // Too late for the start: the flag is for whatever comes next, the close included.
                    assertFalse(forge.bus().channels().isEmpty());
                    return false;
                } catch (InterruptedException e) {
                    return true;
                }
            });
            Thread thread = random.nextBoolean()
                    ? Thread.ofPlatform().name("starter").start(start)
                    : Thread.ofVirtual().name("starter").start(start);
            assertTrue(begun.await(10, TimeUnit.SECONDS));
            // The random moment itself, which stands for no signal.
            Thread.sleep(Duration.ofNanos(random.nextLong(5_000_000)));
            thread.interrupt();
            ended += start.get(20, TimeUnit.SECONDS) ? 1 : 0;
            assertTrue(thread.join(PATIENCE));
            server.assertNoConnections(Duration.ofSeconds(5));
            ThreadLeaks.assertNone(Duration.ZERO);
            Await.until("no lock", () -> ForgeFixture.locks(server) == 0);
        }
        assertTrue(ended > 0, "no interrupt came in time");
    }

    // ---- an interrupt in the middle of a slow step ----

    @Test
    void interruptWhileTheNetworkIsSilentEndsTheStart(TestDatabase server) throws Exception {
        ForgeFixture.migrate(server);
        try (FaultyLink link = FaultyLink.to(server)) {
            ForgeConfig config = config(link).build();
            link.blackhole(false, true);
            long opening =
                    interrupted(config, step -> {}, () -> Await.until("a connect", () -> link.connections() > 0));
            ThreadLeaks.assertNone(Duration.ZERO);

            link.heal();
            link.cut();
            Consumer<String> silentFromBus = step -> {
                if (step.equals("bus")) {
                    link.blackhole(true, true);
                }
            };
            long ready = interrupted(config, silentFromBus, () -> Await.until("ready", () -> startIsIn("awaitReady")));
            ThreadLeaks.assertNone(Duration.ZERO);
            // What the network has lost the server holds until its own timeout; the link ends it here.
            link.cut();

            link.heal();
            Consumer<String> silentFromMigrations = step -> {
                if (step.equals("migrations")) {
                    link.blackhole(true, true);
                }
            };
            long migrating = interrupted(
                    config,
                    silentFromMigrations,
                    () -> Await.until("in I/O", () -> startIsIn("ForgeConfig.migrate", "NioSocketImpl.park")));
            ThreadLeaks.assertNone(Duration.ZERO);
            link.cut();
            System.out.println("figure: interrupted start, network silent: while opening over in " + opening
                    + " ms, while migrating in " + migrating + " ms, while connecting the bus in " + ready + " ms");
            assertTrue(
                    opening < 1_500 && migrating < 3_000 && ready < 6_000, opening + ", " + migrating + ", " + ready);
        }
    }

    @Test
    void interruptOfAMigrationThatWaitsOrWorksEndsTheStart(TestDatabase server) throws Exception {
        MigrationSource slow = MigrationSource.list(Map.of("0001_slow.sql", "SELECT pg_sleep(60)"));
        ForgeConfig config = config(server).migrations(slow).build();
        long working = interrupted(
                config,
                step -> {},
                () -> Await.until(
                        "the migration",
                        () -> server.connections().stream().anyMatch(session -> session.contains("pg_sleep"))));
        assertNothingLeft(server);
        assertEquals("0", server.query("SELECT count(*) FROM forge_system_migrations WHERE version = '0001_slow'"));

        long waiting;
        try (Connection other = server.connect();
                Statement statement = other.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(301978502981)");
            waiting = interrupted(
                    config, step -> {}, () -> Await.until("the other's lock", () -> startIsIn("LockWait", "sleep")));
        }
        assertNothingLeft(server);
        System.out.println("figure: interrupted start: migration at work over in " + working
                + " ms, waiting for its lock in " + waiting + " ms");
        assertTrue(working < 2_500 && waiting < 1_000, working + ", " + waiting);
    }

    // ---- as it happens ----

    private static ForgeStartException refused(ForgeConfig config) {
        return assertThrows(ForgeStartException.class, () -> Forge.start(config));
    }

    @Test
    void noServerIsSaidByTheStepDatabase(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            link.refuse(true);
            ForgeStartException told = refused(config(link).build());
            assertEquals("database", told.step());
            assertTrue(String.valueOf(told.getMessage()).contains(Integer.toString(link.port())), told.getMessage());
        }
    }

    @Test
    void migrationThatFailsIsSaidAndWhatWasBeforeItStays(TestDatabase server) throws Exception {
        MigrationSource source = MigrationSource.list(
                Map.of("0001_good.sql", "CREATE TABLE good ()", "0002_bad.sql", "CREATE TABLE bad (x nonsense)"));
        ForgeStartException told = refused(config(server).migrations(source).build());
        assertEquals("migrations", told.step());
        assertTrue(String.valueOf(told.getMessage()).contains("0002_bad"), told.getMessage());
        assertNothingLeft(server);
        assertEquals("t", server.query("SELECT to_regclass('good') IS NOT NULL"));
    }

    @Test
    void schemaNewerThanTheProgramIsRefusedWithAndWithoutMigrating(TestDatabase server) throws Exception {
        ForgeFixture.migrate(server);
        server.execute(
                "INSERT INTO forge_system_migrations (version, checksum) VALUES ('__forge_v999', repeat('0', 64))");
        for (boolean migrate : List.of(true, false)) {
            ForgeStartException told = refused(config(server).migrate(migrate).build());
            assertEquals("migrations", told.step());
            assertTrue(String.valueOf(told.getMessage()).contains("__forge_v999"), told.getMessage());
            assertNothingLeft(server);
        }
    }

    @Test
    void schemaThatNobodyMigratedIsRefusedWithTheRemedy(TestDatabase server) throws Exception {
        ForgeStartException told = refused(config(server).migrate(false).build());
        assertEquals("migrations", told.step());
        assertTrue(String.valueOf(told.getMessage()).contains("run forge migrate"), told.getMessage());
        assertEquals("f", server.query("SELECT to_regclass('forge_system_migrations') IS NOT NULL"));
        assertNothingLeft(server);
    }

    @Test
    void roleWithoutRightsIsRefusedWithWhatItLacks(TestDatabase server) throws Exception {
        String role = server.name() + "_role";
        server.execute("CREATE ROLE " + role + " LOGIN");
        try {
            DatabaseConfig powerless = ForgeFixture.database(server).user(role).build();
            ForgeStartException told = refused(ForgeConfig.builder(powerless).build());
            assertEquals("migrations", told.step());
            assertTrue(String.valueOf(told.getMessage()).contains("that this role may use"), told.getMessage());

            ForgeFixture.migrate(server);
            server.execute("GRANT USAGE ON SCHEMA elsewhere TO " + role
                    + "; GRANT SELECT ON forge_system_migrations TO " + role);
            ForgeStartException silent = refused(ForgeConfig.builder(powerless)
                    .migrate(false)
                    // Enough for the steps before the one that waits.
                    .startTimeout(Duration.ofSeconds(3))
                    .build());
            assertEquals("ready", silent.step());
            assertTrue(String.valueOf(silent.getMessage()).contains("forge_nodes"), silent.getMessage());
            assertNothingLeft(server);
        } finally {
            server.execute("DROP OWNED BY " + role + "; DROP ROLE " + role);
        }
    }

    @Test
    void poolThatCannotWorkIsRefusedBeforeAnythingIsOpened(TestDatabase server) {
        DatabaseConfig two = ForgeFixture.database(server).poolSize(2).build();
        ConfigurationException told = assertThrows(
                ConfigurationException.class,
                () -> Forge.start(ForgeConfig.builder(two).build(), step -> {
                    throw new AssertionError("step " + step);
                }));
        assertEquals("poolSize", told.option());
        assertEquals(
                "poolSize: 2 is too small: the bus and the election keep 2 of the connections, and everybody else shares"
                        + " the rest; make it 6, or 3 at least",
                told.getMessage());
    }

    @Test
    void poolBelowTheRuleWorksWithAWarningAndOneAboveWithoutAWord(TestDatabase server) throws Exception {
        try (ForgeFixture.Log log = new ForgeFixture.Log()) {
            DatabaseConfig three = ForgeFixture.database(server).poolSize(3).build();
            try (Forge forge = Forge.start(
                    ForgeConfig.builder(three).expectedConcurrency(5).build())) {
                assertTrue(forge.health().ready(), () -> forge.toString());
                assertEquals("1", forge.database().<String, java.sql.SQLException>withConnection(connection -> {
                    try (Statement statement = connection.createStatement();
                            var row = statement.executeQuery("SELECT 1")) {
                        row.next();
                        return row.getString(1);
                    }
                }));
            }
            assertEquals(
                    List.of("WARNING poolSize 3 is below 11 = 2 kept by the bus and the election + 4 for moments"
                            + " (heartbeat, wake-ups, change log, trimming) + 5 at work (expectedConcurrency); callers"
                            + " will wait for each other"),
                    List.copyOf(log.lines));
            log.lines.clear();
            DatabaseConfig enough = ForgeFixture.database(server).poolSize(11).build();
            Forge.start(ForgeConfig.builder(enough).expectedConcurrency(5).build())
                    .close();
            assertEquals(List.of(), List.copyOf(log.lines));
        }
    }

    /** Without a role there is no election, which then needs no connection. */
    @Test
    void twoConnectionsDoWhereNobodyElects(TestDatabase server) throws Exception {
        DatabaseConfig two = ForgeFixture.database(server).poolSize(2).build();
        try (Forge forge =
                Forge.start(ForgeConfig.builder(two).retention(Duration.ZERO).build())) {
            assertTrue(forge.election().isEmpty());
            assertTrue(forge.health().ready());
        }
        assertNothingLeft(server);
    }
}
