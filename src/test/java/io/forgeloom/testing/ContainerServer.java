package io.forgeloom.testing;

import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/**
 * PostgreSQL 18 in a container, by Testcontainers: the same tests against the server that users run. Safe for use by
 * many threads.
 *
 * <p>A test calls {@link #assumeAvailable()} first.
 */
public final class ContainerServer implements TestServer, AutoCloseable {

    private static final String IMAGE = "postgres:18";

    private final PostgreSQLContainer container;

    private ContainerServer(PostgreSQLContainer container) {
        this.container = container;
    }

    /** Whether a container engine answers. The first call takes a moment, later ones know. */
    public static boolean isAvailable() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    /** Ends the current test as skipped, with a line that says so, where no engine answers. */
    public static void assumeAvailable() {
        Skips.unless(isAvailable(), "skipped: no container engine");
    }

    /** Starts a container and waits until the server in it answers. */
    public static ContainerServer start() {
        PostgreSQLContainer container = new PostgreSQLContainer(IMAGE)
                .withUsername(PostgresServer.SUPERUSER)
                .withCommand("postgres", "-c", "fsync=off", "-c", "max_connections=200");
        container.start();
        return new ContainerServer(container);
    }

    @Override
    public String host() {
        return container.getHost();
    }

    @Override
    public int port() {
        return container.getMappedPort(PostgreSQLContainer.POSTGRESQL_PORT);
    }

    @Override
    public String user() {
        return container.getUsername();
    }

    @Override
    public String password() {
        return container.getPassword();
    }

    /** Ends and removes the container. */
    @Override
    public void close() {
        container.stop();
    }

    @Override
    public String toString() {
        return IMAGE + " on port " + port();
    }
}
