package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.history;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.lock.AdvisoryLock;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** An interrupt ends a run, is not lost, and leaves nothing that the next one does not finish. */
@Timeout(120)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class MigratorInterruptTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @Test
    void interruptAtAnyMomentIsKeptAndTheNextRunFinishes(TestDatabase server) throws Exception {
        interrupt(server, 2);
    }

    @Test
    @Tag("long")
    void interruptAtManyMomentsIsKeptAndTheNextRunFinishes(TestDatabase server) throws Exception {
        interrupt(server, 20);
    }

    private static void interrupt(TestDatabase server, int times) throws Exception {
        String[] texts = {
            "CREATE TABLE a (id int); SELECT pg_sleep(0.03); INSERT INTO a VALUES (1); SELECT pg_sleep(0.03)",
            LOOSE + "CREATE INDEX CONCURRENTLY a_id ON a (id)",
            "CREATE TABLE b (id int); SELECT pg_sleep(0.03)"
        };
        long longest = 0;
        int interrupted = 0;
        try (Database watcher = open(server)) {
            for (int i = 0; i < times; i++) {
                server.execute("DROP TABLE IF EXISTS a, b; " + SystemSchemaFiles.removal());
                AtomicReference<Throwable> thrown = new AtomicReference<>();
                AtomicBoolean flag = new AtomicBoolean();
                Thread.Builder kind = i % 2 == 0 ? Thread.ofVirtual() : Thread.ofPlatform();
                try (Database db = open(server)) {
                    Migrator migrator = migrator(db, texts).build();
                    Thread run = kind.name("run").start(() -> {
                        try {
                            migrator.migrate();
                        } catch (RuntimeException | Error e) {
                            thrown.set(e);
                        }
                        flag.set(Thread.currentThread().isInterrupted());
                    });
                    Thread.sleep(ThreadLocalRandom.current().nextInt(180));
                    boolean alive = run.isAlive();
                    long at = System.nanoTime();
                    run.interrupt();
                    assertTrue(run.join(PATIENCE));
                    Await.until(
                            "the lock free",
                            () -> AdvisoryLock.holder(watcher.primary(), Migrator.LOCK)
                                    .isEmpty());
                    longest = Math.max(longest, (System.nanoTime() - at) / 1_000_000);
                    assertTrue(flag.get() || !alive || thrown.get() == null, "the flag was lost: " + thrown.get());
                }
                if (thrown.get() != null) {
                    interrupted++;
                    assertEquals(
                            Reason.INTERRUPTED,
                            thrown.get() instanceof MigrationException e ? e.reason() : null,
                            () -> thrown.get() + "");
                }
                try (Database db = open(server)) {
                    Migrator next =
                            migrator(db, texts).schemaDrift(SchemaDrift.FAIL).build();
                    next.migrate();
                    assertEquals(List.of(), next.migrate().applied());
                }
                assertEquals(List.of("0001_m|applied", "0002_m|applied", "0003_m|applied"), history(server));
            }
        }
        System.out.println(
                "figure: " + interrupted + " of " + times + " interrupted, lock free after " + longest + " ms at most");
        assertTrue(interrupted > 0);
        assertTrue(longest < 2_000, longest + " ms");
    }

    /** A platform thread's socket does not feel it. */
    @Test
    void platformThreadStopsBeforeTheNextStatementAndRollsBack(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            Migrator migrator = migrator(
                            db, "CREATE TABLE a (id int); CREATE TABLE b (id int)", "CREATE TABLE c (id int)")
                    .listener(event -> {
                        if (event.toString().startsWith("StatementDone[version=0001_m, statement=1,")) {
                            Thread.currentThread().interrupt();
                        }
                    })
                    .build();
            MigrationException e = assertThrows(MigrationException.class, migrator::migrate);
            assertEquals(Reason.INTERRUPTED, e.reason());
            assertTrue(Thread.interrupted());
            assertEquals("t", server.query("SELECT to_regclass('a') IS NULL"));
            assertEquals(List.of(), history(server));

            Thread.currentThread().interrupt();
            assertEquals(
                    Reason.INTERRUPTED,
                    assertThrows(MigrationException.class, migrator::migrate).reason());
            assertTrue(Thread.interrupted());
        }
    }
}
