package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Interrupts of virtual threads in queries: the JDK closes their sockets, and the server would run on. */
@Tag("slow")
@Timeout(300)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class OrphanTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private static int sleepers(Connection observer) throws SQLException {
        try (Statement statement = observer.createStatement();
                ResultSet row = statement.executeQuery("SELECT count(*) FROM pg_stat_activity"
                        + " WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(30)%'")) {
            row.next();
            return row.getInt(1);
        }
    }

    private static void awaitSleepers(Connection observer, int count) throws Exception {
        Await.until(count + " sleeping backends", () -> sleepers(observer) == count);
    }

    private static Thread sleeper(Database db) {
        return Thread.ofVirtual()
                .name("victim")
                .start(() -> assertThrows(
                        RuntimeException.class,
                        () -> db.withConnection(c -> {
                            try (Statement statement = c.createStatement()) {
                                return statement.execute("SELECT pg_sleep(30)");
                            }
                        })));
    }

    @Test
    void theBackendOfAnInterruptedQueryIsEndedAndItsPlaceComesBack(TestDatabase server) throws Exception {
        try (Database db = Database.open(
                        DatabaseConfig.builder(server.url()).poolSize(1).build());
                Connection observer = server.connect()) {
            long worst = 0;
            for (int i = 0; i < 5; i++) {
                Thread victim = sleeper(db);
                awaitSleepers(observer, 1);
                int suspicion = db.primary().suspicion();
                long begin = System.nanoTime();
                victim.interrupt();
                awaitSleepers(observer, 0);
                worst = Math.max(worst, System.nanoTime() - begin);
                assertTrue(victim.join(SOON));
                assertEquals(suspicion, db.primary().suspicion(), "an interrupt says nothing about the server");
                db.withConnection(c -> c.isValid(1));
                assertEquals(1, db.primary().stats().total());
            }
            System.out.println(
                    "figure: orphaned backend ended at most " + worst / 1_000_000 + " ms after the interrupt");
            assertTrue(worst < 1_000_000_000L, "ended after " + worst / 1_000_000 + " ms");
        }
    }

    @Test
    void thePlaceIsNotUsedAgainBeforeTheBackendIsGone(TestDatabase server) throws Exception {
        try (Database db = Database.open(
                        DatabaseConfig.builder(server.url()).poolSize(4).build());
                Connection observer = server.connect()) {
            List<Thread> victims = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                victims.add(sleeper(db));
            }
            awaitSleepers(observer, 4);
            victims.forEach(Thread::interrupt);
            // Whoever gets a connection now has the place of a backend that is gone.
            List<Connection> held = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                held.add(db.primary().acquire());
                assertTrue(sleepers(observer) <= 4 - i, "a place was given away while its backend lived");
            }
            for (Connection connection : held) {
                connection.close();
            }
            for (Thread victim : victims) {
                assertTrue(victim.join(SOON));
            }
        }
    }

    @Test
    void theBackendsOfSessionsThatOneResetTookAreEndedHoweverYoungTheyAre(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(4).build());
                Connection observer = server.connect()) {
            List<Thread> victims = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                victims.add(sleeper(db));
            }
            awaitSleepers(observer, 4);
            long begin = System.nanoTime();
            link.cut();
            awaitSleepers(observer, 0);
            long millis = (System.nanoTime() - begin) / 1_000_000;
            System.out.println("figure: 4 backends ended " + millis + " ms after a reset of their sessions");
            assertTrue(millis < 1_000, millis + " ms");
            for (Thread victim : victims) {
                assertTrue(victim.join(SOON));
            }
        }
    }

    @Test
    void whileTheServerDropsConnectionsAnOrphanWaitsForSomebodyElsesSuccess(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(2).build());
                Connection observer = server.connect()) {
            Thread victim = sleeper(db);
            awaitSleepers(observer, 1);
            link.acceptAndDrop(true);
            long before = link.accepted();
            link.cut();
            assertTrue(victim.join(SOON));
            Thread.sleep(1_500);
            long connects = link.accepted() - before;
            assertTrue(connects >= 1 && connects <= 2, connects + " connects in a second and a half");
            assertEquals(1, sleepers(observer));
            link.heal();
            db.withConnection(c -> c.isValid(1));
            long begin = System.nanoTime();
            awaitSleepers(observer, 0);
            long millis = (System.nanoTime() - begin) / 1_000_000;
            System.out.println("figure: " + connects + " connects for an orphan of a server that drops; ended " + millis
                    + " ms after somebody connected");
            assertTrue(millis < 1_000, millis + " ms");
        }
    }

    @Test
    void aTransactionOfAnInterruptedThreadHoldsNoLockForLong(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)");
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(2).build())) {
            CountDownLatch locked = new CountDownLatch(1);
            Thread victim = Thread.ofVirtual()
                    .name("victim")
                    .start(() -> assertThrows(
                            RuntimeException.class,
                            () -> db.inTransaction(tx -> {
                                try (Statement statement = tx.connection().createStatement()) {
                                    statement.execute("UPDATE public.t SET id = 1");
                                    locked.countDown();
                                    return statement.execute("SELECT pg_sleep(30)");
                                }
                            })));
            locked.await();
            victim.interrupt();
            assertTrue(victim.join(SOON));
            long begin = System.nanoTime();
            db.withConnection(c -> {
                try (Statement statement = c.createStatement()) {
                    return statement.executeUpdate("UPDATE public.t SET id = 1");
                }
            });
            assertTrue(System.nanoTime() - begin < 2_000_000_000L, "the lock was held by a backend without a client");
        }
    }

    @Test
    void randomInterruptsLoseNothing(TestDatabase server) throws Exception {
        interrupts(server, 1_000);
    }

    @Test
    @Tag("long")
    void manyRandomInterruptsLoseNothing(TestDatabase server) throws Exception {
        interrupts(server, 10_000);
    }

    private static void interrupts(TestDatabase server, int count) throws Exception {
        int size = 8;
        SplittableRandom random = new SplittableRandom(42);
        AtomicInteger delivered = new AtomicInteger();
        AtomicInteger success = new AtomicInteger();
        try (Database db = Database.open(
                        DatabaseConfig.builder(server.url()).poolSize(size).build());
                Connection observer = server.connect()) {
            AtomicInteger left = new AtomicInteger(count);
            AtomicIntegerArray inQuery = new AtomicIntegerArray(2 * size);
            List<Thread> users = new ArrayList<>();
            for (int i = 0; i < 2 * size; i++) {
                int me = i;
                users.add(Thread.ofVirtual().name("user-" + i).start(() -> {
                    while (left.get() > 0) {
                        try {
                            inQuery.set(me, 1);
                            db.withConnection(c -> {
                                try (Statement statement = c.createStatement()) {
                                    return statement.execute("SELECT pg_sleep(0.003)");
                                }
                            });
                            success.incrementAndGet();
                        } catch (RuntimeException e) {
                            assertTrue(Thread.interrupted(), "failed without an interrupt: " + e);
                            delivered.incrementAndGet();
                        } finally {
                            inQuery.set(me, 0);
                            // Delivered after the last wait of the query: it cost nothing.
                            Thread.interrupted();
                        }
                    }
                }));
            }
            while (left.get() > 0) {
                int victim = random.nextInt(users.size());
                if (inQuery.get(victim) == 1) {
                    users.get(victim).interrupt();
                    left.decrementAndGet();
                }
                LockSupport.parkNanos(random.nextLong(3_000_000));
            }
            for (Thread user : users) {
                assertTrue(user.join(SOON), user + " is stuck");
            }
            PoolConservation.check(db.primary(), size);
            try (Statement statement = observer.createStatement();
                    ResultSet row = statement.executeQuery("SELECT count(*) FROM pg_stat_activity"
                            + " WHERE datname = current_database() AND backend_type = 'client backend'")) {
                row.next();
                // The pool's, the observer's, and the one beyond the pool's size.
                assertTrue(row.getInt(1) <= size + 2, "backends: " + row.getInt(1));
            }
            System.out.println("figure: " + count + " interrupts, " + delivered + " hit a connection, " + success
                    + " queries, " + db.primary().stats().closed() + " sessions replaced");
            assertTrue(delivered.get() > count / 4, "only " + delivered);
        }
    }
}
