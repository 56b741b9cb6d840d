package io.forgeloom.database;

import io.forgeloom.internal.pg.PgSession;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Set;

/**
 * What may stand before an opening parenthesis without changing the session: a server's own functions that only compute,
 * and its keywords. Read once for each pool. Immutable, safe for use by many threads.
 *
 * @param functions names of functions, as the catalog has them
 * @param keywords words in lower case that are no function's name where they are not quoted
 * @param standardStrings whether a backslash is an ordinary character in {@code '…'} for this pool's sessions
 */
record HarmlessFunctions(Set<String> functions, Set<String> keywords, boolean standardStrings) {

    /**
     * Volatile, so not told by the catalog, but of no consequence beyond the transaction. Sequences are among them: what
     * {@code currval} and {@code lastval} know of a session's past, every INSERT changes as well.
     */
    private static final String[] HARMLESS_VOLATILE = {
        "clock_timestamp",
        "timeofday",
        "random",
        "random_normal",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "nextval",
        "setval",
        "currval",
        "lastval",
        "pg_sequence_last_value",
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "pg_notify",
        "pg_notification_queue_usage",
        "pg_advisory_xact_lock",
        "pg_advisory_xact_lock_shared",
        "pg_try_advisory_xact_lock",
        "pg_try_advisory_xact_lock_shared",
        "pg_blocking_pids",
        "pg_safe_snapshot_blocking_pids",
        "pg_is_in_recovery",
        "pg_current_wal_lsn",
        "pg_current_wal_insert_lsn",
        "pg_current_wal_flush_lsn",
        "pg_last_wal_replay_lsn",
        "pg_last_wal_receive_lsn",
        "pg_last_xact_replay_timestamp",
        "pg_logical_emit_message",
        "pg_control_checkpoint",
        "pg_control_init",
        "pg_control_recovery",
        "pg_control_system",
        "pg_xact_status",
        "txid_status",
        "pg_relation_size",
        "pg_table_size",
        "pg_indexes_size",
        "pg_total_relation_size",
        "pg_database_size",
        "pg_tablespace_size"
    };

    /** Of our system schema, which may be made after the pool: they only look. */
    private static final Set<String> OURS = Set.of("forge_change_news");

    /** Words that the grammar knows before a parenthesis and yet allows as names: harmless where nobody uses them so. */
    private static final String[] WORDS = {
        "by",
        "columns",
        "conflict",
        "cube",
        "escape",
        "filter",
        "first",
        "ilike",
        "insert",
        "join",
        "like",
        "materialized",
        "next",
        "over",
        "rollup",
        "second",
        "set",
        "sets",
        "varying",
        "zone"
    };

    // oid < 16384: made by initdb. Overloads of other owners take a name off the list, since we do not see arguments.
    private static final String READ = """
            WITH own AS (SELECT proname FROM pg_catalog.pg_proc WHERE oid >= 16384)
            SELECT (SELECT pg_catalog.array_agg(proname::text)
                    FROM (SELECT proname FROM pg_catalog.pg_proc
                          WHERE oid < 16384 AND pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                          GROUP BY proname
                          HAVING proname::text = ANY (?)
                              OR pg_catalog.bool_and(provolatile <> 'v' AND prokind <> 'p' AND prolang IN (
                                     SELECT oid FROM pg_catalog.pg_language WHERE lanname IN ('internal', 'c', 'sql')))
                         ) AS judged
                    WHERE proname NOT IN (SELECT proname FROM own)),
                   (SELECT pg_catalog.array_agg(word)
                    FROM (SELECT word FROM pg_catalog.pg_get_keywords() WHERE catcode IN ('R', 'C')
                          UNION ALL
                          SELECT word FROM pg_catalog.unnest(?::text[]) AS word
                          WHERE word NOT IN (SELECT proname::text FROM own)) AS reserved)
            """;

    /** Asks the server; one round trip. */
    static HarmlessFunctions read(PgSession session) throws SQLException {
        Connection connection = session.connection();
        try (PreparedStatement statement = connection.prepareStatement(READ)) {
            statement.setArray(1, connection.createArrayOf("text", HARMLESS_VOLATILE));
            statement.setArray(2, connection.createArrayOf("text", WORDS));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new HarmlessFunctions(
                        strings(row.getArray(1)),
                        strings(row.getArray(2)),
                        !"off".equals(session.reported("standard_conforming_strings")));
            }
        }
    }

    private static Set<String> strings(Array array) throws SQLException {
        return Set.copyOf(Arrays.asList((String[]) array.getArray()));
    }

    boolean isHarmless(String name, boolean quoted) {
        return functions.contains(name) || OURS.contains(name) || (!quoted && keywords.contains(name));
    }
}
