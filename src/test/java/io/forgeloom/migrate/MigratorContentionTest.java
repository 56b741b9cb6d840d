package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.history;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A migration and an application that use the same tables at the same time. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class MigratorContentionTest {

    private static final String TABLES = "CREATE TABLE t (id int); CREATE TABLE u (id int); INSERT INTO t VALUES (1)";
    private static final String CHANGE = "ALTER TABLE t ADD COLUMN x int";
    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(300);

    /** Of a machine that does other things, too; the promise is 50 ms. */
    private static final long SLACK_MILLIS = 200;

    @Test
    void othersWaitNoLongerThanTheLockTimeoutWhileAReaderHoldsTheTable(TestDatabase server) throws Exception {
        migrate(server, TABLES);
        List<MigrationEvent.Retrying> retries = new CopyOnWriteArrayList<>();
        AtomicBoolean done = new AtomicBoolean();
        List<Long> waits = new CopyOnWriteArrayList<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        try (Connection reader = server.connect();
                Statement read = reader.createStatement();
                Database db = open(server)) {
            reader.setAutoCommit(false);
            read.execute("SELECT * FROM t");
            Thread others = Thread.ofVirtual().name("others").start(() -> {
                try (Connection other = server.connect();
                        Statement statement = other.createStatement()) {
                    while (!done.get()) {
                        long begun = System.nanoTime();
                        statement.execute("SELECT * FROM t");
                        waits.add((System.nanoTime() - begun) / 1_000_000);
                        Thread.sleep(1);
                    }
                } catch (Exception e) {
                    failed.set(e);
                }
            });
            Thread end = Thread.ofVirtual().name("reader").start(() -> {
                try {
                    Await.until("two attempts", () -> retries.size() >= 2);
                    reader.rollback();
                } catch (Exception e) {
                    failed.set(e);
                }
            });
            try {
                MigrationResult result = migrator(db, TABLES, CHANGE)
                        .lockTimeout(LOCK_TIMEOUT)
                        .listener(event -> {
                            if (event instanceof MigrationEvent.Retrying retrying) {
                                retries.add(retrying);
                            }
                        })
                        .build()
                        .migrate();
                assertEquals(List.of("0002_m"), result.applied());
            } finally {
                done.set(true);
                others.join();
                end.join();
            }
        }
        assertEquals(null, failed.get());
        // Each attempt costs the others one wait. The longest may be that of a machine that stood still.
        List<Long> longest =
                waits.stream().sorted(Comparator.reverseOrder()).limit(2).toList();
        System.out.println("figure: longest waits of another session " + longest + " ms (lockTimeout 300 ms, "
                + retries.size() + " attempts in vain)");
        assertEquals(1, retries.getFirst().attempt());
        assertEquals(2, retries.get(1).attempt());
        assertTrue(longest.getLast() >= 100, "nobody had to wait: " + longest);
        assertTrue(longest.getLast() <= LOCK_TIMEOUT.toMillis() + SLACK_MILLIS, longest::toString);
    }

    @Test
    void tableThatIsNeverFreeEndsTheRunAndNamesTheAttempts(TestDatabase server) throws Exception {
        migrate(server, TABLES);
        try (Connection reader = server.connect();
                Statement read = reader.createStatement();
                Database db = open(server)) {
            reader.setAutoCommit(false);
            read.execute("SELECT * FROM t");
            MigrationException e = assertThrows(
                    MigrationException.class,
                    () -> migrator(db, TABLES, "\n" + CHANGE)
                            .lockTimeout(Duration.ofMillis(50))
                            .retryTimeout(Duration.ofSeconds(1))
                            .build()
                            .migrate());
            assertEquals(Reason.STATEMENT_FAILED, e.reason());
            assertEquals("55P03", e.sqlState());
            assertTrue(
                    e.getMessage().matches("(?s).*0002_m.sql:2: .* after ([2-9]|\\d\\d) attempts; nothing of.*"),
                    e.getMessage());
        }
        assertEquals(List.of("0001_m|applied"), history(server));
    }

    @Test
    void deadlockWithAnApplicationBeginsTheFileAgain(TestDatabase server) throws Exception {
        migrate(server, TABLES);
        List<String> causes = new CopyOnWriteArrayList<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        // Open beforehand: it has a second, until the migration looks for a deadlock and finds none.
        try (Connection observer = server.connect();
                Statement look = observer.createStatement();
                Connection app = server.connect();
                Statement statement = app.createStatement();
                Database db = open(server)) {
            app.setAutoCommit(false);
            statement.execute("LOCK TABLE u");
            Thread application = Thread.ofVirtual().name("application").start(() -> {
                try {
                    Await.until(
                            "the migration waits",
                            () -> look.executeQuery(
                                            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'migrating'"
                                                    + " AND datname = current_database() AND wait_event_type = 'Lock'")
                                    .next());
                    statement.execute("SELECT * FROM t");
                    app.commit();
                } catch (Exception e) {
                    failed.set(e);
                }
            });
            MigrationResult result = migrator(db, TABLES, CHANGE + "; ALTER TABLE u ADD COLUMN x int")
                    .listener(event -> {
                        if (event instanceof MigrationEvent.Retrying retrying) {
                            causes.add(retrying.cause());
                        }
                    })
                    .build()
                    .migrate();
            application.join();
            assertEquals(List.of("0002_m"), result.applied());
        }
        assertEquals(null, failed.get());
        assertEquals(1, causes.size());
        assertTrue(causes.getFirst().contains("deadlock detected"), causes + "");
    }
}
