package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.leader.ElectionFaults.Kind;
import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Three processes under faults: one leader at a time, and what an earlier one writes is refused. */
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ElectionHistoryTest {

    private static final int FAULTS = Integer.getInteger("forgeloom.test.faults", 1_000);
    private static final List<Kind> ALL = List.of(Kind.values());

    /** One of each way in which a winner that waits differs from one that does not. */
    private static final List<Kind> SHORT = List.of(Kind.KILLED, Kind.BACKEND_TERMINATED, Kind.PAUSED);

    @Test
    @Timeout(120)
    void oneLeadsAtATimeUnderEveryFault() throws Exception {
        run(Takeover.IMMEDIATE, ALL, ALL.size());
    }

    @Test
    @Timeout(120)
    void noTwoEverBelieveToLeadWhereAWinnerWaits() throws Exception {
        run(Takeover.AFTER_LEASE, SHORT, SHORT.size());
    }

    @Test
    @Tag("long")
    @Timeout(7_200)
    void oneLeadsAtATimeUnderAThousandFaults() throws Exception {
        run(Takeover.IMMEDIATE, ALL, FAULTS);
    }

    @Test
    @Tag("long")
    @Timeout(7_200)
    void noTwoEverBelieveToLeadUnderAThousandFaultsWhereAWinnerWaits() throws Exception {
        run(Takeover.AFTER_LEASE, ALL, FAULTS);
    }

    private static void run(Takeover takeover, List<Kind> kinds, int faults) throws Exception {
        long seed = new SplittableRandom().nextLong();
        SplittableRandom random = new SplittableRandom(seed);
        long begun = System.nanoTime();
        try (PostgresCluster cluster = PostgresCluster.builder()
                        .replicas(kinds.contains(Kind.PROMOTED) ? 1 : 0)
                        .start();
                ElectionFaults nodes = new ElectionFaults(cluster, takeover, random)) {
            for (int i = 0; i < faults; i++) {
                // Every kind in turn, then at random, so that a short run has all.
                nodes.inflict(kinds.get(i < kinds.size() ? i : random.nextInt(kinds.size())));
            }
            History history = nodes.judge();
            System.out.println("figure: " + nodes.describe() + "; " + (System.nanoTime() - begun) / 1_000_000
                    + " ms, seed " + seed);
            assertEquals(List.of(), history.violations(), "seed " + seed);
            // A run in which nobody wrote, or nobody tried to when it was over, proves nothing.
            assertTrue(history.reigns() > 1 + faults / 4 && nodes.count(Cell.WRITES) > faults);
            assertTrue(nodes.count(Cell.STALE_WRITES_REFUSED) > 0);
        }
    }

    @Test
    @Timeout(60)
    void aFlagThatNoErrorClearsIsFoundOut() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start()) {
            Node.migrate(cluster.primary());
            cluster.primary().execute(ElectionNode.TABLES);
            List<String> options = List.of("url=" + cluster.primary().url(), "elector=flag", "pause=5");
            try (NodeProcess a = NodeProcess.start("a", options);
                    NodeProcess b = NodeProcess.start("b", options)) {
                // Two starts of a JVM at once may take longer than an await has.
                for (NodeProcess node : List.of(a, b)) {
                    NodeProcess unused = node.awaitReady();
                }
                Await.until("a leader", () -> a.latest() != null || b.latest() != null);
                cluster.primary()
                        .execute("SELECT pg_terminate_backend(backend_pid) FROM forge_leaders WHERE role = '"
                                + ElectionNode.ROLE + "'");
                Await.until("two leaders", () -> a.led(Duration.ofMillis(50)) && b.led(Duration.ofMillis(50)));
                Await.until(
                        "writes of both",
                        () -> Math.min(a.log().get(Cell.WRITES), b.log().get(Cell.WRITES)) > 20);
                History history = new History();
                history.add(a.reigns());
                history.add(b.reigns());
                history.judgeReigns(nanos -> Duration.ofMillis(50));
                int overlaps = history.violations().size();
                assertEquals(1, overlaps, () -> String.join("\n", history.violations()));
                try (Connection connection = cluster.primary().connect()) {
                    history.judgeDatabase(connection);
                }
                assertTrue(history.violations().size() > overlaps + 10, () -> String.join("\n", history.violations()));
            }
        }
    }
}
