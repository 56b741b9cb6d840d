package io.forgeloom.database;

import java.sql.ResultSet;
import java.sql.Statement;

/**
 * What a library may have left in the one session of a pool: equal before and after, or something is left over. The process id is
 * part of it, so that a session that was thrown away does not look clean. Once a transaction has named its isolation level, the server takes the level for a setting of the session, at its
 * default: so the levels are compared as values.
 */
final class SessionTraces {

    private static final String TRACES = """
            SELECT concat_ws('; ',
                'pid ' || pg_backend_pid(),
                'settings ' || (SELECT string_agg(name || '=' || setting, ',' ORDER BY name)
                                FROM pg_settings WHERE source = 'session' AND name NOT LIKE 'transaction%'),
                'role ' || current_user,
                'isolation ' || current_setting('transaction_isolation'),
                'read only ' || current_setting('transaction_read_only'),
                'locks ' || (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
                'cursors ' || (SELECT count(*) FROM pg_cursors WHERE is_holdable),
                'temporary ' || (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
                'channels ' || (SELECT count(*) FROM pg_listening_channels()))
            """;

    private SessionTraces() {}

    /** Of a pool that has one connection. */
    static String of(Database db) {
        return db.withConnection(connection -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(TRACES)) {
                row.next();
                return row.getString(1) + "; auto-commit " + connection.getAutoCommit() + "; "
                        + connection.getTransactionIsolation() + "; " + connection.isReadOnly() + "; "
                        + connection.getSchema();
            }
        });
    }
}
