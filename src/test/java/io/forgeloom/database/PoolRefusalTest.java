package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A pool that is told that its server is down, and that it is back: whoever waits is refused, and no place is lost. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolRefusalTest {

    private static final int SIZE = 8;
    private static final Duration SOON = Duration.ofSeconds(10);

    private static Database open(TestDatabase server) {
        return Database.open(DatabaseConfig.builder(server.url()).poolSize(SIZE).build());
    }

    @Test
    void whoeverWaitsIsRefusedAtOnceAndWhoeverHoldsIsLeftInPeace(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            ConnectionPool pool = db.primary();
            List<Connection> held = new ArrayList<>();
            for (int i = 0; i < SIZE; i++) {
                held.add(pool.acquire());
            }
            Queue<AcquireException> refusals = new ConcurrentLinkedQueue<>();
            List<Thread> waiters = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                waiters.add(Thread.ofVirtual().start(() -> {
                    try (Connection unexpected = pool.acquire()) {
                        held.add(unexpected);
                    } catch (AcquireException e) {
                        refusals.add(e);
                    } catch (SQLException e) {
                        throw new IllegalStateException(e);
                    }
                }));
            }
            while (pool.stats().waiting() < waiters.size()) {
                Thread.onSpinWait();
            }
            long begin = System.nanoTime();
            pool.refuse("it is on fire");
            for (Thread waiter : waiters) {
                assertTrue(waiter.join(SOON));
            }
            assertTrue(System.nanoTime() - begin < 1_000_000_000, "refused after " + (System.nanoTime() - begin));
            assertEquals(20, refusals.size());
            for (AcquireException refusal : refusals) {
                assertEquals(Reason.SERVER_DOWN, refusal.reason());
                assertTrue(String.valueOf(refusal.getMessage()).contains("it is on fire"), refusal.getMessage());
            }
            assertThrows(AcquireException.class, pool::acquire);
            for (Connection connection : held) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute("SELECT 1");
                }
                connection.close();
            }
            assertEquals(0, pool.stats().total(), "sessions of a server that is down are not kept");
            pool.admit();
            PoolConservation.check(pool, SIZE);
        }
    }

    @Test
    void noPlaceIsLostInAHundredChanges(TestDatabase server) throws Exception {
        changes(server, 100);
    }

    @Test
    @Tag("long")
    void noPlaceIsLostInAThousandChanges(TestDatabase server) throws Exception {
        changes(server, 1_000);
    }

    private static void changes(TestDatabase server, int cycles) throws Exception {
        SplittableRandom random = new SplittableRandom(11);
        try (Database db = open(server)) {
            ConnectionPool pool = db.primary();
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong served = new AtomicLong();
            AtomicLong refused = new AtomicLong();
            AtomicLong longest = new AtomicLong();
            Queue<Throwable> surprises = new ConcurrentLinkedQueue<>();
            List<Thread> users = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                users.add(Thread.ofVirtual().start(() -> {
                    while (!stop.get()) {
                        long begin = System.nanoTime();
                        try (Connection connection = pool.acquire()) {
                            longest.accumulateAndGet(System.nanoTime() - begin, Math::max);
                            if (!connection.isClosed() && served.incrementAndGet() % 4 == 0) {
                                Thread.sleep(1);
                            }
                        } catch (AcquireException e) {
                            longest.accumulateAndGet(System.nanoTime() - begin, Math::max);
                            refused.incrementAndGet();
                            if (e.reason() != Reason.SERVER_DOWN) {
                                surprises.add(e);
                            }
                            pause();
                        } catch (SQLException | InterruptedException e) {
                            surprises.add(e);
                        }
                    }
                }));
            }
            for (int i = 0; i < cycles; i++) {
                Thread.sleep(random.nextInt(16), random.nextInt(1_000_000));
                pool.refuse("cycle " + i);
                if (random.nextBoolean()) {
                    Thread.sleep(0, random.nextInt(1_000_000));
                }
                pool.admit();
                if (i % 4 == 0) {
                    awaitMore(served, pool);
                }
            }
            stop.set(true);
            for (Thread user : users) {
                assertTrue(user.join(SOON), user + " is stuck: " + pool.stats());
            }
            System.out.println("figure: " + cycles + " times refused and admitted: " + served + " served, " + refused
                    + " refused, longest wait " + longest.get() / 1_000_000 + " ms, " + pool.stats());
            assertNull(surprises.peek(), surprises.size() + " surprises");
            assertTrue(served.get() >= cycles / 4 && refused.get() > 0, served + " served, " + refused + " refused");
            assertTrue(longest.get() < 5_000_000_000L, "longest wait " + longest);
            PoolConservation.check(pool, SIZE);
        }
    }

    /** Until somebody is served again; otherwise a busy machine would see refusals only. */
    private static void awaitMore(AtomicLong served, ConnectionPool pool) throws InterruptedException {
        long before = served.get();
        long begin = System.nanoTime();
        while (served.get() == before) {
            assertTrue(System.nanoTime() - begin < SOON.toNanos(), "nobody is served: " + pool.stats());
            Thread.sleep(1);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
