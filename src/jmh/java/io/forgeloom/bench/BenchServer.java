package io.forgeloom.bench;

import io.forgeloom.testing.PostgresCluster;
import java.sql.SQLException;

/**
 * The server to measure on: the user's, or an embedded one where the class path has it ({@code ./forge bench}; {@code
 * benchmarks.jar} alone does not). The embedded one runs with {@code fsync=off}, so that the disk does not hide the pool.
 */
final class BenchServer implements AutoCloseable {

    private final String url;
    private final AutoCloseable closing;

    private BenchServer(String url, AutoCloseable closing) {
        this.url = url;
        this.closing = closing;
    }

    /** The server at {@code url}, or an embedded one if that is empty. */
    static BenchServer open(String url) throws SQLException, InterruptedException {
        if (!url.isEmpty()) {
            return new BenchServer(url, () -> {});
        }
        try {
            PostgresCluster cluster = PostgresCluster.builder().start();
            return new BenchServer(cluster.primary().url(), cluster);
        } catch (NoClassDefFoundError e) {
            throw new IllegalArgumentException(
                    "no embedded server on the class path: run ./forge bench, or give url=jdbc:postgresql://…", e);
        }
    }

    String url() {
        return url;
    }

    @Override
    public void close() throws Exception {
        closing.close();
    }
}
