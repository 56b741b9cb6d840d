package io.forgeloom.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A real PostgreSQL 18 cluster for tests and demos: one primary and any number of streaming replicas, from the embedded
 * binaries on the class path, on ports of this machine, as root too.
 *
 * <pre>{@code
 * try (PostgresCluster cluster = PostgresCluster.builder().replicas(2).start()) {
 *     cluster.primary().execute("CREATE TABLE t (id int)");
 *     cluster.primary().sigkill();
 *     cluster.replicas().getFirst().promote();
 * }
 * }</pre>
 *
 * <p>The first start on a machine unpacks the binaries and runs {@code initdb} (some seconds); each later cluster is a
 * copy of that folder, so all clusters share one system identifier. {@link #close()} ends the servers and deletes their
 * data; if the JVM ends without it, even by {@code SIGKILL}, the same happens at that moment. Replicas follow without
 * slots; the primary keeps 256 MB of log for them.
 *
 * <p>What changes the cluster (add, rejoin, promote, close) is for one thread at a time, all else safe for use by many
 * threads.
 */
public final class PostgresCluster implements AutoCloseable {

    /** Names the jar of the older server's binaries; the build sets it. */
    private static final String OLDER_JAR = "forgeloom.test.pg17.jar";

    /** With all that a careless URL or quoting would break on. */
    private static final String PASSWORD = "pa ss:w@rd/'\\%41\"+";

    private static final Duration STREAMING_LIMIT = Duration.ofSeconds(30);

    private final Builder options;
    private final PostgresBinaries binaries;
    private final @Nullable String password;
    private final List<PostgresServer> servers = new CopyOnWriteArrayList<>();
    private volatile PostgresServer primary;
    private int replicaCount;

    private PostgresCluster(Builder options, PostgresBinaries binaries) {
        this.options = options;
        this.binaries = binaries;
        this.password = options.requirePassword ? PASSWORD : null;
        this.primary = newServer("primary");
        servers.add(primary);
    }

    /** A cluster of the binaries on the class path: PostgreSQL 18. */
    public static Builder builder() {
        return new Builder(null);
    }

    /** A cluster of the older server, PostgreSQL 17, that the library refuses. */
    public static Builder older() {
        String jar = System.getProperty(OLDER_JAR, "");
        if (!Files.isRegularFile(Path.of(jar))) {
            throw new IllegalStateException("system property " + OLDER_JAR + " must name the jar of PostgreSQL 17's"
                    + " binaries (the build does that): \"" + jar + "\" is no file");
        }
        return new Builder(Path.of(jar));
    }

    /** The server that takes writes: the first one, until another is promoted. */
    public PostgresServer primary() {
        return primary;
    }

    /** All servers but {@link #primary()}, in the order of their start; also one that is down or left behind. */
    public List<PostgresServer> replicas() {
        PostgresServer current = primary;
        return servers.stream().filter(server -> server != current).toList();
    }

    /** Adds a replica, a base copy of the current primary, and waits until it streams. */
    public PostgresServer addReplica() throws InterruptedException, SQLException {
        PostgresServer replica = newServer("replica-" + ++replicaCount);
        servers.add(replica);
        copyAndFollow(replica);
        return replica;
    }

    /** Makes a server a replica of the current primary again, from a new base copy; waits until it streams. */
    public void rejoin(PostgresServer server) throws InterruptedException, SQLException {
        if (server == primary) {
            throw new IllegalArgumentException(server.name() + " is the primary: promote another one first");
        }
        server.discard();
        copyAndFollow(server);
    }

    /** From now on, and whenever it is the primary, a server confirms a commit once any replica has it. */
    public void confirmByReplica(PostgresServer server) throws SQLException {
        server.reconfigure(Map.of("synchronous_standby_names", "ANY 1 (*)"));
    }

    /**
     * Has a running replica of an earlier primary follow the current one, without a new copy: it must not have received more
     * than that one had when it was promoted. Waits until it streams.
     */
    public void follow(PostgresServer replica) throws InterruptedException, SQLException {
        replica.reconfigure(Map.of("primary_conninfo", connectionInfo(primary, replica.name())));
        awaitStreaming(replica);
    }

    /** Waits until every running replica has replayed what the primary has written up to now. */
    public void awaitReplayed(Duration timeout) throws InterruptedException, SQLException {
        String written = primary.query("SELECT pg_current_wal_insert_lsn()");
        for (PostgresServer replica : replicas()) {
            if (replica.running()) {
                String question = "SELECT pg_last_wal_replay_lsn() >= '" + written + "'::pg_lsn";
                await(replica, question, timeout, "has not replayed " + written);
            }
        }
    }

    /** Ends all servers at once and deletes their data. */
    @Override
    public void close() {
        servers.forEach(PostgresServer::close);
    }

    void promoted(PostgresServer server) {
        primary = server;
    }

    private void start() throws InterruptedException, SQLException {
        Progress progress = options.progress.part(0.4, 1);
        double share = 1.0 / (1 + options.replicas);
        progress.at("Starting the primary", 0);
        FileTrees.copy(binaries.template(), primary.data(), path -> true);
        configure(primary);
        if (password != null) {
            primary.bootstrap(
                    "ALTER ROLE " + PostgresServer.SUPERUSER + " PASSWORD '" + password.replace("'", "''") + "'");
        }
        primary.startFirst();
        for (int i = 1; i <= options.replicas; i++) {
            progress.at("Starting replica " + i, i * share);
            addReplica();
        }
        progress.at("PostgreSQL is ready", 1);
    }

    private PostgresServer newServer(String name) {
        return new PostgresServer(this, binaries, name, password, options.durable);
    }

    private void configure(PostgresServer server) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("listen_addresses", server.host());
        settings.put("unix_socket_directories", "");
        settings.put("log_line_prefix", "%m [%p] %a ");
        settings.put("max_connections", "200");
        settings.put("max_prepared_transactions", "20");
        settings.put("fsync", options.durable ? "on" : "off");
        settings.put("synchronous_commit", "on");
        // Small, since without durable(true) all of it may be in memory.
        settings.put("wal_keep_size", "256MB");
        settings.put("max_wal_size", "256MB");
        settings.put("wal_retrieve_retry_interval", "100ms");
        settings.putAll(options.settings);
        server.configure(settings);
        String method = password == null ? "trust" : "scram-sha-256";
        try {
            Files.writeString(server.data().resolve("pg_hba.conf"), """
                    host all         all all %1$s
                    host replication all all %1$s
                    """.formatted(method));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void copyAndFollow(PostgresServer replica) throws InterruptedException, SQLException {
        BaseCopy.copy(primary, replica.data());
        configure(replica);
        replica.configure(Map.of("primary_conninfo", connectionInfo(primary, replica.name())));
        replica.startFirst();
        awaitStreaming(replica);
    }

    private void awaitStreaming(PostgresServer replica) throws InterruptedException, SQLException {
        String question =
                "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '"
                        + replica.name() + "'";
        await(primary, question, STREAMING_LIMIT, "has no streaming " + replica.name());
    }

    private static String connectionInfo(PostgresServer primary, String name) {
        String password = primary.password();
        return "host=" + primary.host() + " port=" + primary.port() + " user=" + primary.user() + " application_name="
                + name
                + (password == null
                        ? ""
                        : " password='" + password.replace("\\", "\\\\").replace("'", "\\'") + "'");
    }

    private static void await(PostgresServer server, String question, Duration timeout, String otherwise)
            throws InterruptedException, SQLException {
        long started = System.nanoTime();
        while (!"t".equals(server.query(question))) {
            if (System.nanoTime() - started > timeout.toNanos()) {
                throw new IllegalStateException(server.name() + " " + otherwise + " after " + timeout.toMillis()
                        + " ms; end of its log:\n" + server.logTail());
            }
            Thread.sleep(10);
        }
    }

    /** Options of a cluster. Confined to one thread. */
    public static final class Builder {
        private final @Nullable Path jar;
        private final Map<String, String> settings = new LinkedHashMap<>();
        private int replicas;
        private boolean durable;
        private boolean requirePassword;
        private Progress progress = Progress.NONE;

        private Builder(@Nullable Path jar) {
            this.jar = jar;
        }

        /** How many streaming replicas. Defaults to 0. */
        public Builder replicas(int count) {
            replicas = count;
            return this;
        }

        /** A line of {@code postgresql.conf} for each server, before the kit's own value if it has one. */
        public Builder setting(String name, String value) {
            settings.put(name, value);
            return this;
        }

        /**
         * Whether a commit is on disk when it returns ({@code fsync}). Defaults to false, since no test cuts the power:
         * then the data is in memory where {@code /dev/shm} has 8 GiB to spare.
         */
        public Builder durable(boolean on) {
            durable = on;
            return this;
        }

        /** Asks for a password (scram-sha-256), one that needs escaping everywhere. Defaults to none (trust). */
        public Builder requirePassword() {
            requirePassword = true;
            return this;
        }

        /** Hears of each step of the start. Defaults to {@link Progress#NONE}. */
        public Builder progress(Progress listener) {
            progress = listener;
            return this;
        }

        /** Starts primary and replicas and waits until all are there; a failure leaves nothing behind. */
        public PostgresCluster start() throws InterruptedException, SQLException {
            Progress unpacking = progress.part(0, 0.4);
            PostgresBinaries binaries =
                    jar == null ? PostgresBinaries.fromClassPath(unpacking) : PostgresBinaries.fromJar(jar, unpacking);
            PostgresCluster cluster = new PostgresCluster(this, binaries);
            try {
                cluster.start();
                return cluster;
            } catch (Throwable e) {
                cluster.close();
                throw e;
            }
        }
    }
}
