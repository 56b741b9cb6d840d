package io.forgeloom.changelog;

import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Where the log of a primary stands, as of one statement. Immutable, safe for use by many threads.
 *
 * @param epoch log, cluster and timeline: a position of another one means nothing here
 * @param trims how often the log was trimmed
 * @param trimmedXid the highest xid of all rows that were ever trimmed
 * @param trimmed a snapshot that saw all of them
 * @param snapshot what is committed
 */
record LogHead(String epoch, long trims, long trimmedXid, Snapshot trimmed, Snapshot snapshot) {

    /** The first four columns of a {@link LogSql#head} and, as the fifth, the snapshot. */
    static LogHead of(ResultSet row) throws SQLException {
        return new LogHead(
                row.getString(1),
                row.getLong(2),
                Long.parseLong(row.getString(3)),
                Snapshot.parse(row.getString(4)),
                Snapshot.parse(row.getString(5)));
    }

    /**
     * Why nobody can go on from {@code position}; null if all that it has not seen was there at this moment. To be asked
     * after the rows were read: a TRUNCATE shows an older snapshot an empty table.
     */
    @Nullable
    Resync refusal(ChangePosition position) {
        Snapshot previous = position.previous();
        if (!position.epoch().equals(epoch)) {
            return new Resync(
                    Resync.Cause.OTHER_HISTORY,
                    "the position is of the log " + position.epoch() + ", and this is " + epoch);
        }
        if (previous.xmin() > snapshot.xmax()) {
            return new Resync(
                    Resync.Cause.OTHER_HISTORY,
                    "the position has seen transaction " + (previous.xmin() - 1) + ", and here the next one is "
                            + snapshot.xmax() + ": this is an older copy");
        }
        if (trims == position.trims()) {
            return null;
        }
        if (trimmedXid >= previous.xmax() || previous.anyEndedBy(trimmed, trimmedXid)) {
            return new Resync(
                    Resync.Cause.TRIMMED,
                    "rows up to transaction " + trimmedXid + " were trimmed, and the position has seen " + previous);
        }
        return null;
    }
}
