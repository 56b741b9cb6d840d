package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
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
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The close of a pool that is in use: who may finish, who is cut off, when it ends, and what is left. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class PoolShutdownTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    /** Uses before the close, for it to meet a pool at full load. */
    private static final int WARM = 2_000;

    private static boolean run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.execute(sql);
        }
    }

    /** A pool, those who use it until it refuses them, and what became of them. */
    private static final class Load {

        final int size;
        final Duration deadline;
        final Database db;
        final FaultyLink link;
        final TestDatabase server;
        final CountDownLatch warm = new CountDownLatch(WARM);
        final AtomicInteger inside = new AtomicInteger();
        final AtomicInteger dawdling = new AtomicInteger();
        final AtomicInteger most = new AtomicInteger();
        final AtomicInteger committed = new AtomicInteger();
        final Queue<RuntimeException> failures = new ConcurrentLinkedQueue<>();
        final List<Thread> users = new ArrayList<>();

        Load(TestDatabase server, FaultyLink link, int size, Duration deadline) throws SQLException {
            this.size = size;
            this.deadline = deadline;
            this.server = server;
            this.link = link;
            server.execute("CREATE TABLE public.kept (id int)");
            db = Database.open(DatabaseConfig.builder(link.url())
                    .poolSize(size)
                    .closeTimeout(deadline)
                    .build());
        }

        void users(int count, Consumer<Load> use) {
            for (int i = 0; i < count; i++) {
                users.add(Thread.ofVirtual().name("user-" + users.size()).start(() -> {
                    try {
                        while (true) {
                            use.accept(this);
                            warm.countDown();
                        }
                    } catch (RuntimeException e) {
                        failures.add(e);
                    }
                }));
            }
        }

        /** Half of the users: a query of a millisecond. */
        void query() {
            db.withConnection(c -> counted(c, "SELECT pg_sleep(0.001)"));
        }

        /** The other half: a row, and a millisecond between it and its commit. */
        void insert() {
            db.inTransaction(tx -> {
                run(tx.connection(), "INSERT INTO public.kept VALUES (1)");
                return counted(tx.connection(), "SELECT pg_sleep(0.001)");
            });
            committed.incrementAndGet();
        }

        /** Long enough to be cut off by a close that does not wait, much less than the deadline. */
        void dawdle() {
            db.withConnection(c -> {
                dawdling.incrementAndGet();
                try {
                    return counted(c, "SELECT pg_sleep(0.3)");
                } finally {
                    dawdling.decrementAndGet();
                }
            });
        }

        /** More than any close waits for. */
        void sleep() {
            db.withConnection(c -> counted(c, "SELECT pg_sleep(30)"));
        }

        private boolean counted(Connection connection, String sql) throws SQLException {
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            try {
                return run(connection, sql);
            } finally {
                inside.decrementAndGet();
            }
        }

        void awaitFullLoad() throws InterruptedException {
            assertTrue(warm.await(SOON.toMillis(), TimeUnit.MILLISECONDS), () -> warm.getCount() + " uses missing");
        }

        /** Closes the pool in the middle of it; how many ms that took. */
        long close(Runnable close) {
            int waiting = db.primary().stats().waiting();
            long begin = System.nanoTime();
            close.run();
            long took = (System.nanoTime() - begin) / 1_000_000;
            assertEquals(List.of(), ThreadLeaks.alive(), "threads, at the moment of its return");
            assertTrue(waiting > 0, "nobody waited: no load");
            return took;
        }

        /** All users had an end, all places came back, nothing is left, and what was committed is there. */
        void requireNothingLeft(String what, long tookMillis, int cut) throws Exception {
            long begin = System.nanoTime();
            for (Thread user : users) {
                assertTrue(user.join(SOON), user + " is stuck");
            }
            // The kernel tells link and server of the end of a socket; that is not the closing thread's to wait for.
            link.awaitConnections(0, SOON);
            server.assertNoConnections(SOON);
            long late = (System.nanoTime() - begin) / 1_000_000;
            PoolStats stats = db.primary().stats();
            System.out.println("figure: close(" + deadline.toMillis() + " ms) under " + users.size() + " users on "
                    + size + " connections, " + what + ": took " + tookMillis + " ms, cut " + cut + ", refused "
                    + refused() + "; left: " + ThreadLeaks.alive().size() + " threads, " + link.connections()
                    + " sockets, " + server.connections().size() + " backends (" + late + " ms later), "
                    + (stats.opened() - stats.closed()) + " of " + stats.opened() + " sessions; " + committed
                    + " rows committed");
            assertEquals(users.size() - cut, refused(), failures::toString);
            assertEquals(
                    cut,
                    failures.stream()
                            .filter(e -> e instanceof DatabaseException known
                                    && String.valueOf(known.sqlState()).matches("57014|08..."))
                            .count(),
                    failures::toString);
            assertEquals(0, stats.total() + stats.connecting() + stats.orphaned() + stats.waiting(), stats.toString());
            assertEquals(stats.opened(), stats.closed(), stats.toString());
            assertEquals(0, stats.control(), stats.toString());
            assertTrue(most.get() <= size, "inside at once: " + most);
            assertEquals(committed + "", server.query("SELECT count(*) FROM public.kept"));
        }

        private long refused() {
            return failures.stream()
                    .filter(e -> e instanceof AcquireException a && a.reason() == AcquireException.Reason.CLOSED)
                    .count();
        }
    }

    @Test
    void aCloseUnderLoadLetsThoseAtWorkFinishAndLeavesNothing(TestDatabase server) throws Exception {
        Duration deadline = Duration.ofSeconds(2);
        try (FaultyLink link = FaultyLink.to(server)) {
            Load load = new Load(server, link, 16, deadline);
            load.users(8, Load::dawdle);
            load.users(200, Load::query);
            load.users(200, Load::insert);
            load.awaitFullLoad();
            Await.until("one of the slower at work", () -> load.dawdling.get() > 0);
            long took = load.close(() -> load.db.close(deadline));
            load.requireNothingLeft("none of them slower than 300 ms", took, 0);
            // All have finished before, so the close need not wait for its deadline.
            assertTrue(took < deadline.toMillis(), "took " + took + " ms");
        }
    }

    @Test
    void aCloseUnderLoadEndsAtItsDeadlineAndCutsOnlyThoseWhoGoOn(TestDatabase server) throws Exception {
        Duration deadline = Duration.ofSeconds(2);
        int slow = 4;
        try (FaultyLink link = FaultyLink.to(server)) {
            Load load = new Load(server, link, 16, deadline);
            load.users(slow, Load::sleep);
            Await.until("those who sleep", () -> load.inside.get() == slow);
            load.users(200, Load::query);
            load.users(200, Load::insert);
            load.awaitFullLoad();
            long took = load.close(() -> load.db.close(deadline));
            load.requireNothingLeft(slow + " of them at work for 30 s", took, slow);
            assertTrue(took >= deadline.toMillis() - 10, "took " + took + " ms");
            assertTrue(took < deadline.toMillis() + 1_000, "took " + took + " ms");
        }
    }

    @Test
    void closeWaitsForThoseAtWorkThenAbortsThemAndWakesTheWaiters(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            Load load = new Load(server, link, 2, Duration.ofMillis(300));
            load.users(12, Load::sleep);
            Await.until("two at work", () -> load.inside.get() == 2);
            Await.until("ten waiters", () -> load.db.primary().stats().waiting() == 10);
            // The deadline is the configured one.
            long took = load.close(load.db::close);
            load.requireNothingLeft("at work for 30 s", took, 2);
            assertTrue(took >= 290 && took < 1_300, "took " + took + " ms");
        }
    }
}
