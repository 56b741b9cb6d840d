package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.row;
import static io.forgeloom.leader.Elections.terminate;
import static io.forgeloom.leader.Node.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** When the winner of a lock leads, and that the term is written at once either way. */
@ExtendWith(ThreadLeaks.class)
class LeaderTakeoverTest {

    private static final Duration LEASE = Duration.ofMillis(1_500);

    private static final LeaderConfig AFTER_LEASE = fast().leaseDuration(LEASE)
            .bodyTimeout(Duration.ofMillis(500))
            .takeover(Takeover.AFTER_LEASE)
            .build();

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

    /** A leader that is gone without a word, as if its process was killed. Returns a time before its end. */
    private static long endWithoutAWord(LeaderConfig config, LeaderRole role) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Node a = Node.started(link, config, role)) {
            a.leads();
            long begun = System.nanoTime();
            link.refuse(true);
            link.cut();
            return begun;
        }
    }

    private static void awaitTerm(LeaderRole role, long term) throws Exception {
        Await.until("term " + term, () -> row(database, role, "term").equals(Long.toString(term)));
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void theWinnerWaitsForAsLongAsTheEarlierLeaseWas() throws Exception {
        LeaderRole role = LeaderRole.daemon("after lease");
        // The earlier lease is the longer one, by more than it takes until the term is written.
        Duration lease = Duration.ofSeconds(3);
        LeaderConfig longer = fast().leaseDuration(lease)
                .bodyTimeout(Duration.ZERO)
                .takeover(Takeover.AFTER_LEASE)
                .build();
        LeaderConfig shorter = fast().leaseDuration(lease.dividedBy(2))
                .bodyTimeout(Duration.ZERO)
                .takeover(Takeover.AFTER_LEASE)
                .build();
        long gone = endWithoutAWord(longer, role);
        try (Node b = Node.started(database, shorter, role)) {
            awaitTerm(role, 2);
            long written = millisSince(gone);
            assertFalse(b.election.isLeader(role));
            assertEquals(2, b.leads().term());
            long millis = millisSince(gone);
            System.out.println("figure: after lease of " + lease.toMillis() + " ms: term written after " + written
                    + " ms, leads after " + millis + " ms");
            assertTrue(millis >= lease.toMillis(), millis + " ms");
        }
    }

    /** It believes on, until its next heartbeat; the winner waits, and its term is there. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whatTheOldLeaderWritesDuringTheWaitIsRefused() throws Exception {
        LeaderRole role = LeaderRole.daemon("refused");
        LeaderConfig slow = LeaderConfig.builder()
                .leaseDuration(Duration.ofSeconds(6))
                .lockValidateInterval(Duration.ofSeconds(2))
                .checkInterval(Duration.ofSeconds(5))
                .takeover(Takeover.AFTER_LEASE)
                .build();
        try (Node a = Node.started(database, slow, role);
                Node b = Node.of(database, AFTER_LEASE, role)) {
            Leadership first = a.leads();
            b.election.start();
            Await.until(
                    "a standby", () -> b.database.primary().stats().dedicated().contains(LeaderSession.PURPOSE));
            assertEquals(1, first.<Integer, RuntimeException>inTransaction(tx -> 1));
            terminate(database, role);
            awaitTerm(role, 2);
            boolean believed = first.isValid();
            LeadershipLostException e =
                    assertThrows(LeadershipLostException.class, () -> first.inTransaction(tx -> "never"));
            System.out.println("figure: old leader refused while it " + (believed ? "still believed" : "knew already")
                    + ": " + e.getMessage());
            assertFalse(first.isValid());
            assertEquals(first.token(), e.token());
            assertFalse(b.election.isLeader(role));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void nobodyWaitsForItsOwnLeaseOrForOneThatWasGivenUp() throws Exception {
        LeaderRole role = LeaderRole.daemon("no wait");
        LeaderConfig config = fast().leaseDuration(Duration.ofSeconds(9))
                .takeover(Takeover.AFTER_LEASE)
                .build();
        try (Node a = Node.started(database, config, role);
                Node b = Node.of(database, config, role)) {
            long begun = System.nanoTime();
            a.leads();
            terminate(database, role);
            // Out of office for a moment only.
            Await.until("its second term", () -> a.leads().term() == 2);
            b.election.start();
            a.election.stop();
            assertEquals(3, b.leads().term());
            assertTrue(millisSince(begun) < 8_000, millisSince(begun) + " ms");
        }
    }

    /** It has never led, so it has nothing to resign: the one after it waits for the same leader of before. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void theWaitIsPassedOnByOneThatStopsWhileItWaits() throws Exception {
        LeaderRole role = LeaderRole.daemon("passed on");
        long gone = endWithoutAWord(AFTER_LEASE, role);
        try (Node c = Node.of(database, AFTER_LEASE, role)) {
            try (Node b = Node.started(database, AFTER_LEASE, role)) {
                awaitTerm(role, 2);
                b.election.stop();
                assertEquals(0, b.events.size(), b.events::toString);
            }
            assertEquals(0, holders(database, role));
            c.election.start();
            c.leads();
            assertTrue(millisSince(gone) >= LEASE.toMillis(), millisSince(gone) + " ms");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void theWaitGoesOnForOneThatLosesItsSessionWhileItWaits() throws Exception {
        LeaderRole role = LeaderRole.daemon("goes on");
        long gone = endWithoutAWord(AFTER_LEASE, role);
        try (Node b = Node.started(database, AFTER_LEASE, role)) {
            awaitTerm(role, 2);
            terminate(database, role);
            awaitTerm(role, 3);
            assertEquals(3, b.leads().term());
            long millis = millisSince(gone);
            assertTrue(millis >= LEASE.toMillis(), millis + " ms");
            assertInstanceOf(LeaderEvent.Elected.class, b.event());
        }
    }

    /** A fenced transaction of the old leader holds the row, not the lock; and nothing else of the winner's. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aLockedRowDelaysTheTermAndIsWarnedOfWhenItTakesLong() throws Exception {
        LeaderRole role = LeaderRole.daemon("locked row");
        LeaderRole other = LeaderRole.daemon("free row");
        LeaderConfig config =
                fast().leaseDuration(LEASE).bodyTimeout(Duration.ofMillis(500)).build();
        try (Connection old = database.connect();
                Statement statement = old.createStatement()) {
            try (Node a = Node.started(database, config, role)) {
                a.leads();
            }
            old.setAutoCommit(false);
            statement.execute(
                    "SELECT 1 FROM forge_leaders WHERE role = '" + role.name() + "' AND term = 1 FOR KEY SHARE");
            try (Node b = Node.started(database, config, role, other)) {
                Leadership free = b.election.awaitLeadership(other, PATIENCE).orElseThrow();
                Await.until("the lock", () -> holders(database, role) == 1);
                log.awaitWarning("role locked row: its lock was won", "its row in", "is locked by others");
                assertFalse(b.election.isLeader(role));
                assertTrue(free.isValid());
                old.rollback();
                assertEquals(2, b.leads().term());
                assertTrue(free.isValid());
            }
        }
        assertEquals(1, log.warnings("role locked row: its lock was won").size());
    }
}
