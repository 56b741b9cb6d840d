package io.forgeloom.internal.pg;

import io.forgeloom.error.SqlState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/**
 * What a server says of itself in one round trip, beside what the start-up message said. Immutable, safe for use by many
 * threads.
 *
 * @param versionNumber {@code server_version_num}, 180006 for 18.6
 * @param version the version as text, "18.6"
 * @param announcedPid the process id of the start-up message
 * @param backendPid the process id that runs the statements
 * @param inRecovery whether it replays another server's log
 * @param statementTimeoutMillis {@code statement_timeout} in force; 0 = off
 */
public record ServerFacts(
        int versionNumber,
        String version,
        int announcedPid,
        int backendPid,
        boolean inRecovery,
        long statementTimeoutMillis) {

    /** The oldest major version that the runtime works with. */
    public static final int REQUIRED_MAJOR = 18;

    private static final String READ_FACTS = """
            SELECT current_setting('server_version_num')::int,
                   current_setting('server_version'),
                   pg_catalog.pg_backend_pid(),
                   pg_catalog.pg_is_in_recovery(),
                   (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'statement_timeout')
            """;

    /** Asks the server. */
    public static ServerFacts read(PgSession session) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(READ_FACTS)) {
            row.next();
            return new ServerFacts(
                    row.getInt(1),
                    firstWord(row.getString(2)),
                    session.backendPid(),
                    row.getInt(3),
                    row.getBoolean(4),
                    row.getLong(5));
        }
    }

    /** The major version: 18 for 18.6. */
    public int major() {
        return versionNumber / 10_000;
    }

    /** Whether the version is one that the runtime works with. */
    public boolean supported() {
        return major() >= REQUIRED_MAJOR;
    }

    /**
     * Whether someone stands between us and the server: a pooler answers the start-up message itself and makes up the
     * process id, since it must route cancel requests; PgBouncer forwards everything else that could tell, the version
     * among it.
     */
    public boolean pooled() {
        return announcedPid != backendPid;
    }

    /** Whether a connect failed because a pooler refuses our start-up options: PgBouncer knows a few and no other. */
    public static boolean isPoolersRefusal(SQLException failure) {
        return SqlState.PROTOCOL_VIOLATION.equals(failure.getSQLState())
                && String.valueOf(failure.getMessage()).contains("startup parameter");
    }

    /** "18.6 (Debian 18.6-1)" without what the packager added. */
    private static String firstWord(@Nullable String version) {
        String text = String.valueOf(version);
        int space = text.indexOf(' ');
        return space < 0 ? text : text.substring(0, space);
    }
}
