package io.forgeloom.changelog;

import io.forgeloom.database.Identifier;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Asks a log how it is, with a look at both ends of each slot instead of a count, whatever its size. Each statement sees
 * what is committed when it begins. Immutable, safe for use by many threads.
 */
final class LogStats {

    private static final int SLOTS = 8;

    private final LogSql sql;
    private final String slots;
    private final String consumers;
    private final String state;

    LogStats(LogSql sql) {
        this.sql = sql;
        String home = new Identifier(sql.home).quoted();
        // Each slot is named by a literal, so that only its own partition is looked at.
        slots = IntStream.range(0, SLOTS)
                .mapToObj(slot -> """
                        SELECT %1$d, l.first, l.last, pg_catalog.pg_total_relation_size(CAST(? AS regclass)),
                               CAST(extract(epoch FROM pg_catalog.clock_timestamp() - l.created_at) * 1000000 AS bigint)
                        FROM (SELECT (SELECT a.seq - COALESCE(pg_catalog.cardinality(a.row_ids), 1) + 1
                                      FROM %2$s AS a WHERE a.slot = %1$d ORDER BY a.seq LIMIT 1) AS first,
                                     (SELECT a.seq FROM %2$s AS a WHERE a.slot = %1$d ORDER BY a.seq DESC LIMIT 1) AS last,
                                     (SELECT a.created_at FROM %2$s AS a WHERE a.slot = %1$d ORDER BY a.seq LIMIT 1)
                             ) AS l (first, last, created_at)
                        """.formatted(slot, sql.log))
                .collect(Collectors.joining("UNION ALL ", "", "ORDER BY 1"));
        consumers = """
                SELECT c.name, c.position, c.holds, c.updated_at, c.expires_at FROM %s.forge_change_consumers AS c
                WHERE c.expires_at IS NULL OR c.expires_at > pg_catalog.clock_timestamp() ORDER BY c.name
                """.formatted(home);
        state = """
                SELECT c.trims, CASE WHEN t.until > pg_catalog.clock_timestamp() THEN t.until END
                FROM %1$s.forge_change_control AS c, (
                    SELECT pg_catalog.to_timestamp(w.last_value / 2 / 1000.0) FROM %1$s.forge_change_sleepers AS w) AS t (until)
                """.formatted(home);
    }

    ChangeLogStats read(Connection connection) throws SQLException {
        Ends ends = new Ends();
        List<ChangeLogStats.Slot> found = slots(connection, ends);
        List<ChangeLogStats.Consumer> readers = consumers(connection);
        // A late writer's row makes a slot look large; all of them together are no more than their numbers.
        long rows = found.stream().mapToLong(ChangeLogStats.Slot::rows).sum();
        long most = ends.min == 0 ? 0 : Math.min(rows, ends.max - ends.min + 1);
        try (PreparedStatement statement = connection.prepareStatement(state);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return new ChangeLogStats(
                    most, ends.min, ends.max, ends.oldest, found, row.getLong(1), readers, instant(row, 2));
        }
    }

    /** Of the log; confined to one thread. */
    private static final class Ends {
        long min;
        long max;
        Duration oldest = Duration.ZERO;
    }

    private List<ChangeLogStats.Slot> slots(Connection connection, Ends ends) throws SQLException {
        List<ChangeLogStats.Slot> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(slots)) {
            for (int slot = 0; slot < SLOTS; slot++) {
                statement.setString(slot + 1, sql.log + "_" + slot);
            }
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    long first = row.getLong(2);
                    long last = row.getLong(3);
                    // Numbers begin with 1, and null is read as 0.
                    long rows = first == 0 ? 0 : last - first + 1;
                    found.add(new ChangeLogStats.Slot(row.getInt(1), rows, row.getLong(4)));
                    ends.max = Math.max(ends.max, last);
                    if (first > 0 && (ends.min == 0 || first < ends.min)) {
                        ends.min = first;
                        ends.oldest = Duration.ofNanos(Math.max(row.getLong(5), 0) * 1000);
                    }
                }
            }
        }
        return List.copyOf(found);
    }

    private List<ChangeLogStats.Consumer> consumers(Connection connection) throws SQLException {
        List<ChangeLogStats.Consumer> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(consumers);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                Instant expires = instant(row, 5);
                Instant committed = instant(row, 4);
                if (committed == null) {
                    throw new SQLException("updated_at is never null");
                }
                found.add(new ChangeLogStats.Consumer(
                        row.getString(1),
                        expires == null ? lag(connection, ChangePosition.parse(row.getString(2))) : null,
                        row.getBoolean(3),
                        committed,
                        expires));
            }
        }
        return List.copyOf(found);
    }

    private ConsumerLag lag(Connection connection, ChangePosition position) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.lag)) {
            statement.setLong(1, Math.max(position.floor(), position.last()));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new ConsumerLag(row.getLong(1), Duration.ofNanos(Math.max(row.getLong(2), 0) * 1000));
            }
        }
    }

    private static @Nullable Instant instant(ResultSet row, int column) throws SQLException {
        OffsetDateTime value = row.getObject(column, OffsetDateTime.class);
        return value == null ? null : value.toInstant();
    }
}
