package io.forgeloom.internal.pg;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;

/**
 * The server's process behind a session, told apart from every other that ever has the same process id, on this server or
 * another. Immutable, safe for use by many threads.
 *
 * @param pid its process id
 * @param started {@code backend_start}
 * @param server where it runs
 */
public record Backend(int pid, Instant started, Server server) {

    /**
     * One life of one server.
     *
     * @param address where the server says it was reached, {@code host:port}; behind a proxy or a name with several
     *     addresses, this tells the servers apart
     * @param started when its postmaster started
     */
    public record Server(String address, Instant started) {}

    private static final String OWN = """
            SELECT pg_catalog.pg_backend_pid(), s.backend_start, pg_catalog.pg_postmaster_start_time(),
                   pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port()
            FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS s
            """;

    /** Asks the backend for itself. */
    static Backend read(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(OWN)) {
            row.next();
            Server server = new Server(row.getString(4) + ":" + row.getInt(5), instant(row, 3));
            return new Backend(row.getInt(1), instant(row, 2), server);
        }
    }

    static Instant instant(ResultSet row, int column) throws SQLException {
        OffsetDateTime value = row.getObject(column, OffsetDateTime.class);
        // Null where this role may not see it, and in no other case.
        return value == null ? Instant.MIN : value.toInstant();
    }
}
