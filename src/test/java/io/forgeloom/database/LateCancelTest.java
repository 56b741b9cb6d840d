package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A cancel request travels by itself and may arrive late: it must not hit whoever has the session then. */
@Tag("slow")
@Timeout(300)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class LateCancelTest {

    private static final String CANCELLED = "57014";
    private static final Duration SOON = Duration.ofSeconds(10);

    private static int pid(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }

    @Test
    void cancelsAtAnyTimeHitTheirOwnStatementOrNothing(TestDatabase server) throws Exception {
        race(server, 1_000);
    }

    @Test
    @Tag("long")
    void manyCancelsAtAnyTimeHitTheirOwnStatementOrNothing(TestDatabase server) throws Exception {
        race(server, 10_000);
    }

    private static void race(TestDatabase server, int count) throws Exception {
        int pairs = 4;
        AtomicInteger hits = new AtomicInteger();
        ConcurrentLinkedQueue<Throwable> strays = new ConcurrentLinkedQueue<>();
        try (Database db = Database.open(
                DatabaseConfig.builder(server.url()).poolSize(pairs).build())) {
            List<Thread> users = new ArrayList<>();
            for (int pair = 0; pair < pairs; pair++) {
                SplittableRandom random = new SplittableRandom(pair);
                users.add(Thread.ofVirtual().name("user-" + pair).start(() -> {
                    for (int i = 0; i < count / pairs && strays.isEmpty(); i++) {
                        try {
                            raceOnce(db, random, hits);
                        } catch (SQLException | InterruptedException | AssertionError e) {
                            strays.add(e);
                        }
                    }
                }));
            }
            for (Thread user : users) {
                assertTrue(user.join(Duration.ofMinutes(4)), user + " is stuck");
            }
            System.out.println("figure: " + count + " cancel races, " + hits + " statements cancelled, "
                    + db.primary().stats().closed() + " sessions replaced");
            assertEquals(List.of(), List.copyOf(strays));
            assertTrue(hits.get() > count / 50, "only " + hits + " statements were cancelled");
            PoolConservation.check(db.primary(), pairs);
        }
    }

    private static void raceOnce(Database db, SplittableRandom random, AtomicInteger hits)
            throws SQLException, InterruptedException {
        double seconds = random.nextDouble(0.002);
        long moment = random.nextLong(3_000_000);
        Thread canceller;
        try (Connection connection = db.primary().acquire();
                Statement statement = connection.createStatement()) {
            canceller = Thread.ofVirtual().name("canceller").start(() -> {
                LockSupport.parkNanos(moment);
                try {
                    statement.cancel();
                } catch (SQLException e) {
                    assertEquals("08003", e.getSQLState());
                }
            });
            statement.execute("SELECT pg_sleep(" + seconds + ")");
        } catch (SQLException e) {
            assertEquals(CANCELLED, e.getSQLState(), e.getMessage());
            hits.incrementAndGet();
            return;
        }
        // The next user of the same session, the last that came back, whom nobody cancels.
        try (Connection connection = db.primary().acquire();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_sleep(0.0005)");
        }
        canceller.join();
    }

    @Test
    void aSessionIsNotReusedWhileACancelMayBeUnderWay(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(DatabaseConfig.builder(link.url() + "&cancelSignalTimeout=1")
                        .poolSize(1)
                        .build())) {
            Connection connection = db.primary().acquire();
            int before = pid(connection);
            Statement statement = connection.createStatement();
            CountDownLatch running = new CountDownLatch(1);
            Thread canceller = Thread.ofVirtual().name("canceller").start(() -> {
                try {
                    running.await();
                    LockSupport.parkNanos(100_000_000);
                    link.blackhole(false, true);
                    statement.cancel();
                } catch (SQLException | InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            running.countDown();
            statement.execute("SELECT pg_sleep(0.5)");
            assertTrue(canceller.join(SOON));
            link.heal();
            connection.close();
            try (Connection next = db.primary().acquire()) {
                assertNotEquals(before, pid(next), "the request could still arrive");
            }
        }
    }

    @Test
    void aStatementThatTimesOutOnTheClientLeavesAUsableSession(TestDatabase server) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build())) {
            int before;
            try (Connection connection = db.primary().acquire();
                    Statement statement = connection.createStatement()) {
                before = pid(connection);
                statement.setQueryTimeout(1);
                statement.execute("SELECT pg_sleep(30)");
                throw new AssertionError("not cancelled");
            } catch (SQLException e) {
                assertEquals(CANCELLED, e.getSQLState());
            }
            try (Connection next = db.primary().acquire()) {
                assertTrue(pid(next) > 0);
                assertEquals(1, db.primary().stats().opened(), "the session need not be replaced");
            }
        }
    }
}
