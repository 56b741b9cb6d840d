package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.ReplicaStatus.State;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A replica that is behind is seen to be behind, leaves the rotation, and comes back. */
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ReplicaLagTest {

    private static final Duration SOON = Duration.ofSeconds(10);
    private static final Duration BOUND = Duration.ofMillis(500);

    private static PostgresCluster cluster;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.builder().replicas(1).start();
        cluster.primary().execute("CREATE TABLE public.t (id int)");
        cluster.awaitReplayed(SOON);
    }

    @AfterAll
    static void close() {
        cluster.close();
    }

    private static Database open(ReplicaOptions.Builder options) {
        return open(cluster.primary().url(), options);
    }

    private static Database open(String primaryUrl, ReplicaOptions.Builder options) {
        return Database.open(DatabaseConfig.builder(primaryUrl)
                .poolSize(4)
                .replicaUrls(List.of(cluster.replicas().getFirst().url()))
                .readFromReplica(true)
                .replicaOptions(options.build())
                .build());
    }

    private static ReplicaStatus status(Database db) {
        return db.replicas().getFirst();
    }

    private static ReplicaLag lag(Database db) {
        ReplicaLag lag = status(db).lag();
        return lag == null ? new ReplicaLag(Duration.ZERO, true, -1, Duration.ZERO) : lag;
    }

    private static void awaitState(Database db, State state) throws InterruptedException {
        await(() -> status(db).state() == state, state + ", is " + status(db));
    }

    /** Statuses give no signal; they change by the prober's own clock. */
    private static void await(BooleanSupplier condition, String what) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, () -> "awaited in vain: " + what);
            TimeUnit.MILLISECONDS.sleep(2);
        }
    }

    private static void write() throws SQLException {
        cluster.primary().execute("INSERT INTO public.t SELECT generate_series(1, 1000)");
    }

    private static void set(PostgresServer server, String setting) throws SQLException {
        server.execute("ALTER SYSTEM SET " + setting);
        server.execute("SELECT pg_reload_conf()");
    }

    @Test
    void idlePrimaryIsNoLagAndTheReplicaStaysInRotation() throws Exception {
        cluster.awaitReplayed(SOON);
        // An answer ages by half of it, and then the machine may stand still.
        Duration bound = BOUND.multipliedBy(3);
        try (Database db = open(ReplicaOptions.builder().maxLag(bound))) {
            awaitState(db, State.IN_ROTATION);
            var since = status(db).since();
            long end = System.nanoTime() + 2 * BOUND.toNanos();
            while (System.nanoTime() < end) {
                ReplicaStatus now = status(db);
                assertEquals(Duration.ZERO, lag(db).time());
                assertEquals(0, lag(db).bytes());
                assertEquals(State.IN_ROTATION, now.state(), now.toString());
                assertTrue(lag(db).age().compareTo(bound) <= 0, now.toString());
                TimeUnit.MILLISECONDS.sleep(5);
            }
            assertEquals(since, status(db).since());
        }
    }

    @Test
    void replicaThatIsCutOffIsSeenToLagThoughItHasReplayedAllThatItReceived() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        String before = replica.query("SHOW primary_conninfo");
        try (FaultyLink link = FaultyLink.to(cluster.primary());
                Database db = open(ReplicaOptions.builder().maxLag(BOUND))) {
            set(replica, "primary_conninfo = '" + before.replaceFirst("port=\\d+", "port=" + link.port()) + "'");
            link.awaitConnections(1, SOON);
            write();
            cluster.awaitReplayed(SOON);
            awaitState(db, State.IN_ROTATION);

            link.blackhole(true, true);
            long cut = System.nanoTime();
            write();
            awaitState(db, State.LAGGING);
            long out = System.nanoTime() - cut;

            assertEquals("t", replica.query("SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"));
            assertEquals("primary", db.readPool().name());
            assertTrue(
                    status(db).reason().contains("more than maxLag (500 ms)"),
                    status(db).reason());
            await(() -> lag(db).time().compareTo(BOUND.multipliedBy(2)) > 0, "time grows");
            // 1000 rows are some 60 kB of log.
            assertTrue(lag(db).bytes() > 50_000 && lag(db).bytes() < 1_000_000, lag(db).toString());
            assertTrue(out < 3 * BOUND.toNanos(), "out after " + out / 1_000_000 + " ms");

            link.heal();
            link.cut();
            awaitState(db, State.IN_ROTATION);
            assertEquals("replica-1", db.readPool().name());
        } finally {
            set(replica, "primary_conninfo = '" + before + "'");
        }
        cluster.awaitReplayed(SOON);
    }

    @Test
    void replicaThatAppliesLateLeavesAndReturns() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        try (Database db = open(ReplicaOptions.builder().maxLag(BOUND))) {
            awaitState(db, State.IN_ROTATION);
            set(replica, "recovery_min_apply_delay = '1s'");
            long written = System.nanoTime();
            write();

            awaitState(db, State.LAGGING);
            long left = System.nanoTime() - written;
            awaitState(db, State.IN_ROTATION);
            long returned = System.nanoTime() - written;

            // Not before it was late; and what it had to replay was replayed after a second.
            assertTrue(left >= BOUND.toMillis() * 900_000 && left < 2 * BOUND.toNanos(), "left after " + left);
            assertTrue(returned >= 900_000_000L && returned < 2_000_000_000L, "returned after " + returned);
            System.out.println("apply delay 1 s, maxLag 500 ms: left after " + left / 1_000_000 + " ms, returned after "
                    + returned / 1_000_000 + " ms");
        } finally {
            set(replica, "recovery_min_apply_delay = 0");
        }
        cluster.awaitReplayed(SOON);
    }

    @Test
    void replicaThatWasBehindBeforeTheStartIsOutFromTheStart() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        replica.execute("SELECT pg_wal_replay_pause()");
        write();
        try (Database db = open(ReplicaOptions.builder().maxLag(BOUND))) {
            var since = status(db).since();
            long end = System.nanoTime() + BOUND.toNanos();
            while (System.nanoTime() < end) {
                assertEquals(State.LAGGING, status(db).state());
                assertEquals("primary", db.readPool().name());
            }
            // Until then its lag is not measured.
            await(() -> status(db).reason().contains("when it was first asked"), "reason, is " + status(db));
            assertEquals(since, status(db).since());

            replica.execute("SELECT pg_wal_replay_resume()");
            awaitState(db, State.IN_ROTATION);
        } finally {
            replica.execute("SELECT pg_wal_replay_resume()");
        }
        cluster.awaitReplayed(SOON);
    }

    @Test
    void boundInBytesHoldsByItself() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        try (Database db = open(ReplicaOptions.builder().maxLagBytes(20_000).probeInterval(Duration.ofMillis(100)))) {
            awaitState(db, State.IN_ROTATION);
            replica.execute("SELECT pg_wal_replay_pause()");
            cluster.primary().execute("INSERT INTO public.t VALUES (1)");
            await(() -> lag(db).bytes() > 0, "a few bytes of lag");
            assertTrue(status(db).isInRotation());

            write();
            awaitState(db, State.LAGGING);
            assertTrue(
                    status(db).reason().contains("maxLagBytes (20000)"),
                    status(db).reason());
        } finally {
            replica.execute("SELECT pg_wal_replay_resume()");
        }
        cluster.awaitReplayed(SOON);
    }

    @Test
    void lagOfAnyLengthIsShownWithoutABound() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        try (Database db = open(ReplicaOptions.builder().probeInterval(Duration.ofMillis(100)))) {
            assertTrue(status(db).isInRotation());
            replica.execute("SELECT pg_wal_replay_pause()");
            write();
            await(() -> lag(db).time().compareTo(Duration.ofMillis(300)) > 0, "lag in time");

            assertTrue(lag(db).bytes() > 50_000, lag(db).toString());
            assertTrue(status(db).isInRotation());
        } finally {
            replica.execute("SELECT pg_wal_replay_resume()");
        }
        cluster.awaitReplayed(SOON);
    }

    @Test
    void primaryThatCannotBeAskedMakesTheMeasurementTooOld() throws Exception {
        try (FaultyLink link = FaultyLink.to(cluster.primary());
                Database db = open(link.url(), ReplicaOptions.builder().maxLag(BOUND))) {
            awaitState(db, State.IN_ROTATION);

            link.blackhole(true, true);
            long cut = System.nanoTime();
            awaitState(db, State.LAGGING);
            long out = System.nanoTime() - cut;
            ReplicaLag first = lag(db);
            await(() -> lag(db).age().compareTo(first.age().multipliedBy(2)) > 0, "age grows");

            assertTrue(out < 3 * BOUND.toNanos(), "out after " + out / 1_000_000 + " ms");
            link.heal();
            link.cut();
            awaitState(db, State.IN_ROTATION);
            assertNotNull(status(db).lag());
            assertFalse(lag(db).age().compareTo(BOUND) > 0);
        }
    }
}
