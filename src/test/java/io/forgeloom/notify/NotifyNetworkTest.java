package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a bus does where the network or the server does not keep its word, and what it leaves behind. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class NotifyNetworkTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Of connects without which it has not been seen to go on. */
    private static final int LEAST_CONNECTS = 4;

    /** Of connects that a server may see in a minute which accepts and drops. */
    private static final int MOST_CONNECTS = 12;

    /** Whether a session has logged in and waits for what comes. */
    private static final String IDLE = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            + " AND state = 'idle' AND state_change < clock_timestamp() - interval '5 ms'";

    private static Database open(TestServer server) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(4)
                .closeTimeout(Duration.ofSeconds(1))
                .build());
    }

    private static NotifyBus started(Database db, BusTiming timing) throws InterruptedException {
        NotifyBus bus = NotifyBus.of(db, timing, "orders");
        bus.start();
        if (!bus.awaitGeneration(1, PATIENCE)) {
            bus.close();
            throw new AssertionError("not connected");
        }
        return bus;
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    @Test
    void aHalfOpenLinkIsNoticedWithinThreeAndAHalfSeconds(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS)) {
            Subscription orders = bus.subscribe("orders");
            orders.take();
            long lost = System.nanoTime();
            link.blackhole(true, false);
            Gap gap = assertInstanceOf(Gap.class, orders.poll(PATIENCE).orElseThrow());
            long millis = millisSince(lost);
            System.out.println("figure: half-open link: a gap after " + millis + " ms: " + gap);
            assertTrue(millis <= 3_500, millis + " ms");
            assertEquals(2, gap.generation());
            assertTrue(gap.since().isBefore(Instant.now().minusMillis(millis - 100)), gap.toString());
        }
    }

    @Test
    void halfAMessageIsNoticed(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS)) {
            Subscription orders = bus.subscribe("orders");
            orders.take();
            link.stallInsideMessage(9);
            long lost = System.nanoTime();
            database.execute("SELECT pg_notify('orders', '" + "x".repeat(100) + "')");
            assertInstanceOf(Gap.class, orders.poll(PATIENCE).orElseThrow());
            long millis = millisSince(lost);
            System.out.println("figure: half a message: a gap after " + millis + " ms");
            assertTrue(millis <= 2_000, millis + " ms");
        }
    }

    /** The pool's watch cuts nothing where it cannot ask the server. */
    @Test
    void aHalfOpenLinkIsNoticedByTheBusItself(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS.dividedBy(2))) {
            long lost = System.nanoTime();
            link.blackhole(true, true);
            Await.until("the session is cut", () -> !bus.stats().isConnected());
            long millis = millisSince(lost);
            System.out.println("figure: half-open link, nobody to ask: cut after " + millis + " ms");
            assertTrue(millis <= 3_500, millis + " ms");
        }
    }

    @Test
    void halfAMessageIsNoticedByTheBusItself(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS.dividedBy(2))) {
            link.stallInsideMessage(9);
            link.blackhole(false, true);
            database.execute("SELECT pg_notify('orders', '" + "x".repeat(100) + "')");
            Await.until("the session is cut", () -> !bus.stats().isConnected());
        }
    }

    // ---- how often it connects ----

    @Test
    void aServerThatAcceptsAndDropsIsLeftInPeace(TestDatabase database) throws Exception {
        acceptAndDrop(database, 30);
    }

    @Test
    @Tag("long")
    void aServerThatAcceptsAndDropsIsLeftInPeaceForAMinute(TestDatabase database) throws Exception {
        acceptAndDrop(database, 1);
    }

    private static void acceptAndDrop(TestDatabase database, int divisor) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS.dividedBy(divisor))) {
            link.acceptAndDrop(true);
            long before = link.accepted();
            // By a reset, after which the pool, too, connects: for what may be left of the session.
            link.cut();
            Thread.sleep(Duration.ofMinutes(1).dividedBy(divisor));
            long connects = link.accepted() - before;
            System.out.println("figure: accepted and dropped: " + connects + " connects in a minute / " + divisor);
            assertTrue(connects >= LEAST_CONNECTS && connects <= MOST_CONNECTS, connects + " connects");
            assertEquals(1, bus.generation());
        }
    }

    /** For a minute, divided; and on, where a login takes so long that there were too few of them by then. */
    private static boolean goesOn(long begun, int divisor, long connects) {
        long over = System.nanoTime()
                - begun
                - Duration.ofMinutes(1).dividedBy(divisor).toNanos();
        return over < 0 || connects < LEAST_CONNECTS && over < PATIENCE.toNanos();
    }

    @Test
    void aServerThatDropsAfterTheLoginIsLeftInPeace(TestDatabase database) throws Exception {
        dropAfterLogin(database, 30);
    }

    @Test
    @Tag("long")
    void aServerThatDropsAfterTheLoginIsLeftInPeaceForAMinute(TestDatabase database) throws Exception {
        dropAfterLogin(database, 1);
    }

    private static void dropAfterLogin(TestDatabase database, int divisor) throws Exception {
        String drop =
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                        + " AND datname = '" + database.name() + "' AND state = 'idle' AND wait_event = 'ClientRead'";
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS.dividedBy(divisor));
                Connection observer = database.server().connect();
                Statement statement = observer.createStatement()) {
            long before = link.accepted();
            long begun = System.nanoTime();
            while (goesOn(begun, divisor, link.accepted() - before)) {
                statement.execute(drop);
                Thread.sleep(20);
            }
            long connects = link.accepted() - before;
            System.out.println("figure: dropped after the login: " + connects + " connects in a minute / " + divisor
                    + ", generation " + bus.generation());
            assertTrue(connects >= LEAST_CONNECTS && connects <= MOST_CONNECTS, connects + " connects");
        }
    }

    @Test
    void aServerThatResetsAfterTheLoginIsLeftInPeace(TestDatabase database) throws Exception {
        resetAfterLogin(database, 30);
    }

    @Test
    @Tag("long")
    void aServerThatResetsAfterTheLoginIsLeftInPeaceForAMinute(TestDatabase database) throws Exception {
        resetAfterLogin(database, 1);
    }

    /** After a reset the pool does not know whether the server has noticed, and would connect to end what may be left. */
    private static void resetAfterLogin(TestDatabase database, int divisor) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS.dividedBy(divisor));
                Connection observer = database.connect();
                Statement look = observer.createStatement()) {
            long before = link.accepted();
            long begun = System.nanoTime();
            while (goesOn(begun, divisor, link.accepted() - before)) {
                if (look.executeQuery(IDLE).next()) {
                    link.cut();
                }
                Thread.sleep(20);
            }
            long connects = link.accepted() - before;
            System.out.println("figure: reset after the login: " + connects + " connects in a minute / " + divisor
                    + ", generation " + bus.generation());
            assertTrue(connects >= LEAST_CONNECTS && connects <= MOST_CONNECTS, connects + " connects");
        }
    }

    @Test
    void aConnectUnderWayIsNotGivenUpForTheErrorOfTheOneBefore(TestDatabase database) throws Exception {
        BusTiming usual = BusTiming.DEFAULTS;
        // After two failures the next pause is 2 s at least.
        BusTiming timing = new BusTiming(
                usual.slice(),
                usual.silence(),
                usual.answer(),
                usual.probeInterval(),
                usual.watchInterval(),
                Duration.ofSeconds(4),
                usual.longestPause(),
                usual.healthy());
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, timing)) {
            link.acceptAndDrop(true);
            long before = link.accepted();
            database.server().execute(Listeners.TERMINATE + " AND datname = '" + database.name() + "'");
            Await.until("two failures", () -> link.accepted() == before + 2);
            link.heal();
            link.delay(Duration.ofMillis(30));
            Await.until("a connect under way", () -> link.accepted() == before + 3);
            long begun = System.nanoTime();
            assertTrue(bus.awaitGeneration(2, PATIENCE));
            assertTrue(millisSince(begun) < 1_900, millisSince(begun) + " ms");
            assertEquals(before + 3, link.accepted());
        }
    }

    // ---- what is left ----

    @Test
    void closedInTheMiddleOfAConnectLeavesNothing(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS)) {
            Subscription orders = bus.subscribe("orders");
            orders.take();
            link.blackhole(false, true);
            long accepted = link.accepted();
            link.cut();
            Await.until("a connect under way", () -> link.accepted() > accepted);
            long begun = System.nanoTime();
            closeAndExpectTheEnd(bus, orders);
            assertTrue(millisSince(begun) < 1_000, millisSince(begun) + " ms");
        }
    }

    @Test
    void closedInABlackholeLeavesNothing(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link);
                NotifyBus bus = started(db, BusTiming.DEFAULTS)) {
            Subscription orders = bus.subscribe("orders");
            orders.take();
            link.blackhole(true, true);
            long begun = System.nanoTime();
            closeAndExpectTheEnd(bus, orders);
            assertTrue(millisSince(begun) < 1_000, millisSince(begun) + " ms");
        }
    }

    private static void closeAndExpectTheEnd(NotifyBus bus, Subscription subscription) throws InterruptedException {
        bus.close();
        assertInstanceOf(Closed.class, subscription.take());
        assertEquals(List.of(), notifyThreads());
        assertThrows(IllegalStateException.class, bus::start);
    }

    private static List<String> notifyThreads() {
        return ThreadLeaks.alive().stream()
                .filter(thread -> thread.contains("\"forgeloom-notify-"))
                .toList();
    }

    @Test
    void startsAndStopsByManyThreadsLeaveAllPartsRunningOrNone(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            for (int round = 0; round < 30; round++) {
                List<Thread> threads = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    SplittableRandom random = new SplittableRandom();
                    threads.add(Thread.ofVirtual().name("starter").start(() -> {
                        for (int turn = 0; turn < 10; turn++) {
                            if (random.nextBoolean()) {
                                bus.start();
                            } else {
                                bus.stop();
                            }
                        }
                    }));
                }
                for (Thread thread : threads) {
                    assertTrue(thread.join(PATIENCE), "a start or a stop hangs");
                }
                // Whichever came last: all three threads, or none.
                Await.until("3 threads or none", () -> notifyThreads().size() % 3 == 0);
                assertTrue(dedicated(db) <= 1, "two sessions");
                if (round % 3 == 0) {
                    works(bus, database);
                }
            }
            bus.stop();
            assertEquals(List.of(), notifyThreads());
            assertEquals(0, dedicated(db));
        }
    }

    private static int dedicated(Database db) {
        return db.primary().stats().dedicated().size();
    }

    private static void works(NotifyBus bus, TestDatabase database) throws InterruptedException, SQLException {
        bus.start();
        Await.until("it listens", () -> bus.stats().isConnected());
        assertEquals(3, notifyThreads().size());
        try (Subscription orders = bus.subscribe("orders")) {
            orders.take();
            database.execute("NOTIFY orders, '1'");
            assertInstanceOf(Notification.class, orders.poll(PATIENCE).orElseThrow());
        }
    }
}
