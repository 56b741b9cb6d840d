package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.locks;
import static io.forgeloom.leader.Node.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.PoolStats;
import io.forgeloom.leader.StatementLink.Fault;
import io.forgeloom.leader.StatementLink.Point;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Something goes wrong at one statement of an election: no lock, no connection and no belief is left. */
@ExtendWith(ThreadLeaks.class)
class LeaderInjectionTest {

    private static final LeaderConfig CONFIG = LeaderConfig.builder()
            // Nothing here is to end by time, on however slow a machine.
            .leaseDuration(Duration.ofSeconds(60))
            .checkInterval(Duration.ofMillis(20))
            .lockValidateInterval(Duration.ofMillis(15))
            .keepaliveInterval(Duration.ofMillis(25))
            .standbyPollInterval(Duration.ofMillis(10))
            .bodyTimeout(Duration.ofSeconds(2))
            .build();

    /** One piece of each text, and how many statements that has: until it leads, while it does, when it gives up. */
    private static final Map<String, Integer> ACQUIRE = Map.of(
            "to_regclass", 1,
            "default_transaction_deferrable", 10,
            "SET client_connection_check_interval", 1,
            "pg_settings", 1,
            "SELECT pg_catalog.pg_backend_pid()", 1,
            "pg_try_advisory_lock", 1,
            "INSERT INTO", 2);

    private static final Map<String, Integer> LEAD = Map.of("pg_catalog.pg_locks", 1, "ROWS FROM", 1, "SELECT 1", 1);

    private static final String RELEASE = "pg_advisory_unlock";

    private static Elections.Log log;

    @BeforeAll
    static void listen() {
        log = new Elections.Log();
    }

    @AfterAll
    static void endListening() {
        log.close();
    }

    private static List<Point> points() {
        List<Point> points = new ArrayList<>();
        ACQUIRE.forEach((part, statements) -> add(points, part, statements));
        LEAD.forEach((part, statements) -> add(points, part, statements));
        add(points, RELEASE, 3);
        return points;
    }

    private static void add(List<Point> points, String part, int statements) {
        points.add(new Point(Fault.LOST, part, 0));
        points.add(new Point(Fault.UNANSWERED, part, 0));
        for (int i = 0; i <= (statements > 1 ? statements : 0); i++) {
            points.add(new Point(Fault.ERROR, part, i));
            points.add(new Point(Fault.TERMINATED, part, i));
        }
    }

    @Test
    @Tag("slow")
    void everyStatementFailsOnceAndNothingIsLeft() throws Exception {
        run(2, points().size());
    }

    @Test
    @Tag("long")
    @Timeout(3_600)
    void statementsFailTenThousandTimesAndNothingIsLeft() throws Exception {
        run(4, Integer.getInteger("forgeloom.test.cycles", 10_000));
    }

    private static void run(int lanes, int cycles) throws Exception {
        long begun = System.nanoTime();
        AtomicInteger next = new AtomicInteger();
        AtomicInteger elected = new AtomicInteger();
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < lanes; i++) {
            threads.add(Thread.ofVirtual().name("lane-" + i).start(() -> {
                try {
                    lane(next, cycles, elected);
                } catch (Throwable e) {
                    failures.add(e);
                    next.set(cycles);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (!failures.isEmpty()) {
            throw new AssertionError(failures.toString(), failures.peek());
        }
        System.out.println("figure: " + cycles + " cycles at " + points().size() + " points, " + elected
                + " elections: 0 locks left, 0 connections leaked, in " + (System.nanoTime() - begun) / 1_000_000
                + " ms");
    }

    private static void lane(AtomicInteger next, int cycles, AtomicInteger elected) throws Exception {
        SplittableRandom random = new SplittableRandom();
        List<Point> points = points();
        TestDatabase database = Elections.migrated();
        try (StatementLink link = new StatementLink(database);
                Node node = Node.of(link, CONFIG)) {
            for (int i = next.getAndIncrement(); i < cycles; i = next.getAndIncrement()) {
                Point point = points.get(i % points.size());
                try {
                    cycle(node, link, database, point, random.nextBoolean());
                } catch (Throwable e) {
                    throw new AssertionError(
                            "cycle " + i + ", " + point + ": " + e.getMessage() + "; " + node.events, e);
                }
            }
            elected.addAndGet(Integer.parseInt(Elections.row(database, node.role, "term")));
        }
        Elections.drop(database);
    }

    private static void cycle(Node node, StatementLink link, TestDatabase database, Point point, boolean goesOn)
            throws Exception {
        node.events.clear();
        if (ACQUIRE.containsKey(point.part())) {
            link.arm(point);
            node.election.start();
            Await.until("the fault", () -> !link.isArmed());
        } else {
            node.election.start();
            Leadership leadership = node.leads();
            link.arm(point);
            if (point.part().equals(RELEASE)) {
                node.election.resign(node.role);
                assertFalse(leadership.isValid());
                assertFalse(link.isArmed());
            } else {
                Await.until("the fault", () -> !link.isArmed());
                Await.until("no belief", () -> !leadership.isValid());
                assertEquals(new LeaderEvent.Elected(node.role, leadership.token()), node.event());
                LeaderEvent.Lost lost = (LeaderEvent.Lost) node.event();
                assertEquals(leadership.token(), lost.token());
            }
        }
        if (goesOn) {
            // The campaign goes on with another session.
            Leadership again = node.leads();
            assertTrue(again.isValid());
            assertEquals(1, Elections.holders(database, node.role));
        }
        node.election.stop();
        assertFalse(node.election.isLeader(node.role));
        PoolStats stats = node.database.primary().stats();
        assertFalse(stats.dedicated().contains(LeaderSession.PURPOSE), stats.toString());
        Await.until("no lock", () -> locks(database) == 0);
        // Beyond the pool's there may be the one over which it asks the server.
        Await.until("no connection but the pool's", PATIENCE, () -> {
            PoolStats now = node.database.primary().stats();
            return database.connections().size() == now.total() + now.control();
        });
    }
}
