package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import io.forgeloom.database.ReplicaStatus;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What the script does to the replicas, one after the other. Confined to the script's thread. */
final class ReplicaScript {

    private static final long POLL_MILLIS = 5;

    /** A replica that crashed replays what its last restart point left: seconds, after an hour of load. */
    private static final Duration BACK_LIMIT = Duration.ofSeconds(30);

    private static final Duration OUT_LIMIT = Duration.ofSeconds(10);

    /** A replica in rotation is read as soon as a reader comes by, however few there are. */
    private static final Duration READ_LIMIT = Duration.ofSeconds(5);

    private final Database database;
    private final PostgresCluster cluster;
    private final ReadTally reads;
    private final Events events;

    ReplicaScript(Database database, PostgresCluster cluster, ReadTally reads, Events events) {
        this.database = database;
        this.cluster = cluster;
        this.reads = reads;
        this.events = events;
    }

    /** {@code SIGKILL}, and a new start on what is on disk, {@code down} after the replica left the rotation. */
    void kill(int replica, Duration down) throws InterruptedException {
        PostgresServer server = cluster.replicas().get(replica);
        events.add("killing " + server.name() + ": SIGKILL");
        Fault fault = reads.begin(replica + 1, Fault.Kind.KILLED);
        server.sigkill();
        reads.harmed(fault);
        awaitOut(fault, OUT_LIMIT);
        Thread.sleep(down);
        events.add("starting " + server.name() + " again on what is on disk");
        server.start();
        fault.healed();
        awaitBack(fault, server.name());
    }

    /**
     * Has the replica stop replaying, so that it answers and lags, until it is out of the rotation, or {@code limit} is
     * over: how much is written meanwhile depends on the machine.
     */
    void pauseReplay(int replica, Duration limit) throws InterruptedException, SQLException {
        PostgresServer server = cluster.replicas().get(replica);
        events.add("pausing the replay of " + server.name());
        Fault fault = reads.begin(replica + 1, Fault.Kind.REPLAY_PAUSED);
        server.execute("SELECT pg_wal_replay_pause()");
        reads.harmed(fault);
        awaitOut(fault, limit);
        String written = cluster.primary().query("SELECT pg_current_wal_insert_lsn()");
        String bytes = server.query("SELECT pg_wal_lsn_diff('" + written + "', pg_last_wal_replay_lsn())::bigint");
        events.add("resuming the replay of " + server.name() + ", which is " + bytes + " bytes behind");
        server.execute("SELECT pg_wal_replay_resume()");
        fault.healed();
        awaitBack(fault, server.name());
    }

    /** {@code SIGSTOP}: its sockets stay open and nothing answers; resumed {@code down} after it left the rotation. */
    void stop(int replica, Duration down) throws InterruptedException {
        PostgresServer server = cluster.replicas().get(replica);
        events.add("stopping " + server.name() + ": SIGSTOP");
        Fault fault = reads.begin(replica + 1, Fault.Kind.STOPPED);
        try {
            server.pause();
            reads.harmed(fault);
            awaitOut(fault, OUT_LIMIT);
            Thread.sleep(down);
        } finally {
            events.add("resuming " + server.name() + ": SIGCONT");
            server.resume();
        }
        fault.healed();
        awaitBack(fault, server.name());
    }

    private void awaitOut(Fault fault, Duration limit) throws InterruptedException {
        Instant since = await(fault, false, limit);
        if (since != null) {
            fault.out(since);
        }
    }

    private void awaitBack(Fault fault, String name) throws InterruptedException {
        long healed = System.nanoTime();
        boolean back = await(fault, true, BACK_LIMIT) != null;
        if (back) {
            reads.back(fault);
        }
        reads.end();
        events.add(
                back
                        ? String.format(
                                Locale.ROOT,
                                "reads go to %s again, %.2f s after it recovered",
                                name,
                                (System.nanoTime() - healed) / 1e9)
                        : name + " is not back after " + BACK_LIMIT.toSeconds() + " s");
        awaitRead(fault.server);
    }

    private void awaitRead(int server) throws InterruptedException {
        long before = reads.reads(server);
        long deadline = System.nanoTime() + READ_LIMIT.toNanos();
        while (reads.reads(server) == before && System.nanoTime() - deadline < 0) {
            Thread.sleep(POLL_MILLIS);
        }
    }

    /** Since when it is in that state; null if it was not in time. */
    private @Nullable Instant await(Fault fault, boolean inRotation, Duration limit) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            ReplicaStatus status = database.replicas().get(fault.server - 1);
            if (status.isInRotation() == inRotation) {
                return status.since();
            }
            if (System.nanoTime() - deadline > 0) {
                return null;
            }
            Thread.sleep(POLL_MILLIS);
        }
    }
}
