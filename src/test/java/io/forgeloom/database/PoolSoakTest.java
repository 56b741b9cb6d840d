package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Users who leave their connections as bad as JDBC and SQL allow ({@link Leftovers}), while the network is cut, the
 * server refuses, backends are ended and users interrupted: no place of the pool is lost, no user meets what another
 * left, and heap and threads are at the end as they were after the warm-up. Faults and leftovers follow from a seed; how
 * the threads meet them does not. {@code -Dforgeloom.test.soak=PT60S} and {@code -Dforgeloom.test.seed=7} give it another
 * length and seed.
 */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolSoakTest {

    private static final int USERS = 64;
    private static final int SIZE = 8;
    private static final Duration SOON = Duration.ofSeconds(20);

    /** In the long form a leak of some 20 bytes for each use is more than that. */
    private static final long HEAP_GROWTH = 8 << 20;

    /** What a pool at rest may have: upkeep, watch, and who ends backends, which waits where sessions are lost early. */
    private static final int OWN_THREADS = 3;

    /** The JDK's own: carriers come and go with what pins them. */
    private static final int PLATFORM_THREADS = 4;

    private Leftovers leftovers;
    private final Logger logger = Logger.getLogger("io.forgeloom.database");
    private final Queue<String> contaminations = new ConcurrentLinkedQueue<>();
    private final Queue<String> surprises = new ConcurrentLinkedQueue<>();
    private final AtomicLong acquired = new AtomicLong();
    private final AtomicLong committed = new AtomicLong();
    private final AtomicLong uncertain = new AtomicLong();
    private final AtomicLong failures = new AtomicLong();
    private final AtomicLong faults = new AtomicLong();

    /** Ends the users, early if the test has failed. */
    private volatile boolean over;

    /** Each refusal of the server is a warning, and there are thousands. */
    @BeforeEach
    void silenceTheLog() {
        logger.setLevel(Level.OFF);
    }

    @AfterEach
    void restoreTheLog() {
        logger.setLevel(null);
    }

    @Test
    @Timeout(480)
    void nothingIsLostOrLeftBehindInSecondsOfFaults(TestDatabase server) throws Exception {
        soak(server, 7, "PT3S");
    }

    @Test
    @Tag("long")
    @Timeout(1_800)
    void nothingIsLostOrLeftBehindInMinutesOfFaults(TestDatabase server) throws Exception {
        soak(server, System.nanoTime(), "PT5M");
    }

    private void soak(TestDatabase server, long ownSeed, String ownLength) throws Exception {
        long seed = Long.getLong("forgeloom.test.seed", ownSeed);
        Duration length = Duration.parse(System.getProperty("forgeloom.test.soak", ownLength));
        System.out.println("soak of " + length.toSeconds() + " s, seed " + seed);
        server.execute("CREATE TABLE public.kept (id bigint)");
        leftovers = new Leftovers(server);
        SplittableRandom random = new SplittableRandom(seed);
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(DatabaseConfig.builder(link.url())
                        .poolSize(SIZE)
                        .poolTimeout(Duration.ofSeconds(2))
                        .slowStatementThreshold(Duration.ZERO)
                        .build())) {
            assertEquals(
                    SqlTouch.NONE, db.primary().hygiene().touchOf(leftovers.look()), "the look would have it reset");
            load(
                    server,
                    link,
                    db,
                    random.split(),
                    Duration.ofMillis(Math.min(20_000, length.toMillis() / 5)),
                    () -> true);
            takeAll(db, seed);
            State before = State.now(db);
            load(server, link, db, random.split(), length, this::saysSomething);
            takeAll(db, seed);
            State after = State.now(db);

            PoolStats stats = db.primary().stats();
            long rows = Long.parseLong(String.valueOf(server.query("SELECT count(*) FROM public.kept")));
            String figures = "seed " + seed + ": " + acquired + " acquired, " + committed + " committed, " + failures
                    + " failed, " + faults + " faults, sessions " + stats.opened() + " opened and " + stats.closed()
                    + " closed, before " + before + ", after " + after;
            System.out.println("soak of " + length.toSeconds() + " s, " + figures);
            assertEquals(List.of(), contaminations.stream().distinct().toList(), figures);
            assertEquals(List.of(), leftovers.neverLeft(), figures);
            assertEquals(List.of(), List.copyOf(surprises), figures);
            assertEquals(
                    "0", server.query("SELECT count(*) FROM public.left_open"), "what nobody committed: " + figures);
            assertTrue(
                    rows >= committed.get() && rows <= committed.get() + uncertain.get(),
                    rows + " rows, " + uncertain + " uncertain: " + figures);
            assertTrue(saysSomething(), figures);
            assertTrue(after.heap() - before.heap() <= HEAP_GROWTH, figures);
            assertTrue(after.platformThreads() - before.platformThreads() <= PLATFORM_THREADS, figures);
        }
    }

    private boolean saysSomething() {
        return committed.get() > 50
                && failures.get() > 10
                && faults.get() > 20
                && leftovers.neverLeft().isEmpty();
    }

    /** What must be the same before and after: bytes of heap after a collection, and threads. */
    private record State(long heap, int platformThreads, int threads) {

        static State now(Database db) throws InterruptedException {
            Await.until("no opener", SOON, () -> db.primary().stats().connecting() == 0);
            Await.until(
                    OWN_THREADS + " threads of the pool",
                    SOON,
                    () -> ThreadLeaks.alive().size() <= OWN_THREADS);
            long least = Long.MAX_VALUE;
            for (int i = 0; i < 3; i++) {
                System.gc();
                least = Math.min(
                        least,
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
            }
            return new State(
                    least,
                    ManagementFactory.getThreadMXBean().getThreadCount(),
                    ThreadLeaks.alive().size());
        }

        @Override
        public String toString() {
            return heap / 1024 + " KiB, " + platformThreads + " platform threads, " + threads + " of the pool";
        }
    }

    /** Every place can be had at once, each session in it is clean, and there is not one more. */
    private void takeAll(Database db, long seed) throws SQLException {
        List<Connection> all = new ArrayList<>();
        while (all.size() < SIZE) {
            Connection connection = db.primary().acquire(SOON);
            try {
                inspect(connection);
                all.add(connection);
            } catch (SQLException e) {
                // Cut when it was free, and used a moment before: the one to learn it is the next user.
                connection.close();
            }
        }
        PoolStats stats = db.primary().stats();
        assertEquals(SIZE, stats.active(), "seed " + seed + ": " + stats);
        assertEquals(SIZE, stats.opened() - stats.closed(), "seed " + seed + ": " + stats);
        assertEquals(0, stats.waiting(), "seed " + seed + ": " + stats);
        assertEquals(
                AcquireException.Reason.EXHAUSTED,
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ZERO))
                        .reason());
        for (Connection connection : all) {
            connection.close();
        }
        assertEquals(SIZE, db.primary().stats().idle(), "seed " + seed);
    }

    // ---- faults ----

    /** For that long; a slow machine gets the time that it needs for enough, up to {@link #SOON} more. */
    private void load(
            TestDatabase server,
            FaultyLink link,
            Database db,
            SplittableRandom random,
            Duration length,
            BooleanSupplier enough)
            throws Exception {
        long end = System.nanoTime() + length.toNanos();
        long last = end + SOON.toNanos();
        over = false;
        List<Thread> users = new ArrayList<>();
        for (int i = 0; i < USERS; i++) {
            SplittableRandom own = random.split();
            users.add(Thread.ofVirtual().name("user-" + i).start(() -> {
                while (!over) {
                    act(db, own);
                }
            }));
        }
        // One session for all that is done to the server: a machine that is busy may take seconds for a new one.
        try (Connection control = server.connect()) {
            while (System.nanoTime() < end || (System.nanoTime() < last && !enough.getAsBoolean())) {
                fault(control, link, users, random);
                // Long enough for some sessions to be opened and used between two faults.
                Thread.sleep(40 + random.nextInt(40));
            }
        } finally {
            link.heal();
            over = true;
            for (Thread user : users) {
                assertTrue(user.join(SOON), user + " is stuck: " + db.primary().stats());
            }
        }
    }

    private void fault(Connection control, FaultyLink link, List<Thread> users, SplittableRandom random)
            throws InterruptedException, SQLException {
        faults.incrementAndGet();
        int length = 5 + random.nextInt(30);
        switch (random.nextInt(5)) {
            case 0 -> link.cut();
            case 1 -> {
                link.refuse(true);
                Thread.sleep(length);
                link.heal();
            }
            case 2 -> {
                link.delay(Duration.ofMillis(2));
                Thread.sleep(length * 4L);
                link.heal();
            }
            case 3 ->
                execute(
                        control,
                        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
                                + " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                                + " AND backend_type = 'client backend' ORDER BY pid OFFSET " + random.nextInt(SIZE)
                                + " LIMIT 1) victim");
            default -> users.get(random.nextInt(users.size())).interrupt();
        }
    }

    // ---- users ----

    private void act(Database db, SplittableRandom random) {
        int what = random.nextInt(4);
        boolean leaves = what > 1;
        try {
            switch (what) {
                case 0 ->
                    db.withConnection(c -> {
                        inspect(c);
                        return null;
                    });
                case 1 -> transaction(db);
                default -> {
                    // The pool as a DataSource, whose user leaves everything to close().
                    try (Connection c = db.primary().getConnection()) {
                        inspect(c);
                        leftovers.leave(c, random);
                    }
                }
            }
        } catch (SQLException | ForgeException | CancellationException e) {
            failures.incrementAndGet();
            // Another error than that of a broken connection is a leftover that the look does not know.
            String state = e instanceof SQLException sql
                    ? sql.getSQLState()
                    : e instanceof DatabaseException known ? known.sqlState() : null;
            if (state != null && !state.matches(leaves ? "08...|57P0.|25006" : "08...|57P0.")) {
                surprises.add(e.toString());
            }
        } catch (RuntimeException | Error e) {
            surprises.add(e.toString());
        }
        // The next use begins without the flag.
        if (Thread.interrupted()) {
            failures.incrementAndGet();
        }
    }

    private void transaction(Database db) {
        boolean done = false;
        uncertain.incrementAndGet();
        try {
            db.inTransaction(tx -> {
                look(tx.connection(), "in a transaction");
                execute(tx.connection(), "INSERT INTO public.kept VALUES (1)");
                return null;
            });
            done = true;
        } finally {
            if (done) {
                committed.incrementAndGet();
                uncertain.decrementAndGet();
            }
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Notes what a connection that was just acquired has of its last user, as driver and server see it. */
    private void inspect(Connection c) throws SQLException {
        boolean open = ((ConnectionHandle) c).session().session.inTransaction();
        String driver = c.getAutoCommit() + " " + c.isReadOnly() + " " + open + " " + c.getNetworkTimeout();
        if (!driver.equals("true false false 0")) {
            contaminations.add("the driver says " + driver);
        }
        look(c, driver);
    }

    private void look(Connection c, String where) throws SQLException {
        acquired.incrementAndGet();
        String found = leftovers.find(c);
        if (found != null) {
            contaminations.add(where + ": " + found);
        }
    }
}
