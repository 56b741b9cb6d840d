package io.forgeloom;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.migrate.MigrationStatus;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.migrate.SchemaDrift;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.notify.NotifyBus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a runtime is made of. Immutable, safe for use by many threads.
 *
 * @param database see {@link Builder#database}
 * @param migrate see {@link Builder#migrate}
 * @param migrations see {@link Builder#migrations}; null for none of the application's own
 * @param schema see {@link Builder#schema}; null for the first of the search path
 * @param channels see {@link Builder#channels}
 * @param roles see {@link Builder#roles}
 * @param leader see {@link Builder#leader}
 * @param node see {@link Builder#node}
 * @param retention see {@link Builder#retention}
 * @param expectedConcurrency see {@link Builder#expectedConcurrency}
 * @param startTimeout see {@link Builder#startTimeout}
 */
public record ForgeConfig(
        DatabaseConfig database,
        boolean migrate,
        @Nullable MigrationSource migrations,
        @Nullable Identifier schema,
        List<String> channels,
        List<LeaderRole> roles,
        LeaderConfig leader,
        NodeConfig node,
        Duration retention,
        int expectedConcurrency,
        Duration startTimeout) {

    private static final Duration DAY = Duration.ofDays(1);

    /**
     * Checks each option.
     *
     * @throws ConfigurationException naming the option, the value and the bound
     */
    public ForgeConfig {
        Objects.requireNonNull(database, "database");
        Objects.requireNonNull(leader, "leader");
        Objects.requireNonNull(node, "node");
        channels = List.copyOf(channels);
        roles = List.copyOf(roles);
        if (!retention.isZero()) {
            requireBetween("retention", retention, Duration.ofSeconds(1), Duration.ofDays(3650));
        }
        requireBetween("expectedConcurrency", expectedConcurrency, 0, 100_000);
        requireBetween("startTimeout", startTimeout, Duration.ofMillis(10), DAY);
        if (roles.contains(LeaderRole.LOG_COMPACTOR)) {
            throw new ConfigurationException(
                    "roles", "log_compactor is led by the runtime itself; retention zero leaves it to others");
        }
    }

    /** Starts with every default. The URL as {@link DatabaseConfig#builder} takes it. */
    public static Builder builder(String url) {
        return builder(DatabaseConfig.builder(url).build());
    }

    /** Starts with every default but the database's. */
    public static Builder builder(DatabaseConfig database) {
        return new Builder(database);
    }

    /**
     * Reads a configuration from a properties file and from environment variables, of which the latter win:
     *
     * <table>
     * <caption>Settings</caption>
     * <tr><th>property</th><th>variable</th><th>value</th></tr>
     * <tr><td>{@code database.url}</td><td>{@code FORGE_DATABASE_URL}, else {@code DATABASE_URL}</td><td>required</td></tr>
     * <tr><td>{@code database.user}, {@code database.password}</td><td>{@code FORGE_DATABASE_USER}, …</td><td>text</td></tr>
     * <tr><td>{@code database.poolSize}</td><td>{@code FORGE_DATABASE_POOL_SIZE}</td><td>number</td></tr>
     * <tr><td>{@code database.replicaUrls}</td><td>{@code FORGE_DATABASE_REPLICA_URLS}</td><td>URLs with commas between; reads go there then</td></tr>
     * <tr><td>{@code database.statementTimeout}, {@code database.poolTimeout}</td><td>…</td><td>{@code 30s}, {@code 500ms}, {@code 5m}, {@code 1h}</td></tr>
     * <tr><td>{@code serviceName}</td><td>{@code FORGE_SERVICE_NAME}</td><td>text</td></tr>
     * <tr><td>{@code migrate}</td><td>{@code FORGE_MIGRATE}</td><td>{@code true} or {@code false}</td></tr>
     * <tr><td>{@code migrations}</td><td>{@code FORGE_MIGRATIONS}</td><td>a directory</td></tr>
     * <tr><td>{@code schema}</td><td>{@code FORGE_SCHEMA}</td><td>a name</td></tr>
     * <tr><td>{@code nodeId}</td><td>{@code FORGE_NODE_ID}</td><td>text</td></tr>
     * <tr><td>{@code retention}</td><td>{@code FORGE_RETENTION}</td><td>as above; {@code 0s}: not by this node</td></tr>
     * <tr><td>{@code expectedConcurrency}</td><td>{@code FORGE_EXPECTED_CONCURRENCY}</td><td>number</td></tr>
     * </table>
     *
     * <p>Other variables are left alone unless they begin with {@code FORGE_}; of those, what {@code forge elect} and
     * container platforms set is left alone, too.
     *
     * @param file UTF-8, as {@link java.util.Properties} reads it; null for none
     * @param environment as {@link System#getenv()} has it
     * @return a builder, for what a file cannot say
     * @throws ConfigurationException naming the setting, if one is not known or not readable, or there is no URL
     */
    public static Builder load(@Nullable Path file, Map<String, String> environment) {
        return Settings.read(file, environment);
    }

    /** Who needs connections of the primary's pool, and how many they are together. */
    public ConnectionNeeds connectionNeeds() {
        boolean elects = !roles.isEmpty() || retention.isPositive();
        return ConnectionNeeds.of(elects, expectedConcurrency);
    }

    void migrate(ConnectionPool primary) {
        Migrator.Builder builder = Migrator.builder(primary);
        if (schema != null) {
            builder.schema(schema);
        }
        if (migrations != null) {
            builder.migrations(migrations);
        }
        Migrator migrator = builder.schemaDrift(migrate ? SchemaDrift.WARN : SchemaDrift.IGNORE)
                .build();
        if (migrate) {
            migrator.migrate();
        } else {
            requireMigrated(migrator.status());
        }
    }

    /** Otherwise each part would fail by itself later, and say less. */
    private static void requireMigrated(MigrationStatus status) {
        if (!status.problems().isEmpty()) {
            throw new ConfigurationException("migrate", "false, and " + String.join("; ", status.problems()));
        }
        if (!status.pending().isEmpty()) {
            throw new ConfigurationException(
                    "migrate",
                    "false, and not applied yet: "
                            + status.pending().stream()
                                    .map(MigrationStatus.Entry::key)
                                    .collect(Collectors.joining(", "))
                            + "; run forge migrate as the owner first");
        }
    }

    ChangeLog changeLog(Database opened, NotifyBus bus) {
        return schema == null ? ChangeLog.of(opened, bus) : ChangeLog.of(opened, bus, schema);
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private final DatabaseConfig database;
        private boolean migrate = true;
        private @Nullable MigrationSource migrations;
        private @Nullable Identifier schema;
        private List<String> channels = List.of();
        private List<LeaderRole> roles = List.of();
        private LeaderConfig leader = LeaderConfig.DEFAULTS;
        private NodeConfig node = NodeConfig.DEFAULTS;
        private @Nullable String nodeId;
        private Duration retention = ChangeLog.RETENTION;
        private int expectedConcurrency;
        private Duration startTimeout = Duration.ofMinutes(5);

        private Builder(DatabaseConfig database) {
            this.database = Objects.requireNonNull(database, "database");
        }

        /**
         * Whether the start applies migrations, the runtime's own first. Where the owner of the tables does that elsewhere
         * ({@code forge migrate}), false: then the start fails if one is pending, and changes nothing. Defaults to true.
         */
        public Builder migrate(boolean migrate) {
            this.migrate = migrate;
            return this;
        }

        /** The application's migrations. Defaults to none. */
        public Builder migrations(MigrationSource migrations) {
            this.migrations = Objects.requireNonNull(migrations, "migrations");
            return this;
        }

        /** Where the runtime's own tables and functions are. Defaults to the first schema of the URL's search path. */
        public Builder schema(Identifier schema) {
            this.schema = Objects.requireNonNull(schema, "schema");
            return this;
        }

        /** Channels that the bus listens to from the beginning; more can be added later. Defaults to none. */
        public Builder channels(String... channels) {
            this.channels = List.of(channels);
            return this;
        }

        /** Roles that this process campaigns for, beside {@code log_compactor}. Defaults to none. */
        public Builder roles(LeaderRole... roles) {
            this.roles = List.of(roles);
            return this;
        }

        /** Options of the election; its schema and node are those given here. */
        public Builder leader(LeaderConfig leader) {
            this.leader = Objects.requireNonNull(leader, "leader");
            return this;
        }

        /** Options of the node registry; its schema and node are those given here. */
        public Builder node(NodeConfig node) {
            this.node = Objects.requireNonNull(node, "node");
            return this;
        }

        /** Who this process is, to the others: in {@code forge_nodes} and {@code forge_leaders}. 1 to 255 bytes, another one for each process. Defaults to what those say. */
        public Builder nodeId(String nodeId) {
            this.nodeId = Objects.requireNonNull(nodeId, "nodeId");
            return this;
        }

        /**
         * How long the change log is kept, at least a second; {@link Duration#ZERO} where this process does not
         * campaign for trimming it. Defaults to an hour.
         */
        public Builder retention(Duration retention) {
            this.retention = retention;
            return this;
        }

        /**
         * How many callers have a connection of the primary at a time, at most; a pool that is too small for them is warned of at the start.
         * 0 to 100,000. Defaults to 0: not known.
         */
        public Builder expectedConcurrency(int expectedConcurrency) {
            this.expectedConcurrency = expectedConcurrency;
            return this;
        }

        /**
         * How long a start may take, with the migrations of the application and the wait for those of another node; a start
         * that is not ready then fails, naming the step. To be raised, or {@link #migrate} switched off, where a migration
         * takes longer. 10 ms to 1 day. Defaults to 5 min.
         */
        public Builder startTimeout(Duration startTimeout) {
            this.startTimeout = startTimeout;
            return this;
        }

        /**
         * The finished configuration.
         *
         * @throws ConfigurationException naming the first option that is out of bounds
         */
        public ForgeConfig build() {
            return new ForgeConfig(
                    database,
                    migrate,
                    migrations,
                    schema,
                    channels,
                    roles,
                    leaderHere(),
                    nodeHere(),
                    retention,
                    expectedConcurrency,
                    startTimeout);
        }

        private LeaderConfig leaderHere() {
            return new LeaderConfig(
                    leader.leaseDuration(),
                    leader.checkInterval(),
                    leader.lockValidateInterval(),
                    leader.keepaliveInterval(),
                    leader.standbyPollInterval(),
                    leader.takeover(),
                    leader.bodyTimeout(),
                    leader.endZombies(),
                    nodeId == null ? leader.nodeId() : nodeId,
                    schema == null ? leader.schema() : schema);
        }

        private NodeConfig nodeHere() {
            return new NodeConfig(
                    node.heartbeatInterval(),
                    node.deadAfter(),
                    nodeId == null ? node.nodeId() : nodeId,
                    node.host(),
                    node.version(),
                    schema == null ? node.schema() : schema);
        }
    }
}
