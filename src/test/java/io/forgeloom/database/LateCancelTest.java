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
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A cancel request travels by itself and may arrive late: it must not hit whoever has the session then. */
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
        SplittableRandom random = new SplittableRandom(7);
        SynchronousQueue<Statement> cancels = new SynchronousQueue<>();
        int hits = 0;
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build())) {
            CountDownLatch done = new CountDownLatch(1);
            Thread canceller = Thread.ofVirtual().name("canceller").start(() -> {
                SplittableRandom when = new SplittableRandom(11);
                while (done.getCount() > 0) {
                    try {
                        Statement statement = cancels.poll(10, TimeUnit.MILLISECONDS);
                        if (statement != null) {
                            LockSupport.parkNanos(when.nextLong(1_500_000));
                            statement.cancel();
                        }
                    } catch (SQLException e) {
                        assertEquals("08003", e.getSQLState());
                    } catch (InterruptedException e) {
                        return;
                    }
                }
            });
            for (int i = 0; i < count; i++) {
                try (Connection connection = db.primary().acquire();
                        Statement statement = connection.createStatement()) {
                    cancels.put(statement);
                    statement.execute("SELECT pg_sleep(" + random.nextDouble(0.001) + ")");
                } catch (SQLException e) {
                    assertEquals(CANCELLED, e.getSQLState(), e.getMessage());
                    hits++;
                }
                // The next user of the same session, whom nobody cancels.
                try (Connection connection = db.primary().acquire();
                        Statement statement = connection.createStatement()) {
                    statement.execute("SELECT pg_sleep(0.0005)");
                }
            }
            done.countDown();
            assertTrue(canceller.join(SOON));
            System.out.println("figure: " + count + " cancel races, " + hits + " statements cancelled, "
                    + db.primary().stats().closed() + " sessions replaced");
            assertTrue(hits > count / 20, "only " + hits + " statements were cancelled");
            PoolConservation.check(db.primary(), 1);
        }
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
