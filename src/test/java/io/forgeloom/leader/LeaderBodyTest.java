package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.terminate;
import static io.forgeloom.leader.Node.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What a leader does while it leads: begun, interrupted, given up, and never done twice at a time. */
@ExtendWith(ThreadLeaks.class)
class LeaderBodyTest {

    private static final LeaderConfig CONFIG = fast().build();

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

    /** A body that says what it meets. */
    private static final class Diary implements LeaderBody {

        final BlockingQueue<Leadership> begun = new LinkedBlockingQueue<>();
        final BlockingQueue<String> ended = new LinkedBlockingQueue<>();
        private final AtomicInteger inside = new AtomicInteger();

        @Override
        public void run(Leadership leadership) {
            assertEquals(1, inside.incrementAndGet());
            begun.add(leadership);
            try {
                Thread.sleep(PATIENCE);
                ended.add("slept");
            } catch (InterruptedException e) {
                ended.add("interrupted");
            } finally {
                inside.decrementAndGet();
            }
        }

        Leadership awaitBegin() throws InterruptedException {
            Leadership leadership = begun.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            if (leadership == null) {
                throw new AssertionError("the body does not begin");
            }
            return leadership;
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void lossInterruptsTheBodyAndTheNextElectionBeginsItAgain() throws Exception {
        Diary diary = new Diary();
        try (Node a = Node.of(database, CONFIG, LeaderRole.daemon("lost"))) {
            a.election.whileLeader(a.role, diary);
            a.election.start();
            Leadership first = diary.awaitBegin();
            terminate(database, a.role);
            assertEquals("interrupted", diary.ended.poll(10, TimeUnit.SECONDS));
            assertFalse(first.isValid());
            Leadership second = diary.awaitBegin();
            assertEquals(first.term() + 1, second.term());
            assertThrows(IllegalStateException.class, () -> a.election.whileLeader(a.role, diary));
        }
        assertEquals("interrupted", diary.ended.poll());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whoWaitsForABodyToEndKeepsItsInterrupt() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        try (Node a = Node.started(database, CONFIG, LeaderRole.daemon("joined"))) {
            BodyRun run = new BodyRun(a.leads(), leadership -> end.await(), (body, thrown) -> {});
            run.start();
            Thread joiner = Thread.ofVirtual().name("joiner").start(() -> {
                Thread.currentThread().interrupt();
                run.join();
                interrupted.set(Thread.currentThread().isInterrupted());
            });
            Await.until("it waits", () -> joiner.getState() == Thread.State.WAITING);
            end.countDown();
            assertTrue(joiner.join(PATIENCE));
        }
        assertTrue(interrupted.get());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void bodyThatIsSetWhileThisLeadsBeginsAtOnce() throws Exception {
        Diary diary = new Diary();
        try (Node a = Node.started(database, CONFIG, LeaderRole.daemon("late"))) {
            Leadership leads = a.leads();
            a.election.whileLeader(a.role, diary);
            assertEquals(leads, diary.awaitBegin());
            assertThrows(
                    IllegalArgumentException.class, () -> a.election.whileLeader(LeaderRole.daemon("other"), diary));
        }
    }

    /** The seat goes to another, what the body does in fenced transactions is refused, and this process stays out. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void bodyThatIgnoresItsInterruptLosesTheSeatAndKeepsThisProcessFromCampaigning() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        LeaderRole role = LeaderRole.daemon("deaf");
        LeaderConfig config = fast().bodyTimeout(Duration.ofMillis(150)).build();
        try (Node a = Node.of(database, config, role);
                Node b = Node.of(database, config, role)) {
            a.election.whileLeader(role, leadership -> {
                if (runs.incrementAndGet() == 1) {
                    awaitDeaf(end);
                } else {
                    Thread.sleep(PATIENCE);
                }
            });
            a.election.start();
            Leadership first = a.leads();
            long begun = System.nanoTime();
            a.election.resign(role);
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(millis >= 145 && millis < 2_000, millis + " ms");
            String warning = log.awaitWarning("forgeloom-leader-body-deaf still runs", "fenced transactions");
            assertTrue(warning.contains("awaitDeaf"), warning);
            assertEquals(
                    1, log.warnings("forgeloom-leader-body-deaf still runs").size());
            assertFalse(first.isValid());
            assertThrows(LeadershipLostException.class, () -> first.inTransaction(tx -> "never"));
            // Nobody else wants it, and still this one does not.
            assertTrue(a.election.awaitLeadership(role, Duration.ofMillis(400)).isEmpty());
            assertEquals(0, holders(database, role));
            b.election.start();
            assertEquals(first.term() + 1, b.leads().term());
            b.election.stop();
            assertEquals(1, runs.get());
            end.countDown();
            assertEquals(first.term() + 2, a.leads().term());
            Await.until("the body again", () -> runs.get() == 2);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void stopWaitsForTheBodyAndNoLongerThanItsTime() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        CountDownLatch began = new CountDownLatch(1);
        LeaderRole role = LeaderRole.daemon("stubborn");
        try (Node a =
                Node.of(database, fast().bodyTimeout(Duration.ofMillis(200)).build(), role)) {
            a.election.whileLeader(role, leadership -> {
                began.countDown();
                awaitDeaf(end);
            });
            a.election.start();
            assertTrue(began.await(10, TimeUnit.SECONDS));
            long begun = System.nanoTime();
            a.election.stop();
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(millis >= 195 && millis < 2_000, millis + " ms");
            log.awaitWarning("forgeloom-leader-body-stubborn still runs");
            assertEquals(0, holders(database, role));
            end.countDown();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void bodyThatReturnsGivesTheRoleUpToAnother() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        LeaderRole role = LeaderRole.daemon("short");
        try (Node a = Node.of(database, CONFIG, role);
                Node b = Node.of(database, CONFIG, role)) {
            a.election.whileLeader(role, leadership -> assertTrue(done.await(10, TimeUnit.SECONDS)));
            a.election.start();
            a.leads();
            b.election.start();
            done.countDown();
            // Perhaps not at once: it may still be connecting when the first one has stood back for long enough.
            assertTrue(b.leads().term() > 1);
            assertInstanceOf(LeaderEvent.Elected.class, a.event());
            assertInstanceOf(LeaderEvent.Resigned.class, a.event());
        }
    }

    /** Twice the poll, doubled each time. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void bodyThatThrowsAgainAndAgainStandsBackForLonger() throws Exception {
        List<Long> begun = new CopyOnWriteArrayList<>();
        LeaderRole role = LeaderRole.daemon("broken");
        CountDownLatch five = new CountDownLatch(5);
        try (Node a = Node.of(
                database, fast().standbyPollInterval(Duration.ofMillis(20)).build(), role)) {
            a.election.whileLeader(role, leadership -> {
                begun.add(System.nanoTime());
                five.countDown();
                if (begun.size() % 2 == 0) {
                    // An error, too: a role must not stay with nobody at work.
                    throw new AssertionError("broken");
                }
                throw new IllegalStateException("broken");
            });
            a.election.start();
            assertTrue(five.await(10, TimeUnit.SECONDS));
        }
        for (int i = 1; i < 5; i++) {
            long millis = (begun.get(i) - begun.get(i - 1)) / 1_000_000;
            assertTrue(millis >= 40L << i, "pause " + i + " is " + millis + " ms");
        }
        assertTrue(log.warnings("the body of broken failed", "AssertionError").size() >= 2);
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void bodyMayResignAndReturnsFromItInterrupted() throws Exception {
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        LeaderRole role = LeaderRole.daemon("modest");
        try (Node a = Node.of(database, CONFIG, role)) {
            a.election.whileLeader(role, leadership -> {
                a.election.resign(role);
                seen.add(leadership.isValid() + " " + a.election.isLeader(role) + " " + Thread.interrupted());
            });
            a.election.start();
            assertEquals("false false true", seen.poll(10, TimeUnit.SECONDS));
            // And again after that.
            assertEquals("false false true", seen.poll(10, TimeUnit.SECONDS));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void listenerThatThrowsOrBlocksHoldsUpNothing() throws Exception {
        LeaderRole role = LeaderRole.daemon("listened");
        CountDownLatch blocked = new CountDownLatch(1);
        BlockingQueue<LeaderEvent> told = new LinkedBlockingQueue<>();
        try (Node a = Node.of(database, CONFIG, role)) {
            a.election.onEvent(event -> {
                if (event instanceof LeaderEvent.Elected elected && elected.term() == 1) {
                    throw new AssertionError("listener");
                } else if (event instanceof LeaderEvent.Resigned) {
                    throw new IllegalStateException("listener");
                }
            });
            a.election.onEvent(told::add);
            a.election.onEvent(event -> {
                if (event instanceof LeaderEvent.Elected elected && elected.term() == 3) {
                    awaitDeaf(blocked);
                }
            });
            a.election.start();
            a.leads();
            a.election.resign(role);
            assertEquals(2, a.leads().term());
            a.election.resign(role);
            assertEquals(3, a.leads().term());
            // Its listeners are stuck; it is not.
            a.election.resign(role);
            Leadership fourth = a.leads();
            assertEquals(4, fourth.term());
            blocked.countDown();
            Await.until("all events", () -> told.size() == 7);
        }
        assertEquals(8, told.size());
        assertFalse(log.warnings("a listener of an election failed", "AssertionError: listener")
                .isEmpty());
    }

    /** Waits through interrupts. */
    private static void awaitDeaf(CountDownLatch latch) {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (latch.getCount() > 0 && System.nanoTime() - until < 0) {
            try {
                boolean unused = latch.await(10, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                // That is what this body is like.
            }
        }
    }
}
