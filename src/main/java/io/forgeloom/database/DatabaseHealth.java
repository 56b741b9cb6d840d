package io.forgeloom.database;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the servers of a {@link Database} answered when asked. Immutable, safe for use by many threads.
 *
 * @param servers the primary first, then the replicas in the order of the configuration
 */
public record DatabaseHealth(List<Server> servers) {

    /** Copies the list. */
    public DatabaseHealth {
        servers = List.copyOf(servers);
    }

    /** Whether the primary answered. */
    public boolean isReady() {
        return servers.get(0).isUp();
    }

    /**
     * One server.
     *
     * @param name {@code primary}, {@code replica-1}, …
     * @param problem why it did not answer in time; null if it did
     * @param took how long the answer, or giving up, took
     * @param pool its pool
     */
    public record Server(String name, @Nullable String problem, Duration took, PoolStats pool) {

        /** Whether it answered in time. */
        public boolean isUp() {
            return problem == null;
        }
    }
}
