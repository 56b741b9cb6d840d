package io.forgeloom.database;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.pg.PgUrl;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be said about a {@link Database} before it is opened. Built by {@link #builder(String)}, checked
 * when it is built; immutable, safe for use by many threads. {@link #toString()} shows no password.
 *
 * @param url the primary; see {@link #builder(String)}
 * @param user see {@link Builder#user}
 * @param password see {@link Builder#password}
 * @param poolSize see {@link Builder#poolSize}
 * @param minPoolSize see {@link Builder#minPoolSize}
 * @param poolTimeout see {@link Builder#poolTimeout}
 * @param connectTimeout see {@link Builder#connectTimeout}
 * @param closeTimeout see {@link Builder#closeTimeout}
 * @param maxConnecting see {@link Builder#maxConnecting}
 * @param statementTimeout see {@link Builder#statementTimeout}
 * @param slowStatementThreshold see {@link Builder#slowStatementThreshold}
 * @param testBeforeAcquire see {@link Builder#testBeforeAcquire}
 * @param validateAfterIdle see {@link Builder#validateAfterIdle}
 * @param idleTimeout see {@link Builder#idleTimeout}
 * @param maxLifetime see {@link Builder#maxLifetime}
 * @param keepaliveInterval see {@link Builder#keepaliveInterval}
 * @param maxWaiters see {@link Builder#maxWaiters}
 * @param leakThreshold see {@link Builder#leakThreshold}
 * @param sessionReset see {@link Builder#sessionReset}
 * @param primaryUrls see {@link Builder#primaryUrls}
 * @param replicaUrls see {@link Builder#replicaUrls}
 * @param readFromReplica see {@link Builder#readFromReplica}
 * @param replicaPoolSize see {@link Builder#replicaPoolSize}
 * @param replicaOptions see {@link Builder#replicaOptions}
 * @param serviceName see {@link Builder#serviceName}
 * @param requireDirectConnection see {@link Builder#requireDirectConnection}
 */
public record DatabaseConfig(
        String url,
        @Nullable String user,
        @Nullable String password,
        int poolSize,
        int minPoolSize,
        Duration poolTimeout,
        Duration connectTimeout,
        Duration closeTimeout,
        int maxConnecting,
        Duration statementTimeout,
        Duration slowStatementThreshold,
        boolean testBeforeAcquire,
        Duration validateAfterIdle,
        Duration idleTimeout,
        Duration maxLifetime,
        Duration keepaliveInterval,
        int maxWaiters,
        Duration leakThreshold,
        SessionReset sessionReset,
        List<String> primaryUrls,
        List<String> replicaUrls,
        boolean readFromReplica,
        int replicaPoolSize,
        ReplicaOptions replicaOptions,
        String serviceName,
        boolean requireDirectConnection) {

    private static final int MAX_POOL_SIZE = 10_000;
    private static final int MAX_NAME_BYTES = 63;
    private static final int MAX_WAITERS = 1_000_000;
    private static final Duration MIN_UPKEEP = Duration.ofMillis(100);
    private static final Duration MAX_UPKEEP = Duration.ofDays(7);
    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final Duration DAY = Duration.ofDays(1);

    /**
     * Checks each option.
     *
     * @throws ConfigurationException naming the option, the value and the bound
     */
    public DatabaseConfig {
        PgUrl.parse("url", url);
        requireBetween("poolSize", poolSize, 1, MAX_POOL_SIZE);
        requireBetween("minPoolSize", minPoolSize, 0, poolSize);
        requireBetween("poolTimeout", poolTimeout, MILLISECOND, DAY);
        requireBetween("connectTimeout", connectTimeout, MILLISECOND, DAY);
        requireBetween("closeTimeout", closeTimeout, Duration.ZERO, DAY);
        requireBetween("maxConnecting", maxConnecting, 1, poolSize < 4 ? 4 : poolSize);
        requireBetween("statementTimeout", statementTimeout, Duration.ZERO, Duration.ofDays(24));
        requireBetween("slowStatementThreshold", slowStatementThreshold, Duration.ZERO, DAY);
        requireBetween("validateAfterIdle", validateAfterIdle, Duration.ZERO, DAY);
        requireOffOrBetween("idleTimeout", idleTimeout);
        requireOffOrBetween("maxLifetime", maxLifetime);
        requireOffOrBetween("keepaliveInterval", keepaliveInterval);
        requireBetween("maxWaiters", maxWaiters, 0, MAX_WAITERS);
        requireBetween("leakThreshold", leakThreshold, Duration.ZERO, DAY);
        Objects.requireNonNull(sessionReset, "sessionReset");
        requireBetween("replicaPoolSize", replicaPoolSize, 1, MAX_POOL_SIZE);
        Objects.requireNonNull(replicaOptions, "replicaOptions");
        requireBetween("replicaOptions.maxPrimaryReadShare", replicaOptions.maxPrimaryReadShare(), 0, poolSize);
        primaryUrls = List.copyOf(primaryUrls);
        requireOneDatabase(url, primaryUrls);
        replicaUrls = List.copyOf(replicaUrls);
        for (int i = 0; i < replicaUrls.size(); i++) {
            PgUrl.parse("replicaUrls[" + i + "]", replicaUrls.get(i));
        }
        if (readFromReplica && replicaUrls.isEmpty()) {
            throw new ConfigurationException(
                    "readFromReplica", "is true, but replicaUrls is empty; name a replica or leave it false");
        }
        int bytes = serviceName.getBytes(StandardCharsets.UTF_8).length;
        if (serviceName.isBlank() || bytes > MAX_NAME_BYTES) {
            throw new ConfigurationException(
                    "serviceName",
                    "\"" + serviceName + "\" has " + bytes + " bytes; it must have 1 to " + MAX_NAME_BYTES);
        }
    }

    /**
     * Starts a configuration with every default.
     *
     * @param url the primary, as {@code jdbc:postgresql://host:port/database?user=…} or in libpq's form
     *     {@code postgres://user:password@host:port/database?…}. An unknown parameter is an error.
     */
    public static Builder builder(String url) {
        return new Builder(url);
    }

    private static void requireOffOrBetween(String option, Duration value) {
        if (!value.isZero()) {
            requireBetween(option, value, MIN_UPKEEP, MAX_UPKEEP);
        }
    }

    private static void requireOneDatabase(String url, List<String> primaryUrls) {
        PgUrl first = PgUrl.parse("url", url);
        for (int i = 0; i < primaryUrls.size(); i++) {
            String option = "primaryUrls[" + i + "]";
            PgUrl other = PgUrl.parse(option, primaryUrls.get(i));
            if (other.hosts().size() > 1 || first.hosts().size() > 1) {
                throw new ConfigurationException(option, "primaryUrls take one host each, and so does url beside them");
            }
            if (!Objects.equals(first.database(), other.database())) {
                throw new ConfigurationException(
                        option, "names database " + other.database() + ", but url names " + first.database());
            }
        }
    }

    /** The addresses of the primary, each once, {@link #url()} first; they share its credentials. */
    List<PgUrl> primaryCandidates() {
        List<PgUrl> result = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        result.add(primaryUrl());
        seen.add(primaryUrl().toString());
        for (int i = 0; i < primaryUrls.size(); i++) {
            PgUrl candidate = withPrimarysCredentials(PgUrl.parse("primaryUrls[" + i + "]", primaryUrls.get(i)));
            if (seen.add(candidate.toString())) {
                result.add(candidate);
            }
        }
        return result;
    }

    /** The address of the primary, with the credentials that the options add. */
    PgUrl primaryUrl() {
        return PgUrl.parse("url", url).withCredentials(user, password);
    }

    /** The address of replica {@code index}; it shares the primary's credentials unless its URL has its own. */
    PgUrl replicaUrl(int index) {
        return withPrimarysCredentials(PgUrl.parse("replicaUrls[" + index + "]", replicaUrls.get(index)));
    }

    private PgUrl withPrimarysCredentials(PgUrl url) {
        PgUrl primary = primaryUrl();
        return url.withCredentials(
                url.property("user") == null ? primary.property("user") : null,
                url.property("password") == null ? primary.property("password") : null);
    }

    /** All options but the secrets. */
    @Override
    public String toString() {
        return "DatabaseConfig[url=" + PgUrl.mask(url)
                + ", user=" + user
                + ", password=" + (password == null ? "null" : "***")
                + ", poolSize=" + poolSize
                + ", minPoolSize=" + minPoolSize
                + ", poolTimeout=" + poolTimeout
                + ", connectTimeout=" + connectTimeout
                + ", closeTimeout=" + closeTimeout
                + ", maxConnecting=" + maxConnecting
                + ", statementTimeout=" + statementTimeout
                + ", slowStatementThreshold=" + slowStatementThreshold
                + ", testBeforeAcquire=" + testBeforeAcquire
                + ", validateAfterIdle=" + validateAfterIdle
                + ", idleTimeout=" + idleTimeout
                + ", maxLifetime=" + maxLifetime
                + ", keepaliveInterval=" + keepaliveInterval
                + ", maxWaiters=" + maxWaiters
                + ", leakThreshold=" + leakThreshold
                + ", sessionReset=" + sessionReset
                + ", primaryUrls=" + primaryUrls.stream().map(PgUrl::mask).toList()
                + ", replicaUrls=" + replicaUrls.stream().map(PgUrl::mask).toList()
                + ", readFromReplica=" + readFromReplica
                + ", replicaPoolSize=" + replicaPoolSize
                + ", replicaOptions=" + replicaOptions
                + ", serviceName=" + serviceName
                + ", requireDirectConnection=" + requireDirectConnection
                + "]";
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private final String url;
        private @Nullable String user;
        private @Nullable String password;
        private int poolSize = 100;
        private int minPoolSize;
        private Duration poolTimeout = Duration.ofSeconds(30);
        private Duration connectTimeout = Duration.ofSeconds(10);
        private Duration closeTimeout = Duration.ofSeconds(10);
        private int maxConnecting = 4;
        private Duration statementTimeout = Duration.ofSeconds(30);
        private Duration slowStatementThreshold = Duration.ofMillis(500);
        private boolean testBeforeAcquire = true;
        private Duration validateAfterIdle = Duration.ofSeconds(1);
        private Duration idleTimeout = Duration.ofMinutes(10);
        private Duration maxLifetime = Duration.ofMinutes(30);
        private Duration keepaliveInterval = Duration.ofMinutes(2);
        private int maxWaiters = 10_000;
        private Duration leakThreshold = Duration.ZERO;
        private SessionReset sessionReset = SessionReset.whenTouched();
        private List<String> primaryUrls = List.of();
        private List<String> replicaUrls = List.of();
        private boolean readFromReplica;
        private int replicaPoolSize;
        private ReplicaOptions replicaOptions = ReplicaOptions.DEFAULTS;
        private String serviceName = "forge";
        private boolean requireDirectConnection = true;

        private Builder(String url) {
            this.url = Objects.requireNonNull(url, "url");
        }

        /** The role to log in as; wins over the URL. Defaults to what the URL says, else the operating system's user. */
        public Builder user(String user) {
            this.user = Objects.requireNonNull(user, "user");
            return this;
        }

        /**
         * The password; wins over the URL. Defaults to what the URL says, else what the driver finds in the file that
         * {@code PGPASSFILE} names or in {@code ~/.pgpass}.
         */
        public Builder password(String password) {
            this.password = Objects.requireNonNull(password, "password");
            return this;
        }

        /** Connections to the primary at most, 1 to 10,000. One pool serves every kind of work. Defaults to 100. */
        public Builder poolSize(int poolSize) {
            this.poolSize = poolSize;
            return this;
        }

        /** Connections to the primary that stay open without work, 0 to {@code poolSize}. Defaults to 0. */
        public Builder minPoolSize(int minPoolSize) {
            this.minPoolSize = minPoolSize;
            return this;
        }

        /** How long to wait for a connection of the pool, 1 ms to a day. Defaults to 30 s. */
        public Builder poolTimeout(Duration poolTimeout) {
            this.poolTimeout = poolTimeout;
            return this;
        }

        /** How long opening one session may take: TCP, TLS and authentication together, 1 ms to a day. Defaults to 10 s. */
        public Builder connectTimeout(Duration connectTimeout) {
            this.connectTimeout = connectTimeout;
            return this;
        }

        /**
         * How long {@link Database#close()} waits for connections in use before it aborts them, up to a day.
         * {@link Duration#ZERO} aborts at once. Defaults to 10 s.
         */
        public Builder closeTimeout(Duration closeTimeout) {
            this.closeTimeout = closeTimeout;
            return this;
        }

        /** Sessions being opened at the same time at most, 1 to {@code poolSize} (to 4 if that is less). Defaults to 4. */
        public Builder maxConnecting(int maxConnecting) {
            this.maxConnecting = maxConnecting;
            return this;
        }

        /**
         * The server cancels a statement on the primary that runs longer; up to 24 days, in steps of 1 ms.
         * {@link Duration#ZERO} = off. Sent as a start-up option, so that {@code RESET} returns to it. Defaults to 30 s.
         */
        public Builder statementTimeout(Duration statementTimeout) {
            this.statementTimeout = statementTimeout;
            return this;
        }

        /**
         * Statements that take at least this long are logged at WARN with their SQL, never with parameters.
         * {@link Duration#ZERO} = off. Defaults to 500 ms.
         */
        public Builder slowStatementThreshold(Duration slowStatementThreshold) {
            this.slowStatementThreshold = slowStatementThreshold;
            return this;
        }

        /** Whether a connection is tried before it is handed over; see {@link #validateAfterIdle}. Defaults to true. */
        public Builder testBeforeAcquire(boolean testBeforeAcquire) {
            this.testBeforeAcquire = testBeforeAcquire;
            return this;
        }

        /**
         * A connection that was used more recently is handed over untried, unless another one was just found dead.
         * {@link Duration#ZERO} = always tried. Defaults to 1 s.
         */
        public Builder validateAfterIdle(Duration validateAfterIdle) {
            this.validateAfterIdle = validateAfterIdle;
            return this;
        }

        /**
         * A connection that lay free for longer is closed, down to {@code minPoolSize}; 100 ms to 7 days.
         * {@link Duration#ZERO} = off. Defaults to 10 min.
         */
        public Builder idleTimeout(Duration idleTimeout) {
            this.idleTimeout = idleTimeout;
            return this;
        }

        /**
         * A connection that is older is closed, when it is free; 100 ms to 7 days. Each gets up to a tenth less, at random,
         * so that those opened together do not end together. {@link Duration#ZERO} = off. Defaults to 30 min.
         */
        public Builder maxLifetime(Duration maxLifetime) {
            this.maxLifetime = maxLifetime;
            return this;
        }

        /**
         * A connection that lay free for so long is tried in the background, so that no firewall forgets it; 100 ms to 7
         * days. {@link Duration#ZERO} = off. Defaults to 2 min.
         */
        public Builder keepaliveInterval(Duration keepaliveInterval) {
            this.keepaliveInterval = keepaliveInterval;
            return this;
        }

        /** Threads that may wait for a connection; one more is refused at once. 0 to 1,000,000. Defaults to 10,000. */
        public Builder maxWaiters(int maxWaiters) {
            this.maxWaiters = maxWaiters;
            return this;
        }

        /**
         * A connection that is held for longer is reported at WARN, once, with where it was acquired and where its thread is
         * now; up to a day. Costs a stack trace for each acquisition. {@link Duration#ZERO} = off. Defaults to off.
         */
        public Builder leakThreshold(Duration leakThreshold) {
            this.leakThreshold = leakThreshold;
            return this;
        }

        /**
         * When the state of a session is reset as its connection is released. Defaults to
         * {@link SessionReset#whenTouched()}.
         */
        public Builder sessionReset(SessionReset sessionReset) {
            this.sessionReset = Objects.requireNonNull(sessionReset, "sessionReset");
            return this;
        }

        /**
         * The servers of which one is the primary, in the URL's form, each of one host: a primary and the standbys that may
         * take its place. The one that takes writes is looked for at start and followed, within a second of a promotion:
         * {@link Database#primary()} stays the same pool, and its connections lead to the new server. Those in use on the
         * old one begin no statement and no commit any more (25006); what it had been sent before stands there if it was
         * still done. Of two servers that both take writes the one on the lower timeline counts as read-only; with equal
         * timelines, or where none takes writes, {@link ConnectionPool#acquire()} waits, and in the end says so. A timeline
         * lower than one that was followed is never gone back to as long as this {@link Database} is open. Each server is
         * asked every 500 ms over one more session. Defaults to none but {@code url}, which is one of them in any case.
         */
        public Builder primaryUrls(List<String> primaryUrls) {
            this.primaryUrls = new ArrayList<>(primaryUrls);
            return this;
        }

        /** The read-only copies, in the URL's form. All must be reachable at start. Defaults to none. */
        public Builder replicaUrls(List<String> replicaUrls) {
            this.replicaUrls = new ArrayList<>(replicaUrls);
            return this;
        }

        /** Whether {@link Database#readPool()} chooses replicas. Defaults to false. */
        public Builder readFromReplica(boolean readFromReplica) {
            this.readFromReplica = readFromReplica;
            return this;
        }

        /** Connections to each replica at most, 1 to 10,000. Defaults to half of {@code poolSize}, at least 1. */
        public Builder replicaPoolSize(int replicaPoolSize) {
            requireBetween("replicaPoolSize", replicaPoolSize, 1, MAX_POOL_SIZE);
            this.replicaPoolSize = replicaPoolSize;
            return this;
        }

        /** How replicas are watched and chosen. Defaults to {@link ReplicaOptions#DEFAULTS}. */
        public Builder replicaOptions(ReplicaOptions replicaOptions) {
            this.replicaOptions = Objects.requireNonNull(replicaOptions, "replicaOptions");
            return this;
        }

        /** The {@code application_name} that the server sees, 1 to 63 bytes of UTF-8. Defaults to {@code forge}. */
        public Builder serviceName(String serviceName) {
            this.serviceName = serviceName;
            return this;
        }

        /**
         * Whether a pooler between this process and the server is an error at start. False makes it a warning; only right
         * for a proxy that keeps one server session for each connection, since session locks, LISTEN and settings live in
         * the server's session. Defaults to true.
         */
        public Builder requireDirectConnection(boolean requireDirectConnection) {
            this.requireDirectConnection = requireDirectConnection;
            return this;
        }

        /**
         * The finished configuration.
         *
         * @throws ConfigurationException naming the first option that is out of bounds, the value and the bound
         */
        public DatabaseConfig build() {
            return new DatabaseConfig(
                    url,
                    user,
                    password,
                    poolSize,
                    minPoolSize,
                    poolTimeout,
                    connectTimeout,
                    closeTimeout,
                    maxConnecting,
                    statementTimeout,
                    slowStatementThreshold,
                    testBeforeAcquire,
                    validateAfterIdle,
                    idleTimeout,
                    maxLifetime,
                    keepaliveInterval,
                    maxWaiters,
                    leakThreshold,
                    sessionReset,
                    primaryUrls,
                    replicaUrls,
                    readFromReplica,
                    replicaPoolSize == 0 ? Math.max(1, poolSize / 2) : replicaPoolSize,
                    replicaOptions,
                    serviceName,
                    requireDirectConnection);
        }
    }
}
