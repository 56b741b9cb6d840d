package io.forgeloom.internal.pg;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;

/**
 * What a server says of its part in a cluster, in one round trip. Immutable, safe for use by many threads.
 *
 * @param inRecovery whether it replays another server's log
 * @param readOnly whether {@code default_transaction_read_only} is on
 * @param timeline the timeline that it writes on; 0 in recovery
 * @param cluster {@code system_identifier}: the same for a primary and all that were copied from it
 * @param started when its postmaster started, which tells two servers of a cluster apart, whatever address they go by
 */
public record RoleFacts(boolean inRecovery, boolean readOnly, long timeline, long cluster, Instant started) {

    // The timeline is that of the log being written at this moment. pg_control_checkpoint() has the one of the last
    // checkpoint: after a promotion it is the old one until the first checkpoint is done, for minutes on a large
    // server,
    // just when it matters. CASE, because in recovery the function is an error.
    private static final String READ_FACTS = """
            SELECT r,
                   pg_catalog.current_setting('default_transaction_read_only')::bool,
                   CASE WHEN r THEN '0'
                        ELSE pg_catalog.substr(
                                pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END,
                   (SELECT system_identifier FROM pg_catalog.pg_control_system()),
                   pg_catalog.pg_postmaster_start_time()
            FROM pg_catalog.pg_is_in_recovery() AS r
            """;

    /** Asks the server. */
    public static RoleFacts read(PgSession session) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(READ_FACTS)) {
            row.next();
            return new RoleFacts(
                    row.getBoolean(1),
                    row.getBoolean(2),
                    Long.parseLong(row.getString(3), 16),
                    row.getLong(4),
                    Backend.instant(row, 5));
        }
    }

    /** Whether it takes writes of whoever does not ask for anything. */
    public boolean writable() {
        return !inRecovery && !readOnly;
    }
}
