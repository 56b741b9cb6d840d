package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.lock.AdvisoryLock;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.lock.LockId;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The short examples do what the documents that quote them say. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ExamplesTest {

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(3).build());
    }

    @Test
    void transferIsAllOrNothing(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE account (name text PRIMARY KEY, cents bigint CHECK (cents >= 0));"
                + " INSERT INTO account VALUES ('ann', 100), ('bob', 0)");
        Hello.transfer(database.url(), "ann", "bob", 30);
        DatabaseException broke =
                assertThrows(DatabaseException.class, () -> Hello.transfer(database.url(), "ann", "bob", 1_000));
        assertEquals("23514", broke.sqlState());
        assertEquals("70 30", database.query("SELECT string_agg(cents::text, ' ' ORDER BY name) FROM account"));
    }

    @Test
    void eachFailureHasItsStatus(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE once (id int PRIMARY KEY)");
        Database db = open(database);
        try (db) {
            assertEquals(200, HandlingErrors.handle(db, tx -> insert(tx.connection())));
            assertEquals(409, HandlingErrors.handle(db, tx -> insert(tx.connection())));
        }
        assertEquals(503, HandlingErrors.handle(db, tx -> null));
    }

    private static boolean insert(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.execute("INSERT INTO once VALUES (1)");
        }
    }

    @Test
    void oneProcessDoesTheWork(TestDatabase database) throws Exception {
        try (Database db = open(database)) {
            List<String> done = new ArrayList<>();
            Locking.rebuild(db, List.of(() -> done.add("one"), () -> done.add("two")));
            assertEquals(List.of("one", "two"), done);
            try (HeldLock other = AdvisoryLock.tryAcquire(db.primary(), LockId.named("rebuild-index"))
                    .orElseThrow()) {
                Locking.rebuild(db, List.of(() -> done.add("not " + other)));
            }
            assertEquals(2, done.size());
        }
    }

    @Test
    void migrationsOfADirectoryAreAppliedOnce(TestDatabase database, @TempDir Path directory) throws Exception {
        Files.writeString(directory.resolve("0001_visit.sql"), "CREATE TABLE visit (id bigserial)");
        try (Database db = open(database)) {
            assertFalse(Migrating.migrate(db, directory).applied().isEmpty());
            assertEquals(List.of(), Migrating.migrate(db, directory).applied());
        }
        assertEquals("0", database.query("SELECT count(*) FROM visit"));
    }

    @Test
    void cacheForgetsWhatAnotherHasChangedUntilTheBusIsClosed(TestDatabase database) throws Exception {
        Listening listening = new Listening();
        listening.cache.putAll(Map.of("tea", "3", "milk", "2"));
        assertEquals("ended", untilTeaIsForgotten(database, listening).get(10, TimeUnit.SECONDS));
    }

    private static FutureTask<String> untilTeaIsForgotten(TestDatabase database, Listening listening) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "price_changed")) {
            bus.start();
            assertTrue(bus.awaitGeneration(1, Duration.ofSeconds(10)));
            FutureTask<String> run = new FutureTask<>(() -> {
                listening.invalidate(bus);
                return "ended";
            });
            Thread.ofVirtual().name("listener").start(run);
            Await.until("tea is forgotten", () -> {
                database.execute("NOTIFY price_changed, 'tea'");
                return !listening.cache.containsKey("tea");
            });
            return run;
        }
    }

    @Test
    @NeedsCluster
    void readOnAReplicaShowsTheMove() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(2).start()) {
            cluster.primary()
                    .execute("CREATE TABLE account (name text PRIMARY KEY, cents bigint);"
                            + " INSERT INTO account VALUES ('a', 41)");
            assertEquals(
                    42,
                    ReadingReplicas.moveAndLook(
                            cluster.primary().url(),
                            cluster.replicas().get(0).url(),
                            cluster.replicas().get(1).url()));
        }
    }
}
