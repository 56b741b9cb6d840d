package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A position after a crash, and on another history. */
@Tag("slow")
@NeedsCluster
@Timeout(120)
class ChangeClusterTest {

    private static final Identifier HOME = new Identifier("public");

    @Test
    void aCrashLosesNothingAndStartsNobodyAnewAndAPromotionDoes() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            PostgresServer primary = cluster.primary();
            ChangePosition position;
            try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME);
                    Connection open = primary.connect();
                    Statement statement = open.createStatement()) {
                fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
                fixture.log.track("t", TrackOptions.DEFAULTS);
                fixture.execute("INSERT INTO t VALUES (1)");
                open.setAutoCommit(false);
                // Numbers and an xid that the crash takes back, and gives again.
                statement.execute("INSERT INTO t SELECT generate_series(100, 200)");
                position = fixture.log.now();
                primary.sigkill();
            }
            primary.start();
            try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME)) {
                fixture.execute("INSERT INTO t VALUES (2)", "INSERT INTO t SELECT generate_series(300, 303)");
                assertEquals(
                        List.of("2", "300", "301", "302", "303"),
                        fixture.rows(position).stream().map(ChangeRow::rowId).toList());
                position = fixture.log.now();
            }
            cluster.awaitReplayed(Duration.ofSeconds(30));
            primary.sigkill();
            PostgresServer replica = cluster.replicas().getFirst();
            replica.promote();
            try (ChangeLogFixture fixture = new ChangeLogFixture(replica, HOME);
                    ChangeDrain drain = fixture.log.drain(position)) {
                assertEquals(
                        Resync.Cause.OTHER_HISTORY,
                        assertInstanceOf(Resync.class, drain.next().orElseThrow())
                                .cause());
                assertEquals(6, fixture.rows(fixture.log.start()).size());
            }
        }
    }

    /**
     * A transaction that is rolled back, or wrote nothing, is in the log of the server a moment later than it has ended. Who
     * has seen it end must not take the one that gets its xid after a crash for it. The same is true of commits that do not
     * wait for the disk, and nobody is given their rows before these are there.
     */
    @Test
    void aPositionHoldsNothingThatACrashTakesBack() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder()
                .setting("wal_writer_delay", "10s")
                .setting("synchronous_commit", "off")
                .start()) {
            PostgresServer primary = cluster.primary();
            try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME)) {
                fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
                fixture.log.track("t", TrackOptions.DEFAULTS);
            }
            assertEquals(10, afterCrash(primary, 100, fixture -> fixture.log.now()));
            assertEquals(10, afterCrash(primary, 200, fixture -> {
                try (ChangeDrain drain = fixture.log.drain(fixture.log.start())) {
                    while (drain.next().isPresent()) {
                        // To the end.
                    }
                    return drain.position();
                }
            }));
        }
    }

    /** How many of ten rows that are written after a crash come behind a position from a moment before. */
    private static int afterCrash(
            PostgresServer primary, int id, Function<ChangeLogFixture, ChangePosition> positionBefore)
            throws Exception {
        ChangePosition position;
        try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME)) {
            fixture.execute("INSERT INTO t VALUES (" + id + ")");
            for (int i = 0; i < 5; i++) {
                fixture.execute("BEGIN", "INSERT INTO t VALUES (-1)", "ROLLBACK", "SELECT pg_current_xact_id()");
            }
            position = positionBefore.apply(fixture);
            primary.sigkill();
        }
        primary.start();
        try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME)) {
            assertEquals(List.of("" + id), fixture.column("SELECT id FROM t WHERE id = " + id));
            for (int i = 1; i <= 10; i++) {
                fixture.execute("INSERT INTO t VALUES (" + (id + i) + ")");
            }
            return fixture.rows(position).size();
        }
    }

    @Test
    void crashesAndRestartsStartNobodyAnewAndLoseNothing() throws Exception {
        crash(3);
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void manyCrashesAndRestartsStartNobodyAnewAndLoseNothing() throws Exception {
        crash(40);
    }

    private static void crash(int times) throws Exception {
        AtomicBoolean up = new AtomicBoolean(true);
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger committed = new AtomicInteger();
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                ChangeLogFixture fixture = new ChangeLogFixture(cluster.primary(), HOME);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, n bigint)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            try (ChangeSeam<Map<String, Long>> seam =
                    fixture.log.snapshotThenFollow(FollowOptions.DEFAULTS, ChangeSeamTest::copy)) {
                List<Future<?>> all = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    Random random = new Random();
                    all.add(threads.submit(() -> write(fixture, random, up, stop, committed)));
                }
                all.add(threads.submit(() -> follow(seam, stop)));
                try {
                    for (int i = 0; i < times; i++) {
                        int before = committed.get();
                        Await.until("writes", Duration.ofSeconds(30), () -> committed.get() > before + 40);
                        up.set(false);
                        if (i % 3 == 0) {
                            cluster.primary().stop();
                        } else {
                            cluster.primary().sigkill();
                        }
                        cluster.primary().start();
                        up.set(true);
                    }
                } finally {
                    stop.set(true);
                }
                for (Future<?> each : all) {
                    each.get();
                }
                ChangeSeamTest.apply(seam, Integer.MAX_VALUE);
                assertEquals(fixture.database.withConnection(ChangeSeamTest::copy), seam.copy());
                System.out.println("figure: " + times + " crashes and restarts, " + committed
                        + " transactions, the copy is the table");
            }
        }
    }

    /** One in three is rolled back. Whether a commit that failed was one, the table says. */
    private static boolean write(
            ChangeLogFixture fixture, Random random, AtomicBoolean up, AtomicBoolean stop, AtomicInteger committed)
            throws InterruptedException {
        while (!stop.get()) {
            int id = random.nextInt(50);
            String write = switch (random.nextInt(4)) {
                case 0 -> "DELETE FROM t WHERE id = " + id;
                case 1 -> "UPDATE t SET n = n + 1 WHERE id = " + id;
                default -> "INSERT INTO t VALUES (" + id + ", 0) ON CONFLICT (id) DO UPDATE SET n = t.n + 1";
            };
            try {
                fixture.execute("BEGIN", write, random.nextInt(3) == 0 ? "ROLLBACK" : "COMMIT");
                committed.incrementAndGet();
            } catch (SQLException e) {
                Await.until("the server", Duration.ofSeconds(30), () -> up.get() || stop.get());
            }
        }
        return true;
    }

    private static boolean follow(ChangeSeam<Map<String, Long>> seam, AtomicBoolean stop) throws InterruptedException {
        while (!stop.get()) {
            try {
                ChangeSeamTest.apply(seam, 10);
            } catch (DatabaseException | AcquireException e) {
                // The server is down, and the pool waits for it.
            }
        }
        return true;
    }

    @Test
    void anOlderCopyThatIsRestoredIsFoundOutAtTheNextLook() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                ChangeLogFixture fixture = new ChangeLogFixture(cluster.primary(), HOME)) {
            PostgresServer primary = cluster.primary();
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.execute("INSERT INTO t VALUES (0)");
            ChangePosition start = fixture.log.now();
            primary.stop();
            primary.keepCopy();
            primary.start();
            try (ChangeFollower follower = fixture.log.follow(start, FollowOptions.DEFAULTS)) {
                for (int id = 1; id < 20; id++) {
                    fixture.execute("INSERT INTO t VALUES (" + id + ")");
                    assertInstanceOf(Batch.class, next(follower));
                }
                primary.stop();
                primary.restoreCopy();
                primary.start();
                assertEquals(Resync.Cause.OTHER_HISTORY, refused(follower));
                fixture.execute("INSERT INTO t VALUES (1)");
                assertEquals(2, fixture.rows(fixture.log.start()).size());
            }
        }
    }

    private static Resync.Cause refused(ChangeFollower follower) throws InterruptedException {
        return assertInstanceOf(Resync.class, next(follower)).cause();
    }

    /** The first sessions that a pool has after a restart may be those of before. */
    private static ChangeElement next(ChangeFollower follower) throws InterruptedException {
        while (true) {
            try {
                return follower.poll(Duration.ofSeconds(10)).orElseThrow();
            } catch (DatabaseException e) {
                assertTrue(String.valueOf(e.sqlState()).matches("57P01|08.*"), e::toString);
            }
        }
    }
}
