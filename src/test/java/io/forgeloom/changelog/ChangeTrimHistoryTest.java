package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Many trims, while transactions are rolled back, last, and stay open throughout: who has missed rows is always told, and who
 * looks often never is. On a cluster of its own without autovacuum: without a grace, whoever ran at the look and has ended
 * at the trim may count as one that was missed, in whatever database.
 */
@NeedsCluster
@Tag("slow")
class ChangeTrimHistoryTest {

    @Test
    @Timeout(60)
    void whoLooksIsNotToldToStartAnewAndWhoMissesRowsIs() throws Exception {
        trim(40);
    }

    @Test
    @Tag("long")
    @Timeout(1_800)
    void inAThousandTrimsWhoLooksIsNotToldToStartAnewAndWhoMissesRowsIs() throws Exception {
        trim(1_000);
    }

    @Test
    @Timeout(60)
    void soItIsWhereTheLogIsCompactedWhileAllRead() throws Exception {
        compact(15, Duration.ofMillis(600));
    }

    @Test
    @Tag("long")
    @Timeout(1_800)
    void soItIsWhereTheLogIsCompactedAThousandTimesWhileAllRead() throws Exception {
        compact(1_000, Duration.ofMillis(1_200));
    }

    /** One thing after the other, so that each verdict is known. */
    private static void trim(int trims) throws Exception {
        try (PostgresCluster cluster =
                        PostgresCluster.builder().setting("autovacuum", "off").start();
                TestDatabase server = TestDatabase.on(cluster.primary());
                ChangeLogFixture fixture = new ChangeLogFixture(server);
                TrimHistory history = new TrimHistory(server, fixture)) {
            history.openOne();
            int done = 0;
            int rounds = 0;
            for (; done < trims; rounds++) {
                history.write();
                boolean unused = rounds % 8 == 0 && history.endLate(Duration.ZERO);
                history.look();
                if (history.trim(future()).rows() > 0) {
                    done++;
                }
                assertTrue(history.lookAgain(), () -> "who has just looked is to start anew; " + history);
                history.lookBack();
                if (done == trims / 2) {
                    history.endOne();
                    history.look();
                }
            }
            System.out.println("figure: " + done + " trims in " + rounds + " rounds; " + history);
            history.requireMeaning(done);
        }
    }

    private static Instant future() {
        return Instant.parse("2999-01-01T00:00:00Z");
    }

    /** A node that compacts, and readers whose every moment one of its trims may be at. */
    private static void compact(int trims, Duration retention) throws Exception {
        // What the last minute is to an hour.
        Duration grace = retention.dividedBy(60);
        CountDownLatch stop = new CountDownLatch(1);
        AtomicInteger done = new AtomicInteger();
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                TestDatabase server = TestDatabase.on(cluster.primary());
                ChangeLogFixture fixture = new ChangeLogFixture(server);
                TrimHistory history = new TrimHistory(server, fixture);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            history.openOne();
            Future<?> compacting = threads.submit(() -> {
                while (!stop.await(1, TimeUnit.MILLISECONDS)) {
                    if (fixture.log.compact(retention).rows() > 0) {
                        done.incrementAndGet();
                    }
                }
                return null;
            });
            try {
                while (done.get() < trims && !compacting.isDone()) {
                    history.write();
                    history.lookWithin(grace);
                    history.lookBack();
                    history.lookWithin(grace);
                    // Rows that are older than what is kept, and seen by nobody yet: for one who would take them, a
                    // part of the grace, which is under test. To wait for a compaction might take all of it.
                    if (history.endLate(retention.multipliedBy(3).dividedBy(2))) {
                        Thread.sleep(grace.dividedBy(4));
                        history.lookWithin(grace);
                    }
                    if (done.get() > trims / 2) {
                        history.endOne();
                        history.lookWithin(grace);
                    }
                }
            } finally {
                stop.countDown();
            }
            compacting.get(30, TimeUnit.SECONDS);
            System.out.println("figure: " + done + " compactions; " + history);
            assertEquals(0, history.falseWithin(), history::toString);
            history.requireMeaning(trims);
        }
    }
}
