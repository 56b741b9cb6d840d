package io.forgeloom.internal.pg;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * What a server says of another session's backend. Immutable, safe for use by many threads.
 *
 * @param state what the backend does
 * @param since {@code state_change}; {@link Instant#MIN} where there is none
 */
public record BackendActivity(State state, Instant since) {

    /** What a backend does. */
    public enum State {
        /** There is no such backend any more, or its server was started anew. */
        GONE,
        /** It waits for a statement, inside a transaction or not. */
        IDLE,
        /** It runs a statement, and waits for its client to send or to take something. */
        WAITING_FOR_CLIENT,
        /** It runs a statement. */
        WORKING,
        /** Nothing is known: another server answered, or the server does not track activities or does not tell us. */
        UNKNOWN
    }

    private static final BackendActivity GONE = new BackendActivity(State.GONE, Instant.MIN);
    private static final BackendActivity UNKNOWN = new BackendActivity(State.UNKNOWN, Instant.MIN);

    // The function, not the view over it: one pass over the backends, without joins.
    private static final String LOOK = """
            SELECT s.pid, s.backend_start, s.state, s.wait_event_type, s.wait_event, s.state_change
            FROM pg_catalog.pg_stat_get_activity(NULL) AS s
            WHERE s.pid = ANY (?)
            """;

    private static final String TERMINATE = """
            SELECT s.pid, s.backend_start, pg_catalog.pg_terminate_backend(s.pid)
            FROM pg_catalog.pg_stat_get_activity(NULL) AS s
            JOIN ROWS FROM (pg_catalog.unnest(?::int4[]), pg_catalog.unnest(?::timestamptz[])) AS o (pid, backend_start)
              ON s.pid = o.pid AND s.backend_start = o.backend_start
            """;

    /** Asks the server of {@code asked} about all {@code backends} in one round trip; each has an answer. */
    public static Map<Backend, BackendActivity> look(PgSession asked, Collection<Backend> backends)
            throws SQLException {
        Map<Integer, Backend> byPid = new HashMap<>();
        Map<Backend, BackendActivity> result = new HashMap<>();
        for (Backend backend : backends) {
            result.put(backend, ifNotThere(asked.backend().server(), backend.server()));
            if (backend.server().equals(asked.backend().server())) {
                byPid.put(backend.pid(), backend);
            }
        }
        Connection connection = asked.connection();
        try (PreparedStatement statement = connection.prepareStatement(LOOK)) {
            statement.setArray(
                    1, connection.createArrayOf("int4", byPid.keySet().toArray()));
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    Backend backend = byPid.get(row.getInt(1));
                    Instant started = Backend.instant(row, 2);
                    if (backend != null && (started.equals(backend.started()) || started.equals(Instant.MIN))) {
                        result.put(backend, of(row));
                    }
                }
            }
        }
        return result;
    }

    /** What it means that {@code asked} does not list a backend of {@code own}. */
    private static BackendActivity ifNotThere(Backend.Server asked, Backend.Server own) {
        // Behind one address there is one server: what it does not list, in this life or from an earlier one, is over.
        return asked.address().equals(own.address()) ? GONE : UNKNOWN;
    }

    private static BackendActivity of(ResultSet row) throws SQLException {
        String state = row.getString(3);
        if (state == null || state.equals("disabled")) {
            return UNKNOWN;
        }
        boolean client = "Client".equals(row.getString(4))
                && ("ClientRead".equals(row.getString(5)) || "ClientWrite".equals(row.getString(5)));
        State seen = state.startsWith("idle") ? State.IDLE : client ? State.WAITING_FOR_CLIENT : State.WORKING;
        return new BackendActivity(seen, Backend.instant(row, 6));
    }

    /**
     * Tells the server of {@code asked} to end {@code backends}, those of its own. To be repeated until nothing is left:
     * a backend takes a moment to end.
     *
     * @return those that were still there
     */
    public static Set<Backend> terminate(PgSession asked, Collection<Backend> backends) throws SQLException {
        Map<Integer, Backend> own = new HashMap<>();
        Set<Backend> left = new HashSet<>();
        for (Backend backend : backends) {
            if (backend.server().equals(asked.backend().server())) {
                own.put(backend.pid(), backend);
            } else if (ifNotThere(asked.backend().server(), backend.server()).state() != State.GONE) {
                left.add(backend);
            }
        }
        Connection connection = asked.connection();
        try (PreparedStatement statement = connection.prepareStatement(TERMINATE)) {
            Backend[] asks = own.values().toArray(Backend[]::new);
            Object[] pids = new Object[asks.length];
            Object[] starts = new Object[asks.length];
            for (int i = 0; i < asks.length; i++) {
                pids[i] = asks[i].pid();
                starts[i] = asks[i].started().toString();
            }
            statement.setArray(1, connection.createArrayOf("int4", pids));
            statement.setArray(2, connection.createArrayOf("timestamptz", starts));
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    Backend backend = own.get(row.getInt(1));
                    if (backend != null) {
                        left.add(backend);
                    }
                }
            }
        }
        return left;
    }
}
