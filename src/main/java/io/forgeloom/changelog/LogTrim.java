package io.forgeloom.changelog;

import io.forgeloom.database.Database;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Empties slots of the log, each in a transaction of its own. Safe for use by many threads. */
final class LogTrim {

    /** Forge's: this many rows stay, however old. */
    private static final int FLOOR = 1000;

    /** At most so many slots are emptied at once: all of the ring. */
    private static final int SLOTS = 8;

    private final Database database;
    private final LogSql sql;

    LogTrim(Database database, LogSql sql) {
        this.database = database;
        this.sql = sql;
    }

    TrimResult before(Instant before) {
        return trim("CAST(? AS timestamptz)", before.toString(), null, Duration.ZERO);
    }

    TrimResult compact(Duration retention, Duration grace) {
        return trim(
                "pg_catalog.clock_timestamp() - CAST(? AS interval)",
                interval(retention),
                interval(retention.dividedBy(6)),
                grace);
    }

    private static String interval(Duration duration) {
        return duration.toNanos() / 1000 + " microseconds";
    }

    private TrimResult trim(String before, String value, @Nullable String turnAfter, Duration grace) {
        String statement = sql.trim.replace("CAST(? AS timestamptz)", before);
        long rows = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            TrimResult one = database.inTransaction(
                    ChangeLog.EACH_STATEMENT_SEES,
                    transaction -> emptySlot(transaction.connection(), statement, value, turnAfter, grace));
            rows += one.rows();
            if (one.rows() == 0) {
                return new TrimResult(rows, one.refused());
            }
        }
        return new TrimResult(rows, List.of());
    }

    private static TrimResult emptySlot(
            Connection connection, String statementText, String before, @Nullable String turnAfter, Duration grace)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(statementText)) {
            statement.setString(1, before);
            statement.setLong(2, FLOOR);
            statement.setString(3, turnAfter);
            statement.setString(4, interval(grace));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                String refused = row.getString(2);
                return new TrimResult(row.getLong(1), refused == null ? List.of() : List.of(refused));
            }
        }
    }
}
