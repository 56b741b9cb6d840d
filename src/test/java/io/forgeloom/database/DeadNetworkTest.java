package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.parallel.ExecutionMode.CONCURRENT;

import io.forgeloom.error.DatabaseException;
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
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.postgresql.PGConnection;

/**
 * Networks that swallow bytes without a word, on default settings; and queries that are merely slow. Side by side, each on
 * a link and in a database of its own: what they do is to wait for the seconds that a silence takes. (The class must not say
 * it for them: other classes would run beside it.)
 */
@Tag("slow")
@Timeout(60)
@WithDatabase
@ExtendWith(ThreadLeaks.class)
class DeadNetworkTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private static DatabaseConfig config(FaultyLink link, int size) {
        return DatabaseConfig.builder(link.url()).poolSize(size).build();
    }

    private static boolean run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.execute(sql);
        }
    }

    private static void join(List<Thread> threads) throws InterruptedException {
        for (Thread thread : threads) {
            assertTrue(thread.join(SOON), thread + " is stuck");
        }
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    /** Fills the pool with as many sessions as it may have. */
    private static void fill(Database db, int size) throws SQLException {
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            all.add(db.primary().acquire());
        }
        for (Connection connection : all) {
            connection.close();
        }
    }

    @Test
    @Execution(CONCURRENT)
    void usersInQueriesAreFreedAndTheirPlacesWorkAgain(TestDatabase server) throws Exception {
        int size = 16;
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, size))) {
            fill(db, size);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong dead = new AtomicLong();
            CountDownLatch warm = new CountDownLatch(200);
            CountDownLatch again = new CountDownLatch(1);
            ConcurrentLinkedQueue<DatabaseException> failures = new ConcurrentLinkedQueue<>();
            List<Thread> users = new ArrayList<>();
            for (int i = 0; i < 3 * size; i++) {
                users.add(Thread.ofVirtual().name("user-" + i).start(() -> {
                    while (!stop.get()) {
                        boolean after = dead.get() != 0;
                        try {
                            db.withConnection(c -> run(c, "SELECT pg_sleep(0.005)"));
                            warm.countDown();
                            if (after) {
                                again.countDown();
                            }
                        } catch (DatabaseException e) {
                            failures.add(e);
                        }
                    }
                }));
            }
            warm.await();
            link.blackhole(true, false);
            long begin = System.nanoTime();
            dead.set(begin);
            again.await();
            long first = millisSince(begin);
            stop.set(true);
            join(users);
            PoolConservation.check(db.primary(), size);
            long all = millisSince(begin);
            System.out.println("figure: blackhole with " + size + " in queries: first success after " + first
                    + " ms, every slot after " + all + " ms, " + failures.size() + " users failed");
            assertTrue(first < 3_000, "first success after " + first + " ms");
            assertTrue(all < 5_000, "every slot after " + all + " ms");
            assertFalse(failures.isEmpty());
            for (DatabaseException failure : failures) {
                assertEquals("08006", failure.sqlState());
                assertTrue(String.valueOf(failure.getMessage()).contains("network between them is dead"), failure + "");
            }
        }
    }

    @Test
    @Execution(CONCURRENT)
    void deadFreeSessionsCostOneWaitAltogether(TestDatabase server) throws Exception {
        int size = 16;
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, size))) {
            fill(db, size);
            link.blackhole(true, false);
            long begin = System.nanoTime();
            boolean served = false;
            while (!served) {
                try {
                    served = db.withConnection(c -> run(c, "SELECT 1"));
                } catch (DatabaseException e) {
                    assertEquals("08006", e.sqlState());
                }
            }
            long first = millisSince(begin);
            PoolConservation.check(db.primary(), size);
            long all = millisSince(begin);
            System.out.println("figure: blackhole with " + size + " free: first success after " + first
                    + " ms, every slot after " + all + " ms");
            assertTrue(first < 3_000, "first success after " + first + " ms");
            assertTrue(all < 5_000, "every slot after " + all + " ms");
        }
    }

    @Test
    @Execution(CONCURRENT)
    void whatIsSlowAndAliveIsNotCut(TestDatabase server) throws Exception {
        // Three seconds are two looks at each: after one second of silence, and after two.
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 8))) {
            link.delay(Duration.ofMillis(20));
            ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
            List<Thread> users = new ArrayList<>();
            List<ConnectionFunction<Object, RuntimeException>> slow = List.of(
                    c -> run(c, "SELECT pg_sleep(3)"),
                    c -> {
                        // Some seconds of transfer, during which the backend waits for its client most of the time.
                        try (Statement statement = c.createStatement();
                                ResultSet rows = statement.executeQuery(
                                        "SELECT repeat('x', 500000) FROM generate_series(1, 12)")) {
                            while (rows.next()) {
                                assertNotNull(rows.getString(1));
                            }
                            return true;
                        }
                    },
                    c -> {
                        // A user who takes his time between two fetches; the backend is idle in a transaction.
                        c.setAutoCommit(false);
                        try (Statement statement = c.createStatement()) {
                            statement.setFetchSize(2);
                            try (ResultSet rows = statement.executeQuery("SELECT generate_series(1, 10)")) {
                                while (rows.next()) {
                                    Thread.sleep(250);
                                }
                            }
                            return true;
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                    },
                    c -> {
                        run(c, "LISTEN nothing_comes");
                        // In a read for seconds, with an idle backend, and nothing is wrong.
                        return c.unwrap(PGConnection.class).getNotifications(3_000);
                    });
            for (ConnectionFunction<Object, RuntimeException> function : slow) {
                users.add(Thread.ofVirtual().name("slow-" + users.size()).start(() -> {
                    try {
                        db.withConnection(function);
                    } catch (RuntimeException | AssertionError e) {
                        failures.add(e);
                    }
                }));
            }
            join(users);
            assertEquals(List.of(), List.copyOf(failures));
        }
    }

    @Test
    @Execution(CONCURRENT)
    void aLostAnswerIsNoticedInTheMiddle(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 2))) {
            Connection connection = db.primary().acquire();
            link.stallInsideMessage(100_000);
            long begin = System.nanoTime();
            SQLException lost = null;
            try (Statement statement = connection.createStatement();
                    ResultSet rows =
                            statement.executeQuery("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")) {
                rows.next();
            } catch (SQLException e) {
                lost = e;
            }
            connection.close();
            assertNotNull(lost);
            assertEquals("08006", lost.getSQLState());
            assertTrue(millisSince(begin) < 3_000, "noticed after " + millisSince(begin) + " ms");
        }
    }

    @Test
    @Execution(CONCURRENT)
    void withoutAnAnswerNothingIsCut(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 2))) {
            db.withConnection(c -> run(c, "SELECT 1"));
            link.blackhole(true, true);
            ConcurrentLinkedQueue<RuntimeException> failures = new ConcurrentLinkedQueue<>();
            Thread user = Thread.ofVirtual().name("user").start(() -> {
                try {
                    db.withConnection(c -> run(c, "SELECT 1"));
                } catch (RuntimeException e) {
                    failures.add(e);
                }
            });
            assertFalse(user.join(Duration.ofMillis(2_400)), "cut although nobody could be asked: " + failures);
            link.heal();
            assertTrue(user.join(SOON), "not asked again");
            assertEquals(1, failures.size());
        }
    }

    @Test
    @Execution(CONCURRENT)
    @WithDatabase(expectNoConnections = true)
    void healthOfASilentServerIsAnAnswerInTime(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(DatabaseConfig.builder(link.url())
                        .poolSize(2)
                        .closeTimeout(Duration.ZERO)
                        .build())) {
            link.blackhole(true, true);
            long begin = System.nanoTime();
            DatabaseHealth health = db.health();
            assertTrue(System.nanoTime() - begin < 4_000_000_000L);
            assertFalse(health.isReady(), health.toString());
        }
    }
}
