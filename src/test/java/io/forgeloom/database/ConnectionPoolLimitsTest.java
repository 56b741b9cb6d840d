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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The pool's bounds: how many wait, how long a session lives and lies, who holds one for long. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ConnectionPoolLimitsTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private static DatabaseConfig.Builder config(TestDatabase server, int poolSize) {
        return DatabaseConfig.builder(server.url()).poolSize(poolSize);
    }

    private static List<Connection> takeAll(Database db, int count) {
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            all.add(db.primary().acquire());
        }
        return all;
    }

    private static void closeAll(List<Connection> all) throws SQLException {
        for (Connection connection : all) {
            connection.close();
        }
    }

    private static String pid(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getString(1);
        }
    }

    @Test
    void aFullQueueRefusesAtOnceWithCountsAndWithoutAStackTrace(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 1).maxWaiters(1).build())) {
            Connection held = db.primary().acquire();
            Thread waiter = Thread.ofVirtual().name("waiter").start(() -> db.withConnection(c -> null));
            Await.until("one in the queue", () -> db.primary().stats().waiting() == 1);
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.primary().acquire());
            assertEquals(AcquireException.Reason.QUEUE_FULL, e.reason());
            assertTrue(e.getMessage().contains("1 threads wait already"), e.getMessage());
            assertTrue(e.getMessage().contains("waiting=1 max=1"), e.getMessage());
            assertEquals(0, e.getStackTrace().length);
            assertEquals(1, db.primary().stats().refused());

            // Only after the JIT has seen it is the time one of the pool's.
            long best = Long.MAX_VALUE;
            for (int i = 0; i < 20_000; i++) {
                long begin = System.nanoTime();
                try {
                    db.primary().acquire();
                } catch (AcquireException full) {
                    best = Math.min(best, System.nanoTime() - begin);
                }
            }
            assertTrue(best < 10_000, "the fastest refusal of 20,000 took " + best + " ns");
            held.close();
            assertTrue(waiter.join(SOON));
        }
    }

    @Test
    void withNoWaitersAllowedAFreeConnectionIsStillHandedOut(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 1).maxWaiters(0).build())) {
            try (Connection c = db.primary().acquire()) {
                assertFalse(c.isClosed());
            }
        }
    }

    @Test
    void tryAcquireTakesWhatIsFreeAndNothingElse(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 2).build())) {
            Connection only = db.primary().tryAcquire().orElseThrow();
            assertTrue(db.primary().tryAcquire().isEmpty());
            assertEquals(1, db.primary().stats().total());
            only.close();
        }
    }

    @Test
    void aSessionThatLayFreeForTooLongIsClosedDownToTheMinimum(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 5)
                .minPoolSize(2)
                .idleTimeout(Duration.ofMillis(200))
                .build())) {
            closeAll(takeAll(db, 5));
            assertTrue(db.primary().stats().idle() > 2);
            Await.until("the minimum", () -> db.primary().stats().total() == 2);
            Thread.sleep(300);
            assertEquals(2, db.primary().stats().total());
        }
    }

    @Test
    void aSessionThatIsTooOldIsReplaced(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 1)
                .minPoolSize(1)
                .maxLifetime(Duration.ofMillis(300))
                .build())) {
            String first = db.withConnection(c -> pid(c));
            Await.until("another session", () -> db.primary().stats().opened() >= 2);
            Connection held = db.primary().acquire();
            assertFalse(first.equals(pid(held)));
            long closed = db.primary().stats().closed();
            Thread.sleep(400);
            // In use it is left alone; given back it is too old to be kept.
            assertEquals(closed, db.primary().stats().closed());
            held.close();
            Await.until(
                    "the end of the one given back", () -> db.primary().stats().closed() > closed);
        }
    }

    @Test
    void keepaliveFindsADeadSessionBeforeAnyoneNeedsIt(TestDatabase server) throws Exception {
        try (Database db = Database.open(
                config(server, 1).keepaliveInterval(Duration.ofMillis(150)).build())) {
            String pid = db.withConnection(c -> pid(c));
            Thread.sleep(400);
            assertEquals(pid, db.withConnection(c -> pid(c)), "a living session is kept");
            server.execute("SELECT pg_terminate_backend(" + pid + ", 5000)");
            Await.until("the dead one gone", () -> db.primary().stats().total() == 0);
        }
    }

    @Test
    void aDedicatedConnectionCountsIsNamedAndIsNeverUsedAgain(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 2).build())) {
            Connection bus = db.primary().acquireDedicated("notify-bus");
            String pid = pid(bus);
            assertEquals(List.of("notify-bus"), db.primary().stats().dedicated());
            Connection other = db.primary().acquire();
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(20)));
            assertTrue(e.getMessage().contains("(dedicated notify-bus) for "), e.getMessage());
            other.close();
            bus.close();
            assertEquals(List.of(), db.primary().stats().dedicated());
            for (Connection connection : takeAll(db, 2)) {
                assertFalse(pid.equals(pid(connection)));
                connection.close();
            }
        }
    }

    @Test
    void aLeakIsReportedOnceWithBothPlaces(TestDatabase server) throws Exception {
        List<String> reports = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                if (record.getThrown() != null) {
                    reports.add(record.getMessage()
                            + record.getThrown().getStackTrace()[0]
                            + List.of(record.getThrown().getStackTrace()));
                }
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger("io.forgeloom.database");
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
        try (Database db = Database.open(
                config(server, 2).leakThreshold(Duration.ofMillis(100)).build())) {
            CountDownLatch end = new CountDownLatch(1);
            Thread leaker = Thread.ofVirtual()
                    .name("leaker")
                    .start(() -> db.withConnection(c -> {
                        awaitHere(end);
                        return null;
                    }));
            Await.until("a report", () -> !reports.isEmpty());
            Thread.sleep(150);
            end.countDown();
            assertTrue(leaker.join(SOON));
            assertEquals(1, reports.size(), reports.toString());
            assertTrue(reports.get(0).contains("by \"leaker\", longer than leakThreshold (100 ms)"), reports.get(0));
            assertTrue(reports.get(0).contains("awaitHere"), "where it is now: " + reports.get(0));
            assertTrue(reports.get(0).contains("Database.withConnection"), "where it was acquired: " + reports.get(0));
        } finally {
            logger.setUseParentHandlers(true);
            logger.removeHandler(handler);
        }
    }

    private static void awaitHere(CountDownLatch end) {
        try {
            end.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void closeCancelsWhatRunsSoThatNoBackendIsLeft(TestDatabase server) throws Exception {
        Database db = Database.open(config(server, 2).build());
        CountDownLatch running = new CountDownLatch(1);
        List<String> states = new CopyOnWriteArrayList<>();
        Thread user = Thread.ofVirtual().name("user").start(() -> {
            try {
                db.withConnection(c -> {
                    try (Statement statement = c.createStatement()) {
                        running.countDown();
                        return statement.execute("SELECT pg_sleep(30)");
                    }
                });
            } catch (io.forgeloom.error.DatabaseException e) {
                states.add(String.valueOf(e.sqlState()));
            }
        });
        running.await();
        Await.until(
                "the sleeping query",
                () -> "1"
                        .equals(server.query("SELECT count(*) FROM pg_stat_activity"
                                + " WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'"
                                + " AND datname = current_database()")));
        long begin = System.nanoTime();
        db.close(Duration.ofMillis(200));
        long tookMillis = (System.nanoTime() - begin) / 1_000_000;
        assertTrue(user.join(SOON));
        assertTrue(tookMillis >= 190 && tookMillis < 1_200, "took " + tookMillis + " ms");
        // Who has not ended by then, as where the machine stands still, is aborted.
        boolean inTime = tookMillis < 190 + LateUsers.AFTER_CANCEL.toMillis();
        assertTrue(states.toString().matches(inTime ? "\\[57014]" : "\\[(57014|08...)]"), states::toString);
    }
}
