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
    private final Map<String, List<String>> columns = new HashMap<>();
    /** Written by the thread that reads, read by any. */
    private volatile ChangePosition position;

    /** How many rows of the log to ask for: one tells of up to 64 changes, so as many as make a batch if they are as the last. */
    private int entries;

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
        this.entries = batchSize;
    }

    /** Whether the last batch had all that was committed when it was looked for. */
    boolean isAtEnd() {
        return position.current() == null;
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
            boolean hasEarly = from.last() < from.floor() && (ended.length > 0 || previous.next() > previous.xmax());
            boolean done = (!hasEarly || early(connection, from, current, ended, rows))
                    && rest(connection, from, current, rows);
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

    /** @return whether nothing of it is left */
    private boolean early(
            Connection connection, ChangePosition from, Snapshot current, long[] ended, List<ChangeRow> rows)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.early)) {
            statement.setString(1, array(ended));
            statement.setString(2, Long.toString(from.previous().xmax()));
            statement.setString(3, Long.toString(Math.min(from.previous().next(), current.xmax())));
            statement.setLong(4, from.floor());
            statement.setObject(5, current.sql(), Types.OTHER);
            statement.setLong(6, from.last());
            statement.setLong(7, from.floor());
            statement.setInt(8, entries);
            statement.setInt(9, entries);
            return read(statement, from, rows);
        }
    }

    /**
     * Reads on by number.
     *
     * @return whether nothing is left
     */
    private boolean rest(Connection connection, ChangePosition from, Snapshot current, List<ChangeRow> rows)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.next)) {
            statement.setObject(1, current.sql(), Types.OTHER);
            statement.setObject(2, from.previous().sql(), Types.OTHER);
            statement.setLong(3, Math.max(from.last(), from.floor()));
            statement.setInt(4, entries);
            return read(statement, from, rows);
        }
    }

    /** @return whether nothing is left */
    private boolean read(PreparedStatement statement, ChangePosition from, List<ChangeRow> rows) throws SQLException {
        int asked = entries;
        int before = rows.size();
        int read = 0;
        try (ResultSet row = statement.executeQuery()) {
            while (rows.size() < batchSize && row.next()) {
                add(row, from, rows);
                read++;
            }
        }
        int each = (rows.size() - before) / Math.max(read, 1);
        entries = Math.clamp(batchSize / Math.max(each, 1) + 1L, 1, batchSize);
        return read < asked && rows.size() < batchSize;
    }

    /** What one row of the log tells of, as far as that was not read before and a batch holds it. */
    private void add(ResultSet row, ChangePosition from, List<ChangeRow> rows) throws SQLException {
        long seq = row.getLong(1);
        ChangeOp op = ChangeOp.of(row.getString(2));
        String table = row.getString(3);
        List<String> changed = columns(row);
        Instant at =
                Objects.requireNonNull(row.getObject(7, OffsetDateTime.class)).toInstant();
        Array several = row.getArray(8);
        if (several == null) {
            String rowId = row.getString(4);
            Array key = row.getArray(5);
            List<String> texts = key == null ? rowId == null ? List.of() : List.of(rowId) : texts(key);
            rows.add(new ChangeRow(from.readUpTo(seq), seq, table, op, rowId, texts, changed, at));
            return;
        }
        String[] rowIds = (String[]) several.getArray();
        Array keys = row.getArray(9);
        String[][] texts = keys == null ? null : (String[][]) keys.getArray();
        for (int i = 0; i < rowIds.length && rows.size() < batchSize; i++) {
            long number = seq - rowIds.length + 1 + i;
            if (number > from.last()) {
                List<String> key = List.of(texts == null ? new String[] {rowIds[i]} : texts[i]);
                rows.add(new ChangeRow(from.readUpTo(number), number, table, op, rowIds[i], key, changed, at));
            }
        }
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
