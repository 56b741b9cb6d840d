package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.locks;
import static io.forgeloom.leader.Elections.terminate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** An election that is stopped or closed at whatever moment: no thread, no connection and no lock is left. */
@ExtendWith(ThreadLeaks.class)
class LeaderCloseTest {

    private static final LeaderConfig CONFIG = fast().leaseDuration(Duration.ofMillis(1_500))
            .bodyTimeout(Duration.ofMillis(700))
            .build();
    private static final LeaderRole ROLE = LeaderRole.SCHEDULER;

    private static Elections.Log log;
    private static TestDatabase database;

    @BeforeAll
    static void open() throws Exception {
        log = new Elections.Log();
        database = Elections.migrated();
    }

    @AfterAll
    static void close() throws Exception {
        log.close();
        Elections.drop(database);
    }

    private static List<String> threads() {
        return ThreadLeaks.alive().stream()
                .filter(thread -> thread.contains("\"forgeloom-leader"))
                .toList();
    }

    private static void nothingIsLeft(Node node) throws Exception {
        assertEquals(List.of(), threads());
        assertFalse(node.election.isLeader(node.role));
        assertFalse(node.database.primary().stats().dedicated().contains(LeaderSession.PURPOSE));
    }

    @Test
    void closeDuringAConnectAndInABlackholeEndsSoon() throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Node a = Node.of(link, CONFIG, ROLE)) {
            link.blackhole(false, true);
            link.cut();
            long accepted = link.accepted();
            a.election.start();
            Await.until("a connect under way", () -> link.accepted() > accepted);
            long begun = System.nanoTime();
            a.election.stop();
            long connecting = (System.nanoTime() - begun) / 1_000_000;
            nothingIsLeft(a);
            link.heal();
            link.cut();

            a.election.start();
            a.leads();
            link.blackhole(true, true);
            begun = System.nanoTime();
            a.election.close();
            long silent = (System.nanoTime() - begun) / 1_000_000;
            nothingIsLeft(a);
            System.out.println("figure: stopped during a connect in " + connecting + " ms, closed in a blackhole in "
                    + silent + " ms");
            assertTrue(connecting < 1_000, connecting + " ms");
            // An answer may take two thirds of a lease.
            assertTrue(silent < 2_500, silent + " ms");
            assertThrows(IllegalStateException.class, a.election::start);
            // What the network has lost the server holds until its own timeout; the link ends it here.
            link.cut();
        }
        Await.until("no lock", () -> locks(database) == 0);
    }

    @Test
    void stopsAtRandomMomentsLeaveNothing() throws Exception {
        SplittableRandom random = new SplittableRandom();
        try (Node a = Node.of(database, CONFIG, ROLE)) {
            a.election.whileLeader(ROLE, leadership -> Thread.sleep(Duration.ofMinutes(1)));
            for (int i = 0; i < 15; i++) {
                a.election.start();
                Thread.sleep(Duration.ofNanos(random.nextLong(60_000_000)));
                a.election.stop();
                nothingIsLeft(a);
                Await.until("no lock", () -> locks(database) == 0);
            }
        }
        LeaderEvent last = null;
        try (Node a = Node.started(database, CONFIG, ROLE)) {
            a.leads();
            a.election.stop();
            for (LeaderEvent event : a.events) {
                last = event;
            }
        }
        assertTrue(last instanceof LeaderEvent.Resigned, String.valueOf(last));
    }

    /** The body's leadership is lost already, and there is no session; a stop waits for the body all the same. */
    @Test
    void stopDuringAReconnectWaitsForTheBody() throws Exception {
        CountDownLatch interrupted = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        try (FaultyLink link = FaultyLink.to(database);
                Node a = Node.of(link, CONFIG, ROLE)) {
            a.election.whileLeader(ROLE, leadership -> {
                try {
                    Thread.sleep(Duration.ofMinutes(1));
                } catch (InterruptedException e) {
                    interrupted.countDown();
                    Thread.sleep(350);
                    ended.countDown();
                }
            });
            a.election.start();
            a.leads();
            link.blackhole(false, true);
            terminate(database, ROLE);
            assertTrue(interrupted.await(10, TimeUnit.SECONDS));
            a.election.stop();
            assertEquals(0, ended.getCount());
            nothingIsLeft(a);
            link.heal();
        }
    }

    /** Whoever stops it a second time does not cut the first one short: the row says that it resigned. */
    @Test
    void stopsByManyResignAllTheSame() throws Exception {
        try (Node a = Node.of(database, CONFIG, ROLE)) {
            a.election.whileLeader(ROLE, leadership -> {
                try {
                    Thread.sleep(Duration.ofMinutes(1));
                } catch (InterruptedException e) {
                    Thread.sleep(150);
                }
            });
            a.election.start();
            a.leads();
            List<Thread> stoppers = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                stoppers.add(Thread.ofVirtual().name("stopper").start(a.election::stop));
                Thread.sleep(10);
            }
            for (Thread stopper : stoppers) {
                assertTrue(stopper.join(Node.PATIENCE));
            }
            assertEquals("t", Elections.row(database, ROLE, "resigned_at IS NOT NULL"));
            assertTrue(a.events.stream().anyMatch(LeaderEvent.Resigned.class::isInstance), a.events::toString);
            nothingIsLeft(a);
        }
    }

    @Test
    void startsAndStopsByManyThreadsLeaveAllOrNothing() throws Exception {
        try (Node a = Node.of(database, CONFIG, ROLE)) {
            for (int round = 0; round < 4; round++) {
                List<Thread> callers = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    SplittableRandom random = new SplittableRandom();
                    callers.add(Thread.ofVirtual().name("caller").start(() -> {
                        for (int turn = 0; turn < 8; turn++) {
                            if (random.nextBoolean()) {
                                a.election.start();
                            } else {
                                a.election.stop();
                            }
                        }
                    }));
                }
                for (Thread caller : callers) {
                    assertTrue(caller.join(Duration.ofSeconds(30)), "a start or a stop hangs");
                }
                a.election.start();
                assertTrue(a.leads().isValid());
                assertEquals(1, locks(database));
                a.election.stop();
                nothingIsLeft(a);
            }
        }
        Await.until("no lock", () -> locks(database) == 0);
    }
}
