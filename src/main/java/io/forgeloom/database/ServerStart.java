package io.forgeloom.database;

import io.forgeloom.database.ServerCheckException.Check;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.ServerFacts;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One server while the database is being opened: connect, check, and hand the session to the pool as its first. One
 * thread at a time.
 */
final class ServerStart {

    private static final int CHECKS = 10;
    private static final Duration CHECK_AGAIN = Duration.ofMillis(50);

    private final String role;
    private final boolean primary;
    private final PgConnector connector;

    /** Where the primary has several addresses; null else. */
    private final @Nullable PrimarySearch search;

    /** Whether the start goes on without it. */
    private final boolean optional;

    /** Why it goes on without it, if it does; as {@link #session}. */
    private @Nullable String absence;

    /** Written by the checking thread, read after it was joined. */
    private @Nullable PgSession session;

    /** As {@link #session}. */
    private @Nullable HarmlessFunctions harmless;

    /** As {@link #session}; read from the primary only. */
    private @Nullable WalPages walPages;

    private ServerStart(String role, boolean primary, List<PgUrl> urls, DatabaseConfig config) {
        this.role = role;
        this.primary = primary;
        this.optional = !primary && config.replicaOptions().atStart() == ReplicaStart.OPTIONAL;
        Duration timeout = config.statementTimeout();
        Map<String, String> settings = primary && !timeout.isZero()
                ? Map.of("statement_timeout", Long.toString(timeout.toMillis()))
                : Map.of();
        this.connector = new PgConnector(urls.get(0), config.serviceName(), settings);
        this.search = urls.size() == 1
                ? null
                : new PrimarySearch(urls.stream()
                        .map(url -> new PgConnector(url, config.serviceName(), settings))
                        .toList());
    }

    /** The primary first, then the replicas. */
    static List<ServerStart> all(DatabaseConfig config) {
        List<ServerStart> servers = new ArrayList<>();
        servers.add(new ServerStart("primary", true, config.primaryCandidates(), config));
        for (int i = 0; i < config.replicaUrls().size(); i++) {
            servers.add(new ServerStart("replica-" + (i + 1), false, List.of(config.replicaUrl(i)), config));
        }
        return servers;
    }

    /** Connects to all and checks all, side by side; after a failure nothing is open. */
    static void check(List<ServerStart> servers, DatabaseConfig config) {
        Duration limit = config.connectTimeout().multipliedBy(2);
        boolean sound = false;
        try {
            try (TaskScope scope = TaskScope.open("forgeloom-start", Deadline.after(limit))) {
                for (ServerStart server : servers) {
                    scope.fork("forgeloom-start-" + server.role, () -> {
                        server.connectAndCheck(config);
                        return server;
                    });
                }
                scope.join();
            }
            sound = true;
        } catch (ExecutionException e) {
            throw e.getCause() instanceof ForgeException known
                    ? known
                    : new IllegalStateException("the start-up check failed", e.getCause());
        } catch (TimeoutException e) {
            throw new DeadlineExceededException(
                    "the servers did not answer within " + limit + " (twice connectTimeout): " + e.getMessage(),
                    limit,
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (CancellationException)
                    new CancellationException("interrupted while the database was being opened").initCause(e);
        } finally {
            if (!sound) {
                servers.forEach(ServerStart::abandon);
            }
        }
    }

    private void connectAndCheck(DatabaseConfig config) throws InterruptedException {
        try {
            Duration limit = optional ? earlier(config.connectTimeout()) : config.connectTimeout();
            PgSession opened =
                    search == null ? connector.connect(Deadline.after(limit)) : search.open(connector, limit);

            session = opened;
            if (optional) {
                // Or a server that hangs from here on would end the start.
                opened.connection().setNetworkTimeout(Runnable::run, (int) Replica.PROBE_TIMEOUT.toMillis());
            }
            harmless = checkedPatiently(opened, config);
            if (optional) {
                opened.connection().setNetworkTimeout(Runnable::run, 0);
            }
            if (primary) {
                walPages = WalPages.read(opened);
            }
        } catch (SQLException e) {
            String said = String.valueOf(e.getMessage());
            if (ServerFacts.isPoolersRefusal(e)) {
                throw pooled("a pooler that refuses our start-up options (" + said + ")");
            }
            if (optional && !isRefusedLogin(e)) {
                abandon();
                session = null;
                absence = "it could not be reached when the database was opened: " + said;
            } else {
                throw new DatabaseException(role + " " + connector + ": " + said, e);
            }
        }
    }

    private static Duration earlier(Duration connectTimeout) {
        return connectTimeout.compareTo(Replica.PROBE_TIMEOUT) < 0 ? connectTimeout : Replica.PROBE_TIMEOUT;
    }

    /** Of the role (class 28) or for want of the database: a standby has its primary's, so this is no outage. */
    private static boolean isRefusedLogin(SQLException failure) {
        String state = String.valueOf(failure.getSQLState());
        return state.startsWith("28") || state.equals("3D000");
    }

    /** A standby may cancel any query that is in the way of its recovery: then it is asked again. */
    private HarmlessFunctions checkedPatiently(PgSession opened, DatabaseConfig config)
            throws SQLException, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            try {
                return checked(opened, config);
            } catch (SQLException e) {
                if (attempt == CHECKS || !SqlState.isRetryable(e.getSQLState())) {
                    throw e;
                }
                Thread.sleep(CHECK_AGAIN);
            }
        }
    }

    private HarmlessFunctions checked(PgSession opened, DatabaseConfig config) throws SQLException {
        judge(ServerFacts.read(opened), config);
        return HarmlessFunctions.read(opened);
    }

    private void judge(ServerFacts facts, DatabaseConfig config) {
        if (!facts.supported()) {
            throw new ServerCheckException(
                    Check.VERSION,
                    role,
                    connector.toString(),
                    "PostgreSQL " + facts.version(),
                    "PostgreSQL " + ServerFacts.REQUIRED_MAJOR + " or later",
                    "upgrade the server");
        }
        if (facts.pooled()) {
            String found = "a pooler (the start-up message named backend " + facts.announcedPid()
                    + ", statements run in " + facts.backendPid() + ")";
            if (config.requireDirectConnection()) {
                throw pooled(found);
            }
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0} {1}: found {2}; session locks, LISTEN and settings are lost unless it keeps the session",
                    role,
                    connector,
                    found);
        }
        if (primary && facts.inRecovery()) {
            throw new ServerCheckException(
                    Check.WRITABLE,
                    role,
                    connector.toString(),
                    "a server in recovery, which is read-only",
                    "a server that accepts writes",
                    "name the primary in url and this one in replicaUrls");
        }
        if (!primary && !facts.inRecovery()) {
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0} {1}: is not in recovery, so it is no replica of anything; reads there show its own data",
                    role,
                    connector);
        }
        if (primary
                && facts.statementTimeoutMillis() != config.statementTimeout().toMillis()) {
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0} {1}: statement_timeout is {2} ms, not the configured {3} ms; the URL, the role or a proxy overrides it",
                    role,
                    connector,
                    facts.statementTimeoutMillis(),
                    config.statementTimeout().toMillis());
        }
    }

    private ServerCheckException pooled(String found) {
        return new ServerCheckException(
                Check.DIRECT_CONNECTION,
                role,
                connector.toString(),
                found,
                "a direct connection to PostgreSQL",
                "point the URL at the server itself, or set requireDirectConnection(false) if the pooler keeps one server"
                        + " session for each connection and accepts the start-up parameter \"options\"");
    }

    private void abandon() {
        PgSession opened = session;
        if (opened != null) {
            opened.abort();
        }
    }

    /** {@code catalog} is the primary's, for a replica that is absent: it has the same functions. */
    ConnectionPool newPool(DatabaseConfig config, Patience patience, ServerStart catalog) {
        HarmlessFunctions functions = harmless != null ? harmless : catalog.harmless;
        if (functions == null) {
            throw new IllegalStateException(role + " was not checked");
        }
        return new ConnectionPool(
                role,
                config,
                primary ? config.poolSize() : config.replicaPoolSize(),
                primary ? config.minPoolSize() : 0,
                connector,
                functions,
                patience);
    }

    /** Of the primary: how its log is cut. */
    WalPages walPages() {
        WalPages pages = walPages;
        if (pages == null) {
            throw new IllegalStateException(role + " was not checked, or is no primary");
        }
        return pages;
    }

    /** What keeps the pool at the server that takes writes; null where the primary has one address only. */
    @Nullable
    PrimaryFollower newFollower(ConnectionPool pool, PrimaryRole role) {
        return search == null ? null : PrimaryFollower.of(pool, role, search);
    }

    /** Tells a replica that it is absent, if it is. */
    void tell(Replica replica, DatabaseConfig config) {
        String why = absence;
        if (why != null) {
            replica.absentAtStart(why, opened -> checked(opened, config));
        }
    }

    void start(ConnectionPool pool) {
        if (session == null && absence == null) {
            throw new IllegalStateException(role + " was not checked");
        }
        pool.start(session);
    }
}
