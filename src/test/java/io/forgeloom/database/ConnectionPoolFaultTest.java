package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
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
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The pool while the network, the server or its users misbehave: who waits, for how long, and that nothing is lost. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ConnectionPoolFaultTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    /** Successes, for a test that breaks things at random, to have met more than outages. */
    private static final int ENOUGH = 100;

    private static DatabaseConfig.Builder config(FaultyLink link, int poolSize) {
        return DatabaseConfig.builder(link.url()).poolSize(poolSize);
    }

    private static String ping(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getString(1);
        }
    }

    private static List<Thread> start(int count, String name, Runnable body) {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            threads.add(Thread.ofVirtual().name(name + "-" + i).start(body));
        }
        return threads;
    }

    private static void join(List<Thread> threads) throws InterruptedException {
        for (Thread thread : threads) {
            assertTrue(thread.join(SOON), thread + " is stuck");
        }
    }

    @Test
    void waitersAreServedInTheOrderOfTheirArrival(TestDatabase server) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build())) {
            List<Integer> served = Collections.synchronizedList(new ArrayList<>());
            List<Thread> waiters = new ArrayList<>();
            Connection held = db.primary().acquire();
            for (int i = 0; i < 50; i++) {
                int number = i;
                waiters.add(
                        Thread.ofVirtual().name("waiter-" + i).start(() -> db.withConnection(c -> served.add(number))));
                Thread waiter = waiters.get(i);
                // Only the queue is a wait with a limit; to be counted is not yet to be in it.
                Await.until("waiter " + i + " in the queue", () -> waiter.getState() == Thread.State.TIMED_WAITING);
            }
            held.close();
            join(waiters);
            assertEquals(java.util.stream.IntStream.range(0, 50).boxed().toList(), served);
        }
    }

    @Test
    void aSpikeOnAColdPoolOpensFewMoreThanConnectAtATime(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 100).build())) {
            Connection first = db.primary().acquire();
            // Some 150 ms to connect; then 2 ms of work, which needs no round trip.
            link.delay(Duration.ofMillis(20));
            AtomicInteger done = new AtomicInteger();
            join(start(50, "spike", () -> {
                try (Connection c = db.primary().acquire()) {
                    assertTrue(c.getAutoCommit());
                    Thread.sleep(2);
                    done.incrementAndGet();
                } catch (SQLException | InterruptedException e) {
                    throw new AssertionError(e);
                }
            }));
            first.close();
            assertEquals(50, done.get());
            long opened = db.primary().stats().opened();
            assertTrue(opened <= 9, "opened " + opened);
            assertTrue(opened >= 4, "opened " + opened);
        }
    }

    @Test
    @SuppressWarnings("try") // the close is what is under test
    void aHungConnectCostsOneSlotAndTheOthersServeEveryone(TestDatabase server) throws Exception {
        int size = 5;
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, size)
                        .connectTimeout(Duration.ofSeconds(20))
                        .build())) {
            List<Connection> held = new ArrayList<>();
            for (int i = 1; i < size; i++) {
                held.add(db.primary().acquire());
            }
            link.blackhole(false, true);
            Thread waiter = Thread.ofVirtual().name("waiter").start(() -> db.withConnection(c -> ping(c)));
            Await.until(
                    "a connect that hangs", () -> db.primary().stats().connecting() == 1 && link.accepted() == size);
            for (Connection connection : held) {
                connection.close();
            }
            assertTrue(waiter.join(SOON), "the waiter did not take a connection that came back");
            AtomicInteger served = new AtomicInteger();
            AtomicLong longest = new AtomicLong();
            join(start(40, "user", () -> {
                for (int i = 0; i < 25; i++) {
                    long begin = System.nanoTime();
                    db.withConnection(c -> {
                        longest.accumulateAndGet(System.nanoTime() - begin, Math::max);
                        served.incrementAndGet();
                        return ping(c);
                    });
                }
            }));
            PoolStats stats = db.primary().stats();
            System.out.println("figure: hung connect cost " + stats.connecting() + " of " + size + " slots; the other "
                    + stats.total() + " served 40 users " + served + " times, longest wait " + longest.get() / 1_000_000
                    + " ms, while connectTimeout is 20000 ms");
            assertEquals(1, stats.connecting(), stats.toString());
            assertEquals(size - 1, stats.idle(), stats.toString());
            assertEquals(size, link.accepted(), "connects, that which hangs among them");
            assertTrue(longest.get() < 2_000_000_000L, "longest wait " + longest.get() / 1_000_000 + " ms");
            // The close interrupts the hung connect rather than to wait for its 20 s.
            long begin = System.nanoTime();
            db.close();
            assertTrue(System.nanoTime() - begin < 5_000_000_000L);
        }
    }

    @Test
    void connectTimeoutCoversAServerThatAcceptsAndSaysNothing(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 5)
                        .connectTimeout(Duration.ofMillis(1_500))
                        .poolTimeout(Duration.ofSeconds(3))
                        .build())) {
            Connection held = db.primary().acquire();
            link.blackhole(false, true);
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.primary().acquire());
            assertEquals(AcquireException.Reason.SERVER_DOWN, e.reason());
            held.close();
            assertTrue(e.getMessage().contains("within 1500 ms"), e.getMessage());
        }
    }

    @Test
    void aSlowConnectIsNamedAsSuch(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 5).build())) {
            Connection held = db.primary().acquire();
            link.blackhole(false, true);
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(100)));
            assertEquals(AcquireException.Reason.CONNECTING_SLOWLY, e.reason());
            held.close();
        }
    }

    @Test
    void oneOpenerAloneTriesWhileTheServerIsDownAndAllAreServedWhenItIsBack(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 10).build())) {
            db.withConnection(c -> ping(c));
            link.refuse(true);
            link.cut();
            long accepted = link.accepted();
            long openedBefore = db.primary().stats().opened();
            AtomicInteger done = new AtomicInteger();
            List<Thread> waiters = start(200, "waiter", () -> {
                try {
                    db.withConnection(c -> ping(c));
                    done.incrementAndGet();
                } catch (DatabaseException e) {
                    assertEquals("08006", e.sqlState());
                }
            });
            // The one who gets the dead connection untried, since it was just used, fails; its thread ends.
            Await.until("199 waiters", () -> db.primary().stats().waiting() >= 199);
            Await.until("the outage", () -> !db.primary().isReachable());
            Await.until("a single opener", () -> db.primary().stats().connecting() == 1);
            assertEquals(199, db.primary().stats().waiting());
            link.heal();
            join(waiters);
            assertTrue(done.get() >= 199, "served " + done.get());
            assertTrue(db.primary().isReachable());
            Await.until("no opener", () -> db.primary().stats().connecting() == 0);
            long opened = db.primary().stats().opened() - openedBefore;
            assertTrue(opened <= 10, "opened " + opened);
            // Two more: the bare socket of the opener that was refused before, and, as ConnectionPool says, a session
            // beyond its size, to end what the lost one may have left.
            assertTrue(link.accepted() - accepted <= opened + 2, "connects: " + (link.accepted() - accepted));
        }
    }

    @Test
    void theMinimumIsOpenedAtTheStartAndKeptAfterALoss(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(config(link, 10).minPoolSize(3).build())) {
            Await.until("three idle", () -> db.primary().stats().idle() == 3);
            link.cut();
            // Each dead one is found when it is looked at, and replaced.
            Await.until("three living", () -> {
                try {
                    return "x".equals(db.withConnection(c -> ping(c)).replaceAll(".+", "x"))
                            && db.primary().stats().opened() >= 4
                            && db.primary().stats().total() == 3;
                } catch (RuntimeException e) {
                    return false;
                }
            });
        }
    }

    @Test
    void anInterruptedWaiterLeavesTheQueueAndTakesNothing(TestDatabase server) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build())) {
            Connection held = db.primary().acquire();
            List<Object> outcome = Collections.synchronizedList(new ArrayList<>());
            Thread waiter = Thread.ofVirtual().name("waiter").start(() -> {
                try {
                    db.primary().acquire();
                } catch (AcquireException e) {
                    outcome.add(e.reason());
                    outcome.add(Thread.currentThread().isInterrupted());
                }
            });
            Await.until("the waiter", () -> db.primary().stats().waiting() == 1);
            waiter.interrupt();
            assertTrue(waiter.join(SOON));
            assertEquals(List.of(AcquireException.Reason.INTERRUPTED, true), outcome);
            held.close();
            assertEquals(1, db.primary().stats().idle());
        }
    }

    @Test
    void anInterruptInAQueryCostsTheSessionAndNoPlace(TestDatabase server) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build())) {
            CountDownLatch running = new CountDownLatch(1);
            Thread victim = Thread.ofVirtual()
                    .name("victim")
                    .start(() -> assertThrows(
                            RuntimeException.class,
                            () -> db.withConnection(c -> {
                                try (Statement statement = c.createStatement()) {
                                    running.countDown();
                                    return statement.execute("SELECT pg_sleep(2)");
                                }
                            })));
            running.await();
            victim.interrupt();
            assertTrue(victim.join(SOON));
            assertEquals(0, db.primary().stats().active());
            db.withConnection(c -> ping(c));
            assertEquals(1, db.primary().stats().total());
        }
    }

    @Test
    void permitsAndConnectionsAreConservedUnderRandomFaults(TestDatabase server) throws Exception {
        conserve(server, 42, Duration.ofSeconds(2));
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void permitsAndConnectionsAreConservedUnderMinutesOfRandomFaults(TestDatabase server) throws Exception {
        conserve(server, System.nanoTime(), Duration.ofMinutes(5));
    }

    /** The faults follow from the seed; how the threads meet them does not. */
    private static void conserve(TestDatabase server, long seed, Duration length) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int size = 8;
        AtomicLong successes = new AtomicLong();
        AtomicLong failures = new AtomicLong();
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        config(link, size).poolTimeout(Duration.ofSeconds(2)).build())) {
            long end = System.nanoTime() + length.toNanos();
            // A slow machine gets the time that it needs for as much work.
            long last = end + SOON.toNanos();
            BooleanSupplier goesOn = () -> {
                long now = System.nanoTime();
                return now < end || (now < last && (successes.get() <= ENOUGH || failures.get() == 0));
            };
            int faults = 0;
            AtomicInteger most = new AtomicInteger();
            AtomicInteger inside = new AtomicInteger();
            List<Thread> users = start(64, "user", () -> {
                while (goesOn.getAsBoolean()) {
                    try {
                        db.inTransaction(tx -> {
                            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                            try {
                                return ping(tx.connection());
                            } finally {
                                inside.decrementAndGet();
                            }
                        });
                        successes.incrementAndGet();
                    } catch (RuntimeException e) {
                        failures.incrementAndGet();
                        boolean interrupted = Thread.interrupted();
                        assertTrue(interrupted || !(e instanceof IllegalStateException), e.toString());
                    }
                }
            });
            long atLastCut = 0;
            for (; goesOn.getAsBoolean(); faults++) {
                switch (random.nextInt(3)) {
                    case 0 -> {
                        // Where it takes longer than that to open a session, none would ever be used.
                        if (successes.get() > atLastCut) {
                            atLastCut = successes.get();
                            link.cut();
                        }
                    }
                    case 1 -> users.get(random.nextInt(users.size())).interrupt();
                    default -> {
                        link.refuse(true);
                        Thread.sleep(5);
                        link.refuse(false);
                    }
                }
                // Long enough for some sessions to be opened and used between two cuts.
                Thread.sleep(20);
            }
            join(users);
            assertTrue(most.get() <= size, "inside at once: " + most.get());
            assertTrue(
                    successes.get() > ENOUGH && failures.get() > 0,
                    "seed " + seed + ": " + successes + " successes, " + failures + " failures");
            // All places are there: as many at once as the pool has, and no more sessions than that.
            List<Connection> all = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                all.add(db.primary().acquire());
            }
            PoolStats stats = db.primary().stats();
            System.out.println("figure: random faults for " + length.toSeconds() + " s, seed " + seed + ": " + successes
                    + " transactions, " + failures + " failed, " + faults + " faults, sessions " + stats.opened()
                    + " opened and " + stats.closed() + " closed, at most " + most + " of " + size
                    + " places in use at once, " + (size - stats.active()) + " lost");
            assertEquals(size, stats.active(), "seed " + seed + ": " + stats);
            assertEquals(0, stats.waiting(), stats.toString());
            assertInstanceOf(
                    AcquireException.class,
                    assertThrows(RuntimeException.class, () -> db.primary().acquire(Duration.ZERO)));
            for (Connection connection : all) {
                connection.close();
            }
            assertEquals(
                    stats.opened() - db.primary().stats().closed(),
                    db.primary().stats().total());
        }
    }
}
