package io.forgeloom.changelog;

import io.forgeloom.database.Identifier;

/**
 * The statements on the log of one schema. Every name is qualified, so that a caller's {@code search_path} and temporary
 * tables change nothing. Immutable, safe for use by many threads.
 */
final class LogSql {

    /** The schema that the URL leads to is where the system schema lies. */
    static final String HOME = "SELECT pg_catalog.current_schema()";

    private static final String COLUMNS =
            "l.seq, l.op, l.table_name, l.row_id, l.key, l.changed_cols, l.created_at, l.row_ids, l.keys FROM {log} AS l";

    /**
     * The slots have no statistics, and an index is always the way: whatever the planner guesses, each page is read from
     * where it begins, in order. So there is one plan, and it need not be made anew for each page, which takes longer than
     * to read one.
     */
    static final String BY_INDEX =
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;"
                    + " SET LOCAL plan_cache_mode = force_generic_plan";

    /** The schema, unquoted. */
    final String home;

    /** As regclass reads them. */
    final String log;

    final String sleepers;

    final String sequence;

    /**
     * Where the log stands: {@link LogHead}. The timeline is that of the log that is written, not of the last checkpoint;
     * on a standby it is an error, since snapshots there call running transactions ended. The age of an xid counts from the
     * next one that is free.
     */
    final String head;

    /** As {@link #head}, and the highest number that the snapshot sees. */
    final String headAndFloor;

    /**
     * As {@link #head}, and for a reader: the last number that was given out, null where that cannot be told; up to where
     * the server's log is written; whether there is a row that an older snapshot does not see,
     * null if both are the same. The old snapshot; a last number with which only rows of certain transactions can be new,
     * those; the old snapshot's xmax, those that it lists as running; the sequence.
     */
    final String look;

    /**
     * How often the log was trimmed: while that is the same, what {@link #look} said is true. Sees to it that the server's log
     * is on disk up to a place, by a message if others have not.
     */
    final String confirm;

    /** Sees to it that all that was in the server's log before is on disk; writes to it only if something was not. */
    final String flush;

    /** Of transactions that had begun at the last snapshot: xids, xids from and to, up to, snapshot, above, up to, rows, rows. */
    final String early;

    /** What has come since the last snapshot: two snapshots, above, rows. */
    final String next;

    final String minSeq;
    final String maxSeq;

    /** Before, rows to keep, turn after, grace. */
    final String trim;

    /** Milliseconds that are enough, sequence, milliseconds, 1 = whatever may be prepared. */
    final String arm;

    /** Sequence, value that was set. */
    final String disarm;

    /** Transactions that may have looked before someone slept: the log. */
    final String writers;

    /** Name, position, snapshot, whether it holds, owner. */
    final String takeOver;

    /** Name, owner. */
    final String positionOf;

    /** Position, snapshot, name, owner. */
    final String commit;

    /** Name. */
    final String drop;

    /** Number that was read. */
    final String lag;

    /** Table, mode, columns. */
    final String track;

    final String untrack;

    /** Schema of the log. */
    final String tracked;

    LogSql(Identifier schema) {
        home = schema.name();
        log = schema + ".forge_change_log";
        sleepers = schema + ".forge_change_sleepers";
        sequence = schema + ".forge_change_seq";
        head = filled("""
                SELECT c.log_id || '-' || pg_catalog.to_hex(p.system_identifier) || '-'
                       || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8),
                       c.trims, c.trimmed_xid, c.trimmed, s.snap || ':'
                       || CAST(CAST(x.xmax AS text) AS bigint) + pg_catalog.age(CAST(x.xmax AS xid))
                FROM {home}.forge_change_control AS c, pg_catalog.pg_control_system() AS p,
                     pg_catalog.pg_current_snapshot() AS s (snap), pg_catalog.pg_snapshot_xmax(s.snap) AS x (xmax)
                """);
        headAndFloor =
                head.replace("AS xid))", "AS xid)), (SELECT COALESCE(pg_catalog.max(l.seq), 0) FROM " + log + " AS l)");
        String flushing = "pg_catalog.pg_logical_emit_message(false, 'forgeloom', '', true)";
        String flushed = "pg_catalog.pg_current_wal_flush_lsn()";
        flush = "SELECT " + flushing + " WHERE " + flushed + " < pg_catalog.pg_current_wal_insert_lsn()";
        confirm = filled("SELECT c.trims, CASE WHEN pg_catalog.pg_wal_lsn_diff(" + flushed + ", '0/0') < ? THEN "
                + flushing + " END FROM {home}.forge_change_control AS c");
        look = head.replace("AS xid))", filled("""
                AS xid)), g.seq, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0'),
                       CASE WHEN CAST(s.snap AS text) = ? THEN NULL
                            WHEN g.seq = ? AND NOT EXISTS (
                                SELECT FROM pg_catalog.unnest(CAST(? AS pg_catalog.xid8[])) AS r (xid)
                                WHERE pg_catalog.pg_visible_in_snapshot(r.xid, s.snap)) THEN false
                            ELSE {home}.forge_change_news(CAST(? AS pg_catalog.xid8), CAST(? AS pg_catalog.xid8[])) END
                """.strip()))
                + ", (SELECT pg_catalog.pg_sequence_last_value(CAST(? AS regclass)) OFFSET 0) AS g (seq)";
        // Each of them has its rows in one place of the index; several large ones would have to be sorted for each
        // page.
        early = filled("""
                SELECT r.* FROM (
                    SELECT pg_catalog.unnest(CAST(? AS pg_catalog.xid8[])) AS xid
                    UNION SELECT n.xid FROM {log} AS n
                    WHERE n.xid >= CAST(? AS pg_catalog.xid8) AND n.xid < CAST(? AS pg_catalog.xid8) AND n.seq <= ?
                      AND pg_catalog.pg_visible_in_snapshot(n.xid, ?)) AS e
                CROSS JOIN LATERAL (
                    SELECT {columns} WHERE l.xid = e.xid AND l.seq > ? AND l.seq <= ? ORDER BY l.seq LIMIT ?) AS r
                ORDER BY r.seq LIMIT ?
                """);
        next = filled("""
                SELECT {columns}
                WHERE pg_catalog.pg_visible_in_snapshot(l.xid, ?) AND NOT pg_catalog.pg_visible_in_snapshot(l.xid, ?)
                  AND l.seq > ? ORDER BY l.seq LIMIT ?
                """);
        minSeq = filled(
                "SELECT l.seq - COALESCE(pg_catalog.cardinality(l.row_ids), 1) + 1 FROM {log} AS l ORDER BY l.seq LIMIT 1");
        maxSeq = filled("SELECT l.seq FROM {log} AS l ORDER BY l.seq DESC LIMIT 1");
        trim = filled("""
                SELECT t.trimmed, t.refused
                FROM {home}.forge_trim_changes(CAST(? AS timestamptz), ?, CAST(? AS interval), CAST(? AS interval)) AS t
                """);
        // Written anew only where little of the time is left: each write of a sequence is one of the server's log, too.
        arm = filled("""
                SELECT CASE WHEN w.last_value / 2 > t.now + ? AND w.last_value % 2 >= t.told THEN w.last_value
                       ELSE pg_catalog.setval(CAST(? AS regclass), (t.now + ?) * 2 + t.told) END
                FROM {home}.forge_change_sleepers AS w, (
                    SELECT CAST(? AS bigint) AS told,
                           CAST(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000 AS bigint) AS now OFFSET 0) AS t
                WHERE t.told = 1 OR pg_catalog.current_setting('max_prepared_transactions') = '0'
                """);
        disarm = filled(
                "SELECT pg_catalog.setval(CAST(? AS regclass), 0) FROM {home}.forge_change_sleepers AS w WHERE w.last_value = ?");
        writers = """
                SELECT l.virtualtransaction FROM pg_catalog.pg_locks AS l
                WHERE l.locktype = 'relation' AND l.relation = CAST(? AS regclass) AND l.mode = 'RowExclusiveLock'
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                                    WHERE d.datname = pg_catalog.current_database())
                """;
        takeOver = filled("""
                INSERT INTO {consumers} AS c (name, position, seen, holds, owner) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET holds = excluded.holds, owner = excluded.owner
                """);
        positionOf = filled("SELECT c.position FROM {consumers} AS c WHERE c.name = ? AND c.owner = ?");
        commit = filled("""
                UPDATE {consumers} AS c SET position = ?, seen = ?, updated_at = pg_catalog.clock_timestamp()
                WHERE c.name = ? AND c.owner = ?
                """);
        drop = filled("DELETE FROM {consumers} AS c WHERE c.name = ?");
        lag = filled("""
                SELECT COALESCE((SELECT pg_catalog.max(l.seq) FROM {log} AS l WHERE l.seq > f.seq) - f.seq, 0),
                       CAST(COALESCE((SELECT extract(epoch FROM pg_catalog.clock_timestamp() - l.created_at) FROM {log} AS l
                                      WHERE l.seq > f.seq ORDER BY l.seq LIMIT 1), 0) * 1000000 AS bigint)
                FROM (SELECT CAST(? AS bigint) AS seq) AS f
                """);
        track = filled("SELECT {home}.forge_enable_reactivity(CAST(? AS regclass), ?, ?)");
        untrack = filled("SELECT {home}.forge_disable_reactivity(CAST(? AS regclass))");
        tracked = """
                SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
                       pg_catalog.substring(p.prosrc, 'mode (\\w+)'), pg_catalog.substring(p.prosrc, 'columns (\\w)') = 't'
                FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
                JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE t.tgname = 'forge_changes_insert' AND p.proname LIKE 'forge\\_track\\_%'
                  AND p.pronamespace = (SELECT h.oid FROM pg_catalog.pg_namespace AS h WHERE h.nspname = ?)
                ORDER BY 1
                """;
    }

    private String filled(String text) {
        return text.replace("{columns}", COLUMNS)
                .replace("{consumers}", "{home}.forge_change_consumers")
                .replace("{log}", log)
                .replace("{home}", new Identifier(home).quoted());
    }
}
