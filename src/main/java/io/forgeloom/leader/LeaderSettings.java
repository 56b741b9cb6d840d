package io.forgeloom.leader;

import io.forgeloom.internal.pg.ScriptSession;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The settings by which the server itself ends a session whose process is gone, frozen or cut off. Each can be set by any
 * role, and each is looked at afterwards: a pooler in between may give the next statement another session. Immutable.
 */
final class LeaderSettings {

    private static final String DEAD_CLIENTS = "client_connection_check_interval";

    /** Name and value in milliseconds. */
    private final Map<String, Long> wanted = new LinkedHashMap<>();

    private final Map<String, String> costs = new LinkedHashMap<>();

    LeaderSettings(Duration lease, Duration rowLock) {
        long millis = lease.toMillis();
        want("idle_session_timeout", millis, "a leader that is frozen or cut off keeps its roles until TCP gives up");
        want(
                "idle_in_transaction_session_timeout",
                millis,
                "a leader that is frozen within a transaction keeps its roles");
        want("statement_timeout", millis / 2, "a statement that hangs holds up the heartbeat");
        want("lock_timeout", rowLock.toMillis(), "a locked row of forge_leaders holds up the heartbeat");
        want("tcp_user_timeout", millis, "a server that answers into a dead network notices it late");
        want(
                DEAD_CLIENTS,
                Math.max(1, millis / 4),
                "a leader that dies while its statement runs keeps its roles for longer");
    }

    private void want(String setting, long millis, String cost) {
        wanted.put(setting, millis);
        costs.put(setting, cost);
    }

    /**
     * Sets them, and warns of each that is not as it was set, with what that costs.
     *
     * @return whether the server looks after clients that die while their statement runs, which not every platform lets it
     */
    boolean apply(Connection connection, ScriptSession script) throws SQLException {
        int pid = pid(script);
        script.send("SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed';"
                + " SET default_transaction_deferrable = off; SET synchronous_commit = off; SET transaction_timeout = 0; "
                + wanted.entrySet().stream()
                        .filter(setting -> !setting.getKey().equals(DEAD_CLIENTS))
                        .map(setting -> "SET " + setting.getKey() + " = " + setting.getValue())
                        .collect(Collectors.joining("; ")));
        try {
            script.send("SET " + DEAD_CLIENTS + " = " + wanted.get(DEAD_CLIENTS));
        } catch (SQLException e) {
            LeaderElection.LOG.log(Level.DEBUG, "not on this platform: " + DEAD_CLIENTS, e);
        }
        Map<String, Long> found = look(connection);
        wanted.forEach((setting, millis) -> {
            if (!millis.equals(found.get(setting))) {
                LeaderElection.LOG.log(
                        Level.WARNING,
                        "the session of the election has " + setting + " = " + found.get(setting) + " ms where "
                                + millis + " was set, by its server or a pooler in between: " + costs.get(setting));
            }
        });
        if (pid(script) != pid) {
            throw shared();
        }
        return found.getOrDefault(DEAD_CLIENTS, 0L) > 0;
    }

    /** Why no lock of such a session is anybody's. */
    static SQLException shared() {
        return new SQLException(
                "a pooler in between gives each statement another session, and a lock is one session's: connect to the"
                        + " server itself, or let the pooler keep sessions",
                "0A000");
    }

    static int pid(ScriptSession script) throws SQLException {
        return Integer.parseInt(
                script.send("SELECT pg_catalog.pg_backend_pid()").getFirst());
    }

    private Map<String, Long> look(Connection connection) throws SQLException {
        Map<String, Long> found = new LinkedHashMap<>();
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT s.name, CAST(s.setting AS bigint) FROM pg_catalog.pg_settings AS s WHERE s.name = ANY (?)")) {
            statement.setArray(
                    1, connection.createArrayOf("text", wanted.keySet().toArray()));
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    found.put(row.getString(1), row.getLong(2));
                }
            }
        }
        return found;
    }
}
