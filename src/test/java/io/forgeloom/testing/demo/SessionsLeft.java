package io.forgeloom.testing.demo;

import io.forgeloom.database.Database;
import io.forgeloom.testing.PostgresServer;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/** Sessions of a closed pool that servers have; a server notices the end of one a moment after the pool closed it. */
final class SessionsLeft {

    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final long POLL_MILLIS = 50;

    private interface Count {
        long now() throws SQLException;
    }

    private SessionsLeft() {}

    static long onPrimary(Database control, String serviceName) throws InterruptedException, SQLException {
        return await(() -> control.withConnection(connection -> {
            try (PreparedStatement count =
                    connection.prepareStatement("SELECT count(*) FROM pg_stat_activity WHERE application_name = ?")) {
                count.setString(1, serviceName);
                try (ResultSet row = count.executeQuery()) {
                    row.next();
                    return row.getLong(1);
                }
            }
        }));
    }

    static long on(List<PostgresServer> replicas, String serviceName) throws InterruptedException, SQLException {
        return await(() -> {
            long left = 0;
            for (PostgresServer replica : replicas) {
                left += Long.parseLong(Objects.requireNonNull(replica.query(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + serviceName + "'")));
            }
            return left;
        });
    }

    private static long await(Count count) throws InterruptedException, SQLException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            long left = count.now();
            if (left == 0 || System.nanoTime() - deadline > 0) {
                return left;
            }
            Thread.sleep(POLL_MILLIS);
        }
    }
}
