package io.forgeloom.testing.demo;

import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.Progress;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The server of the demo: an embedded one, with replicas, that may be killed, or the user's. One thread at a time.
 *
 * @param url as {@link io.forgeloom.database.DatabaseConfig#builder} takes it
 * @param cluster null if the server is the user's
 */
record Target(String url, @Nullable PostgresCluster cluster) implements AutoCloseable {

    /** Beyond the pool: the control connections, the nodes', the kit's own, and those that a kill leaves in doubt for a moment. */
    private static final int OTHER_CONNECTIONS = 60;

    private static final int REPLICAS = 2;

    static Target open(DemoOptions options, Progress progress) throws InterruptedException, SQLException {
        String url = options.url();
        if (url != null) {
            return new Target(url, null);
        }
        PostgresCluster cluster = PostgresCluster.builder()
                .durable(true)
                .replicas(options.readers() == 0 ? 0 : REPLICAS)
                .setting("max_connections", Integer.toString(options.pool() + OTHER_CONNECTIONS))
                .progress(progress)
                .start();
        return new Target(cluster.primary().url(), cluster);
    }

    /** The embedded servers, the primary first; empty if the server is the user's. */
    List<PostgresServer> servers() {
        if (cluster == null) {
            return List.of();
        }
        List<PostgresServer> servers = new ArrayList<>(List.of(cluster.primary()));
        servers.addAll(cluster.replicas());
        return servers;
    }

    List<PostgresServer> replicas() {
        return cluster == null ? List.of() : cluster.replicas();
    }

    /** Ends the embedded server and deletes its data. */
    @Override
    public void close() {
        if (cluster != null) {
            cluster.close();
        }
    }
}
