package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.PGConnection;

/** Connections that nobody can close any more come back to the pool, rolled back. */
@Tag("slow")
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class AbandonedConnectionTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private static Database open(TestDatabase server, int size) {
        return Database.open(DatabaseConfig.builder(server.url()).poolSize(size).build());
    }

    private static void insert(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("INSERT INTO public.t VALUES (1)");
        }
    }

    @SuppressWarnings("resource") // dropping it is what is under test
    private static void leak(Database db) throws SQLException {
        insert(db.primary().acquire());
    }

    /** The collector gives no signal of its own; the pool's count is one. */
    private static void collectUntilFree(Database db) throws InterruptedException {
        Await.until("all taken back", () -> {
            System.gc();
            return db.primary().stats().active() == 0;
        });
    }

    @Test
    void aDroppedConnectionIsRolledBackAndItsPlaceComesBack(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE public.t (id int)");
        try (Database db = open(server, 2)) {
            for (int i = 0; i < 2; i++) {
                leak(db);
            }
            assertEquals(2, db.primary().stats().active());
            collectUntilFree(db);
            PoolConservation.check(db.primary(), 2);
            boolean found = db.withConnection(c -> {
                try (Statement statement = c.createStatement()) {
                    return statement.executeQuery("SELECT FROM public.t").next();
                }
            });
            assertFalse(found, "what nobody committed is there");
        }
    }

    @Test
    void aConnectionInUseSurvivesTheCollectorWhateverIsKeptOfIt(TestDatabase server) throws Exception {
        try (Database db = Database.open(DatabaseConfig.builder(server.url())
                .poolSize(2)
                .closeTimeout(Duration.ofMillis(100))
                .build())) {
            Statement statement = db.primary().acquire().createStatement();
            PGConnection raw = db.primary().acquire().unwrap(PGConnection.class);
            // Longer than it takes the watch to notice one that is dropped.
            for (int i = 0; i < 6; i++) {
                System.gc();
                Thread.sleep(100);
            }
            assertTrue(statement.execute("SELECT 1"));
            assertEquals(2, db.primary().stats().active());
            assertTrue(raw.getBackendPID() > 0);
            statement.getConnection().close();
            try (Statement own = ((Connection) raw).createStatement()) {
                assertTrue(own.execute("SELECT 1"));
            }
        }
    }

    @Test
    void aThreadThatEndedDoesNotKeepWhatOthersWaitFor(TestDatabase server) throws Exception {
        Patience patience = new Patience(Duration.ofMillis(800), Patience.DEFAULTS.cleaning());
        DatabaseConfig config = DatabaseConfig.builder(server.url()).poolSize(1).build();
        try (Database db = Database.open(config, patience)) {
            AtomicReference<Connection> kept = new AtomicReference<>();
            Thread holder = Thread.ofVirtual()
                    .name("holder")
                    .start(() -> kept.set(db.primary().acquire()));
            assertTrue(holder.join(SOON));
            Thread waiter = Thread.ofVirtual().name("waiter").start(() -> db.withConnection(c -> c.isValid(1)));
            // Another thread goes on with it: as long as it does, it is not abandoned.
            assertFalse(waiter.join(Duration.ofMillis(400)));
            kept.get().createStatement().close();
            assertTrue(kept.get().isValid(1));
            long begin = System.nanoTime();
            assertTrue(waiter.join(SOON));
            long waited = System.nanoTime() - begin;
            assertTrue(
                    waited >= patience.endedHolder().toNanos() - 1_000_000,
                    "taken away after " + waited / 1_000_000 + " ms");
            SQLException refused =
                    assertThrows(SQLException.class, () -> kept.get().createStatement());
            assertEquals("08003", refused.getSQLState());
            kept.get().close();
            PoolConservation.check(db.primary(), 1);
        }
    }
}
