package io.forgeloom.leader;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code forge_leaders} as whoever does not lead sees it. Immutable, safe for use by many threads. */
final class LeaderTable {

    private static final String FIND = """
            SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = pg_catalog.to_regclass(CAST(? AS text))
            """;

    /** The holder's lock, in full: of this database, of 64 bits, and not of a process that has the number by now. */
    private static final String HOLDS = """
            l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
                AND l.pid = r.backend_pid
            """;

    /** Whether the process may be seen is a matter of rights; where it may not, its number has to do. */
    private static String list(String table) {
        return """
                SELECT r.role, r.node_id, r.timeline, r.term, r.acquired_at, r.lease_until, r.backend_pid,
                       r.resigned_at IS NOT NULL, r.lease_until < pg_catalog.clock_timestamp(),
                       ARRAY(SELECT CAST(l.classid AS bigint) << 32 | CAST(l.objid AS bigint) FROM pg_catalog.pg_locks AS l
                             LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
                             WHERE %s AND COALESCE(a.backend_start, r.backend_start) = r.backend_start)
                FROM %s AS r WHERE CAST(? AS text) IS NULL OR r.role = ? ORDER BY r.role
                """.formatted(HOLDS, table);
    }

    /**
     * Nothing is ended but what all of this is true of in one look: the lease is over by its own length again, the row's
     * process is the one that holds the role's lock. Where the start of that process is hidden, for lack of rights, it is
     * found and left alone.
     */
    private static String endZombies(String table) {
        return """
                WITH zombie AS MATERIALIZED (
                    SELECT r.role, r.node_id, a.pid, a.backend_start IS NOT NULL AS seen
                    FROM ROWS FROM (pg_catalog.unnest(CAST(? AS text[])), pg_catalog.unnest(CAST(? AS bigint[])),
                                    pg_catalog.unnest(CAST(? AS bigint[]))) AS w (role, classid, objid)
                    JOIN %s AS r ON r.role = w.role
                    JOIN pg_catalog.pg_stat_activity AS a ON a.pid = r.backend_pid
                        AND COALESCE(a.backend_start, r.backend_start) = r.backend_start
                    JOIN pg_catalog.pg_locks AS l ON %s
                        AND CAST(l.classid AS bigint) = w.classid AND CAST(l.objid AS bigint) = w.objid
                    WHERE r.resigned_at IS NULL
                      AND pg_catalog.clock_timestamp() > r.lease_until + r.lease_millis * interval '1 millisecond')
                SELECT pg_catalog.format('%%s, leader of %%s (process %%s)', z.node_id, z.role, z.pid), z.seen
                FROM zombie AS z WHERE CASE WHEN z.seen THEN pg_catalog.pg_terminate_backend(z.pid, 1000) ELSE true END
                """.formatted(table, HOLDS);
    }

    /**
     * Whether there is cause for that: asked first, and changes nothing in its session, while a session that has ended others is
     * reset.
     */
    private static String silent(String table) {
        return """
                SELECT 1 FROM %s AS r WHERE r.role = ANY (?) AND r.resigned_at IS NULL
                    AND pg_catalog.clock_timestamp() > r.lease_until + r.lease_millis * interval '1 millisecond'
                """.formatted(table);
    }

    private final String name;

    private LeaderTable(Identifier schema) {
        this.name = schema.quoted() + ".forge_leaders";
    }

    /**
     * Where it lies.
     *
     * @param schema null for where the session's search path finds it
     * @throws ConfigurationException if it does not
     */
    static LeaderTable find(Connection connection, @Nullable Identifier schema) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(FIND)) {
            statement.setString(1, (schema == null ? "" : schema.quoted() + ".") + "forge_leaders");
            try (ResultSet row = statement.executeQuery()) {
                if (row.next()) {
                    return new LeaderTable(new Identifier(row.getString(1)));
                }
            }
        }
        throw new ConfigurationException(
                "schema",
                "there is no table forge_leaders "
                        + (schema == null ? "on the search path of the URL" : "in schema " + schema.quoted())
                        + "; run the migrations first (Migrator, or forge migrate), or name the schema that has it");
    }

    /** Quoted and with its schema. */
    String name() {
        return name;
    }

    /** All roles that ever had a leader, or the one. */
    List<LeaderStatus> read(Connection connection, @Nullable LeaderRole role) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(list(name))) {
            String wanted = role == null ? null : role.name();
            statement.setString(1, wanted);
            statement.setString(2, wanted);
            try (ResultSet row = statement.executeQuery()) {
                List<LeaderStatus> found = new ArrayList<>();
                while (row.next()) {
                    found.add(statusIn(row));
                }
                return found;
            }
        }
    }

    private static LeaderStatus statusIn(ResultSet row) throws SQLException {
        String role = row.getString(1);
        // What others wrote there under a name that no role can have is shown, too, and nobody's.
        List<Object> locks = Arrays.asList((Object[]) row.getArray(10).getArray());
        boolean held = LeaderRole.find(role)
                .filter(named -> locks.contains(named.lockId().value()))
                .isPresent();
        LeaderStatus.State state;
        if (row.getBoolean(8)) {
            state = LeaderStatus.State.RESIGNED;
        } else if (!held) {
            state = LeaderStatus.State.GONE;
        } else {
            state = row.getBoolean(9) ? LeaderStatus.State.SILENT : LeaderStatus.State.LEADING;
        }
        return new LeaderStatus(
                role,
                state,
                row.getString(2),
                new LeadershipToken(row.getLong(3), row.getLong(4)),
                row.getObject(5, OffsetDateTime.class).toInstant(),
                row.getObject(6, OffsetDateTime.class).toInstant(),
                row.getInt(7));
    }

    /**
     * A leader that was long silent.
     *
     * @param who it was
     * @param ended whether its session was ended; or else the rights to see its start are missing
     */
    record Zombie(String who, boolean ended) {}

    /**
     * Ends the sessions of leaders that are long silent, and waits for the end of each, a second at most.
     *
     * @return those that are ended, or that this role may not see
     * @throws SQLException 42501 where the rights are missing
     */
    List<Zombie> endZombies(Connection connection, List<LeaderRole> roles) throws SQLException {
        if (!anySilent(connection, roles)) {
            return List.of();
        }
        try (PreparedStatement statement = connection.prepareStatement(endZombies(name))) {
            Object[] classIds =
                    roles.stream().map(role -> role.lockId().classId()).toArray();
            Object[] objIds = roles.stream().map(role -> role.lockId().objId()).toArray();
            statement.setArray(1, names(connection, roles));
            statement.setArray(2, connection.createArrayOf("bigint", classIds));
            statement.setArray(3, connection.createArrayOf("bigint", objIds));
            try (ResultSet row = statement.executeQuery()) {
                List<Zombie> found = new ArrayList<>();
                while (row.next()) {
                    found.add(new Zombie(row.getString(1), row.getBoolean(2)));
                }
                return found;
            }
        }
    }

    private boolean anySilent(Connection connection, List<LeaderRole> roles) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(silent(name))) {
            statement.setArray(1, names(connection, roles));
            try (ResultSet row = statement.executeQuery()) {
                return row.next();
            }
        }
    }

    private static Array names(Connection connection, List<LeaderRole> roles) throws SQLException {
        return connection.createArrayOf(
                "text", roles.stream().map(LeaderRole::name).toArray());
    }
}
