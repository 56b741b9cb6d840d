package io.forgeloom.cli;

import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.ServerFacts;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is asked on an open session, and what makes an answer sound. Each check is one round trip at most and changes
 * nothing. What the runtime cannot work with is a problem, what costs it a feature or somebody a night is a note.
 */
final class SessionChecks {

    /** PostgreSQL itself begins to warn here; at 1, whoever commits a NOTIFY fails. */
    private static final double NOTIFY_QUEUE_LIMIT = 0.5;

    private SessionChecks() {}

    static Finding version(ServerFacts facts) {
        if (!facts.supported()) {
            return Finding.problem(
                    "version",
                    "found PostgreSQL " + facts.version() + ", required PostgreSQL " + ServerFacts.REQUIRED_MAJOR
                            + " or later",
                    "upgrade the server, or point the URL at a newer one");
        }
        return Finding.ok("version", "PostgreSQL " + facts.version());
    }

    static Finding proxy(ServerFacts facts) {
        if (facts.pooled()) {
            return Finding.problem(
                    "proxy",
                    "a pooler in between: the start-up message named backend " + facts.announcedPid()
                            + ", statements run in " + facts.backendPid(),
                    ConnectFailure.DIRECT_CONNECTION);
        }
        return Finding.ok("proxy", "none; the backend of the start-up message runs the statements");
    }

    /** Of the primary. */
    static Finding writable(ServerFacts facts, PgSession session) {
        if (facts.inRecovery()) {
            return Finding.problem(
                    "writable",
                    "in recovery, so a replica, which is read-only",
                    "name the primary by --url and this server by --replica");
        }
        if ("on".equals(session.reported("default_transaction_read_only"))) {
            return Finding.problem(
                    "writable",
                    "transactions are read-only (default_transaction_read_only is on)",
                    "reset it where it is set: the URL, the role, the database or the server");
        }
        return Finding.ok("writable", "yes");
    }

    /** Of a replica. */
    static Finding recovery(ServerFacts facts) {
        if (!facts.inRecovery()) {
            return Finding.problem(
                    "recovery",
                    "not in recovery: it follows no primary, so what is read here may be stale for ever",
                    "name a streaming replica; one that was promoted has to be rebuilt");
        }
        return Finding.ok("recovery", "yes, it replays a primary's log");
    }

    /** Of a replica: to be behind is no fault of the set-up, but reads there are as old. */
    static Finding lag(PrimaryMark.@Nullable Lag lag) {
        if (lag == null) {
            return Finding.note(
                    "lag", "not known: the primary was not asked for its position", "see the checks of the primary");
        }
        String detail = lag.bytes() + " bytes behind the primary, replayed ";
        if (lag.atLeast()) {
            return Finding.note(
                    "lag",
                    lag.bytes() + " bytes behind the primary, not replayed within " + lag.millis() + " ms",
                    "look at pg_stat_replication on the primary, and at pg_stat_wal_receiver,"
                            + " pg_get_wal_replay_pause_state() and recovery_min_apply_delay here; maxLag keeps reads"
                            + " away meanwhile");
        }
        return Finding.ok(
                "lag", lag.bytes() == 0 ? "0 bytes, 0 ms behind the primary" : detail + lag.millis() + " ms later");
    }

    /**
     * What is missing is a note: a role may end the sessions of its own without {@code pg_signal_backend}, and tables may
     * be made by another role.
     */
    static Finding privileges(PgSession session) throws SQLException {
        String question = """
                SELECT pg_catalog.quote_ident(current_user), r.rolsuper,
                       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'),
                       pg_catalog.quote_ident(current_schema()),
                       pg_catalog.has_schema_privilege(current_schema()::text, 'CREATE'),
                       pg_catalog.quote_ident(current_database()),
                       pg_catalog.has_database_privilege(current_database(), 'CREATE')
                  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
                """;
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            String role = row.getString(1);
            List<String> missing = new ArrayList<>();
            List<String> grants = new ArrayList<>();
            if (!row.getBoolean(3)) {
                missing.add("pg_signal_backend (to end hung sessions of other roles)");
                grants.add("GRANT pg_signal_backend TO " + role);
            }
            String schema = row.getString(4);
            if (schema == null) {
                missing.add("a schema to create in (none of search_path exists)");
                grants.add("CREATE SCHEMA, or set search_path to one that exists");
            } else if (!row.getBoolean(5)) {
                missing.add("CREATE in schema " + schema + " (to migrate it)");
                grants.add("GRANT CREATE ON SCHEMA " + schema + " TO " + role + ", or migrate as another role");
            }
            if (missing.isEmpty()) {
                return Finding.ok(
                        "privileges",
                        row.getBoolean(2)
                                ? "all: " + role + " is a superuser"
                                : role + " has pg_signal_backend and CREATE in schema " + schema
                                        + (row.getBoolean(7) ? " and database " + row.getString(6) : ""));
            }
            return Finding.note("privileges", role + " lacks " + String.join(", ", missing), String.join("; ", grants));
        }
    }

    static Finding notifyQueue(PgSession session) throws SQLException {
        double usage;
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_catalog.pg_notification_queue_usage()")) {
            row.next();
            usage = row.getDouble(1);
        }
        String detail = String.format(Locale.ROOT, "%.0f %% full", usage * 100);
        if (usage > NOTIFY_QUEUE_LIMIT) {
            return Finding.problem(
                    "notify-queue",
                    detail + "; when it is full, commits that notify fail",
                    "a session that listens sits in a transaction and does not read: find the oldest xact_start in"
                            + " pg_stat_activity and end it by pg_terminate_backend(pid)");
        }
        return Finding.ok("notify-queue", detail);
    }

    /** Whoever listens between here and the server reads all, unless there is nothing in between. */
    static Finding tls(PgSession session, PgUrl url, boolean pooled) throws SQLException {
        if (pooled) {
            return Finding.note(
                    "tls", "not known: the server sees the pooler's connection only", "look at the pooler's settings");
        }
        String question =
                "SELECT ssl, version, cipher FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            boolean encrypted = row.next() && row.getBoolean(1);
            if (encrypted) {
                // Without a word the driver takes TLS where it can get it, from anyone.
                String mode = url.property("sslmode");
                boolean verified = mode != null && mode.startsWith("verify");
                return Finding.ok(
                        "tls",
                        row.getString(2) + ", " + row.getString(3)
                                + (verified ? ", certificate verified" : ", certificate not verified")
                                + " (sslmode " + (mode == null ? "not given" : mode) + ")");
            }
        }
        if (url.hosts().stream().allMatch(SessionChecks::isLoopback)) {
            return Finding.ok("tls", "not in use; the connection does not leave this machine");
        }
        return Finding.note(
                "tls",
                "not in use, and the server is not on this machine: the network can read along",
                "set ssl = on in the server and add sslmode=verify-full to the URL");
    }

    /**
     * Settings that reach our sessions from elsewhere and cut them off.
     *
     * @param statementTimeoutMillis what we asked for at start-up; negative = we did not ask
     */
    static Finding settings(PgSession session, long statementTimeoutMillis) throws SQLException {
        Map<String, String> effects = Map.of(
                "idle_session_timeout", "ends idle connections of the pool, and the sessions that listen or hold locks",
                "transaction_timeout", "ends transactions and their sessions",
                "idle_in_transaction_session_timeout", "ends sessions that pause in a transaction",
                "lock_timeout", "cancels statements that wait for a lock");
        String question = """
                SELECT name, setting::bigint, source FROM pg_catalog.pg_settings
                 WHERE name IN ('statement_timeout', 'idle_session_timeout', 'transaction_timeout',
                                'idle_in_transaction_session_timeout', 'lock_timeout')
                 ORDER BY name
                """;
        List<String> foreign = new ArrayList<>();
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            while (row.next()) {
                String effect = effects.get(row.getString(1));
                String value = row.getString(1) + " is " + row.getLong(2) + " ms (set by " + row.getString(3) + ")";
                if (effect != null && row.getLong(2) > 0) {
                    foreign.add(value + ", which " + effect);
                } else if (effect == null && statementTimeoutMillis >= 0 && row.getLong(2) != statementTimeoutMillis) {
                    foreign.add(value + ", not the " + statementTimeoutMillis + " ms that we asked for");
                }
            }
        }
        if (foreign.isEmpty()) {
            return Finding.ok("settings", "no timeout of the server's overrides ours");
        }
        return Finding.note(
                "settings",
                String.join("; ", foreign),
                "reset what is not meant where it is set: options in the URL, ALTER ROLE, ALTER DATABASE or the server");
    }

    /** By its name or literal address, without a look-up. */
    static boolean isLoopback(String hostAndPort) {
        String host = hostAndPort.substring(0, hostAndPort.lastIndexOf(':')).toLowerCase(Locale.ROOT);
        return host.equals("localhost")
                || host.equals("::1")
                || host.equals("[::1]")
                || host.matches("127(\\.\\d{1,3}){3}");
    }
}
