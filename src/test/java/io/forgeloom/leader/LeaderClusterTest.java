package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.locks;
import static io.forgeloom.leader.Elections.millisLed;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** One process whose server restarts, stands still, or is a standby. */
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class LeaderClusterTest {

    private static final Duration LEASE = Duration.ofMillis(1_500);
    private static final LeaderConfig CONFIG =
            fast().leaseDuration(LEASE).bodyTimeout(Duration.ofMillis(700)).build();

    @Test
    @Tag("slow")
    void restartAndStandstillOfTheServerAndAStandby() throws Exception {
        try (Elections.Log log = new Elections.Log();
                PostgresCluster cluster = PostgresCluster.builder().start()) {
            PostgresServer server = cluster.primary();
            Node.migrate(server);
            try (Node a = Node.started(server, CONFIG)) {
                Leadership first = a.leads();
                shortStandstill(server, a, first);
                Leadership second = longStandstill(server, a, first);
                Leadership third = restart(server, a, second);
                standby(server, a, third, log);
            }
        }
    }

    /** Shorter than its trust: it goes on as if nothing had been. */
    private static void shortStandstill(PostgresServer server, Node a, Leadership leadership) throws Exception {
        server.pause();
        Thread.sleep(400);
        server.resume();
        long from = leadership.trustedUntil();
        Await.until("a heartbeat", () -> leadership.trustedUntil() != from);
        assertTrue(leadership.isValid() && a.election.isLeader(Node.ROLE));
    }

    private static Leadership longStandstill(PostgresServer server, Node a, Leadership before) throws Exception {
        server.pause();
        long millis = millisLed(System.nanoTime(), () -> a.election.isLeader(Node.ROLE));
        Thread.sleep(Math.max(0, 2 * LEASE.toMillis() - millis));
        assertFalse(a.election.isLeader(Node.ROLE));
        server.resume();
        Leadership after = a.leads();
        System.out.println("figure: server stopped for two leases: stepped down after " + millis + " ms");
        assertTrue(millis <= LEASE.toMillis(), millis + " ms");
        assertTrue(after.token().compareTo(before.token()) > 0);
        assertEquals(1, locks(server));
        return after;
    }

    private static Leadership restart(PostgresServer server, Node a, Leadership before) throws Exception {
        server.restart();
        Await.until("it steps down", () -> !before.isValid());
        assertThrows(LeadershipLostException.class, () -> before.inTransaction(tx -> "never"));
        Leadership after = a.leads();
        assertTrue(after.token().compareTo(before.token()) > 0);
        return after;
    }

    /** Which would give the lock to anybody. */
    private static void standby(PostgresServer server, Node a, Leadership before, Elections.Log log) throws Exception {
        server.stop();
        server.startAsStandby();
        Await.until("it steps down", () -> !before.isValid());
        assertTrue(a.election.awaitLeadership(Node.ROLE, LEASE).isEmpty());
        assertEquals(0, locks(server));
        assertFalse(log.warnings("the election has no session").isEmpty());
    }
}
