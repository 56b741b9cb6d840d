package io.forgeloom.changelog;

import io.forgeloom.database.Database;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads the log on the primary, a page at a time, each over a connection that it holds for that page alone. What is new is
 * the difference of two snapshots, and goes out in the order of the numbers. One thread at a time.
 *
 * <p>Such a difference has two parts. Transactions that began after the first snapshot have only numbers above
 * {@link ChangePosition#floor()}: they are found by number, next to each other. Those that had begun may have numbers on
 * either side: below they are found by their xid, and come first; above they are met on the way.
 */
final class LogReader {

    /** So many different texts of changed columns are kept as lists. */
    private static final int KNOWN_COLUMNS = 1000;

    private final Database database;
    private final LogSql sql;
    private final int batchSize;
    private final String early;
    private final String next;
    private final Map<String, List<String>> columns = new HashMap<>();
    /** Written by the thread that reads, read by any. */
    private volatile ChangePosition position;

    /** Of the snapshot that is being read; as long as it is not known, the position's. */
    private long trimsOfCurrent;

    /** Of the last look, if that found nothing. */
    private @Nullable Quiet quiet;

    private @Nullable Resync refused;

    LogReader(Database database, LogSql sql, ChangePosition position, int batchSize) {
        this.database = database;
        this.sql = sql;
        this.position = position;
        this.batchSize = batchSize;
        this.trimsOfCurrent = position.trims();
        this.early = LogSql.paged(sql.early, batchSize);
        this.next = LogSql.paged(sql.next, batchSize);
    }

    /** A batch has no more rows; one with less was the last for now. */
    int batchSize() {
        return batchSize;
    }

    /** Behind all that was handed out, and behind whatever else was found to hold nothing. */
    ChangePosition position() {
        return position;
    }

    /** The next rows, or why there can be none; null if all that is committed was read. */
    @Nullable
    ChangeElement next() {
        if (refused != null) {
            return refused;
        }
        ChangeElement element = database.withConnection(this::read);
        if (element instanceof Resync resync) {
            refused = resync;
        }
        return element;
    }

    private @Nullable ChangeElement read(Connection connection) throws SQLException {
        ChangePosition from = position;
        Snapshot current = from.current();
        boolean underway = current != null;
        List<ChangeRow> rows = new ArrayList<>();
        boolean any = true;
        Quiet found = null;
        long written = 0;
        if (current == null) {
            Look look = look(connection, from.previous());
            Resync refusal = look.head.refusal(from);
            if (refusal != null || look.head.snapshot().seesAs(from.previous())) {
                return refusal;
            }
            any = look.any;
            found = any ? null : look.after(quiet);
            written = look.written;
            trimsOfCurrent = look.head.trims();
            current = look.head.snapshot();
            from = from.towards(current);
        }
        // What was found holds once it is on disk, too.
        quiet = null;
        boolean done = !any || pages(connection, from, current, rows);
        // Whatever was truncated before the pages were read is known to this statement; an empty page may be due to it.
        Resync refusal = confirm(connection, written) == trimsOfCurrent && !underway
                ? null
                : head(connection, sql).refusal(from);
        if (refusal != null) {
            return refusal;
        }
        quiet = found;
        ChangePosition reached =
                rows.isEmpty() ? from : from.readUpTo(rows.getLast().seq());
        position = done ? reached.arrived(trimsOfCurrent) : reached;
        if (rows.isEmpty()) {
            // Of what a position was on the way to there was nothing left: there may be more behind it.
            return underway ? read(connection) : null;
        }
        // Whoever stores the position of the last row has seen everything, too.
        rows.add(rows.removeLast().at(position));
        return new Batch(Collections.unmodifiableList(rows), position);
    }

    /**
     * Where the log stands.
     *
     * @param seq the last number that was given out; null where that cannot be told
     * @param written up to where the server's log is written
     * @param any whether there is a row that an earlier snapshot does not see
     */
    private record Look(LogHead head, @Nullable Long seq, long written, boolean any) {

        Quiet after(@Nullable Quiet then) {
            if (then == null || seq == null || !seq.equals(then.seq)) {
                return new Quiet(seq, 0, head.snapshot());
            }
            // The number was read in an earlier statement than this snapshot: whoever drew one up to it had begun.
            return new Quiet(seq, then.next == 0 ? head.snapshot().next() : then.next, head.snapshot());
        }
    }

    /**
     * What was found when there was nothing new: while the last number stays as it was no row comes, and only those can show
     * up that an open transaction had written before.
     *
     * @param seq the last number that was given out
     * @param next no transaction from here on has one up to {@code seq}; 0 = not known yet
     * @param snapshot all that it sees was read
     */
    private record Quiet(@Nullable Long seq, long next, Snapshot snapshot) {

        boolean isKnown() {
            return seq != null && next > 0 && snapshot.xmax() >= next;
        }

        /** Those whose rows may show up. */
        long[] owners() {
            return Arrays.stream(snapshot.running()).filter(xid -> xid < next).toArray();
        }
    }

    private Look look(Connection connection, Snapshot previous) throws SQLException {
        Quiet then = quiet != null && quiet.isKnown() ? quiet : null;
        try (PreparedStatement statement = connection.prepareStatement(sql.look)) {
            statement.setString(1, previous.sql());
            statement.setObject(2, then == null ? null : then.seq, Types.BIGINT);
            statement.setString(3, array(then == null ? new long[0] : then.owners()));
            statement.setString(4, Long.toString(previous.xmax()));
            statement.setString(5, array(previous.running()));
            statement.setString(6, sql.sequence);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new Look(LogHead.of(row), row.getObject(6, Long.class), row.getLong(7), row.getBoolean(8));
            }
        }
    }

    /**
     * Reads a page, in a transaction that ends with it: what is asked afterwards must see what was committed since.
     *
     * @return whether nothing is left
     */
    private boolean pages(Connection connection, ChangePosition from, Snapshot current, List<ChangeRow> rows)
            throws SQLException {
        Snapshot previous = from.previous();
        long[] ended = previous.endedBy(current);
        connection.setAutoCommit(false);
        try (Statement settings = connection.createStatement()) {
            settings.execute(LogSql.BY_INDEX);
            if (from.last() < from.floor() && (ended.length > 0 || previous.next() > previous.xmax())) {
                early(connection, from, current, ended, rows);
            }
            boolean done = rows.size() < batchSize && rest(connection, from, current, rows);
            connection.commit();
            connection.setAutoCommit(true);
            return done;
        }
    }

    /** As {@link #confirm}, for a snapshot that was taken just now. */
    static void flush(Connection connection, LogSql sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql.flush);
        }
    }

    static LogHead head(Connection connection, LogSql sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.head);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return LogHead.of(row);
        }
    }

    /**
     * Asked after a snapshot was taken and what only it sees was read, and before anybody relies on that. A transaction that is
     * rolled back, or commits without waiting for the disk, has ended before that is on disk: if a crash came between, its
     * xid would be given again, to one that the snapshot takes for ended.
     *
     * @param written up to where the server's log has to be on disk
     * @return how often the log was trimmed
     */
    private long confirm(Connection connection, long written) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.confirm)) {
            statement.setLong(1, written);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    private void early(Connection connection, ChangePosition from, Snapshot current, long[] ended, List<ChangeRow> rows)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(early)) {
            statement.setString(1, array(ended));
            statement.setString(2, Long.toString(from.previous().xmax()));
            statement.setString(3, Long.toString(Math.min(from.previous().next(), current.xmax())));
            statement.setLong(4, from.floor());
            statement.setObject(5, current.sql(), Types.OTHER);
            statement.setLong(6, from.last());
            statement.setLong(7, from.floor());
            read(statement, from, rows);
        }
    }

    /**
     * Reads on by number.
     *
     * @return whether nothing is left
     */
    private boolean rest(Connection connection, ChangePosition from, Snapshot current, List<ChangeRow> rows)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(next)) {
            statement.setObject(1, current.sql(), Types.OTHER);
            statement.setObject(2, from.previous().sql(), Types.OTHER);
            statement.setLong(3, Math.max(from.last(), from.floor()));
            return read(statement, from, rows) < batchSize;
        }
    }

    private int read(PreparedStatement statement, ChangePosition from, List<ChangeRow> rows) throws SQLException {
        int read = 0;
        try (ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                rows.add(row(row, from));
                read++;
            }
        }
        return read;
    }

    private ChangeRow row(ResultSet row, ChangePosition from) throws SQLException {
        long seq = row.getLong(1);
        String rowId = row.getString(4);
        Array key = row.getArray(5);
        return new ChangeRow(
                from.readUpTo(seq),
                seq,
                row.getString(3),
                ChangeOp.of(row.getString(2)),
                rowId,
                key == null ? rowId == null ? List.of() : List.of(rowId) : texts(key),
                columns(row),
                at(row));
    }

    private static Instant at(ResultSet row) throws SQLException {
        return Objects.requireNonNull(row.getObject(7, OffsetDateTime.class)).toInstant();
    }

    private static List<String> texts(Array array) throws SQLException {
        return List.of((String[]) array.getArray());
    }

    /** Few different ones among millions of rows. */
    private @Nullable List<String> columns(ResultSet row) throws SQLException {
        String text = row.getString(6);
        if (text == null) {
            return null;
        }
        List<String> known = columns.get(text);
        if (known == null) {
            known = texts(Objects.requireNonNull(row.getArray(6)));
            if (columns.size() < KNOWN_COLUMNS) {
                columns.put(text, known);
            }
        }
        return known;
    }

    private static String array(long[] xids) {
        return Arrays.stream(xids).mapToObj(Long::toString).collect(Collectors.joining(",", "{", "}"));
    }
}
