package io.forgeloom.testing.chaos;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A primary and two replicas of which one at least has a commit before it is confirmed, so that a promotion loses nothing that
 * anybody was told. One thread at a time, but for {@link #primary()}.
 */
final class Servers implements AutoCloseable {

    private static final Duration STREAMING = Duration.ofSeconds(30);

    private final PostgresCluster cluster;

    /** In an order that never changes: that of the URLs that nodes are given. */
    private final List<PostgresServer> all;

    private Servers(PostgresCluster cluster) {
        this.cluster = cluster;
        all = new ArrayList<>(List.of(cluster.primary()));
        all.addAll(cluster.replicas());
    }

    static Servers start() throws InterruptedException, SQLException {
        PostgresCluster cluster = PostgresCluster.builder()
                .replicas(2)
                .setting("max_connections", "300")
                .setting("max_wal_senders", "10")
                .start();
        Servers servers = new Servers(cluster);
        try {
            for (PostgresServer server : servers.all) {
                servers.cluster.confirmByReplica(server);
            }
            servers.awaitStreaming();
            return servers;
        } catch (Throwable e) {
            servers.close();
            throw e;
        }
    }

    List<PostgresServer> all() {
        return all;
    }

    PostgresServer primary() {
        return cluster.primary();
    }

    /** {@code primary}, or the replica of that number at this moment. */
    PostgresServer byName(String victim) {
        if (victim.equals("primary")) {
            return cluster.primary();
        }
        return cluster.replicas().get(Integer.parseInt(victim.substring(victim.indexOf('-') + 1)));
    }

    int numberOf(PostgresServer server) {
        return all.indexOf(server);
    }

    /** Ends a server, in one of two ways. */
    void end(PostgresServer server, boolean fast) throws InterruptedException {
        if (fast) {
            server.stop();
        } else {
            server.kill();
        }
    }

    /** After the primary has ended: the replica that has most becomes it, the other one follows. */
    void promote() throws InterruptedException, SQLException {
        PostgresServer old = cluster.primary();
        List<PostgresServer> replicas = cluster.replicas();
        PostgresServer first = replicas.get(0);
        PostgresServer second = replicas.get(1);
        boolean secondHasMore = "t"
                .equals(first.query("SELECT '" + received(second) + "'::pg_lsn > '" + received(first) + "'::pg_lsn"));
        PostgresServer next = secondHasMore ? second : first;
        next.promote();
        cluster.follow(next == first ? second : first);
        cluster.rejoin(old);
        awaitStreaming();
    }

    private static String received(PostgresServer replica) throws SQLException {
        return String.valueOf(replica.query("SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"));
    }

    /** Both replicas get what the primary writes. */
    void awaitStreaming() throws InterruptedException, SQLException {
        Await.until(
                "two replicas that stream",
                STREAMING,
                () -> "2"
                        .equals(primary().query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")));
    }

    @Override
    public void close() {
        cluster.close();
    }
}
