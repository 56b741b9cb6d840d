package io.forgeloom.leader;

import static io.forgeloom.leader.Node.PATIENCE;
import static io.forgeloom.leader.Node.ROLE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Statement;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Elections among healthy processes on a healthy server. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class LeaderElectionTest {

    private static final LeaderConfig CONFIG = LeaderConfig.DEFAULTS;

    @BeforeEach
    void migrate(TestDatabase database) {
        Node.migrate(database);
    }

    @Test
    void oneLeadsAndTheOtherTakesOverWhenItResigns(TestDatabase database) throws Exception {
        try (Node a = Node.started(database, CONFIG)) {
            Leadership first = a.leads();
            assertEquals(1, first.term());
            try (Node b = Node.started(database, CONFIG)) {
                assertTrue(
                        b.election.awaitLeadership(ROLE, CONFIG.leaseDuration()).isEmpty());
                assertTrue(a.election.isLeader(ROLE));
                long begun = System.nanoTime();
                a.election.resign(ROLE);
                Leadership second = b.leads();
                System.out.println("figure: resign to elected " + (System.nanoTime() - begun) / 1_000_000 + " ms");
                assertFalse(first.isValid());
                assertThrows(LeadershipLostException.class, first::checkpoint);
                assertEquals(2, second.term());
                assertTrue(second.token().compareTo(first.token()) > 0);
                assertInstanceOf(LeaderEvent.Elected.class, a.event());
                assertInstanceOf(LeaderEvent.Resigned.class, a.event());
                LeaderStatus status = a.election.leader(ROLE).orElseThrow();
                assertEquals(LeaderStatus.State.LEADING, status.state());
                assertEquals(second.token(), status.token());
            }
        }
    }

    @Test
    void terminatedSessionEndsTheLeadershipAndItsTransactionsAreRefused(TestDatabase database) throws Exception {
        try (Node a = Node.started(database, CONFIG)) {
            Leadership first = a.leads();
            first.inTransaction(tx -> {
                try (Statement statement = tx.connection().createStatement()) {
                    statement.execute("CREATE TABLE done (n int)");
                }
                return null;
            });
            LeaderStatus status = a.election.leader(ROLE).orElseThrow();
            database.execute("SELECT pg_terminate_backend(" + status.backendPid() + ")");
            assertInstanceOf(LeaderEvent.Elected.class, a.event());
            assertInstanceOf(LeaderEvent.Lost.class, a.event());
            LeaderEvent.Elected again = assertInstanceOf(LeaderEvent.Elected.class, a.event());
            assertEquals(2, again.term());
            assertThrows(LeadershipLostException.class, () -> first.inTransaction(tx -> "never"));
        }
    }

    @Test
    void theBodyRunsWhileThisProcessLeads(TestDatabase database) throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        try (Node a = Node.of(database, CONFIG)) {
            a.election.whileLeader(ROLE, leadership -> {
                begun.countDown();
                try {
                    Thread.sleep(PATIENCE);
                } finally {
                    ended.countDown();
                }
            });
            a.election.start();
            assertTrue(begun.await(10, TimeUnit.SECONDS));
            a.election.stop();
            assertEquals(0, ended.getCount());
            assertFalse(a.election.isLeader(ROLE));
        }
    }
}
