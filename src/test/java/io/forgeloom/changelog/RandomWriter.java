package io.forgeloom.changelog;

import io.forgeloom.changelog.ChangeTruth.Told;
import io.forgeloom.changelog.ChangeTruth.Version;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes to the rows of {@code t(id, n)} in every way in which number, xid and commit come in different orders: an xid long
 * before the first row, savepoints that are rolled back, transactions that are, prepared ones, long ones, and rows that
 * many want. Rows come and go; {@code n} counts the updates since a row came. Confined to one thread.
 */
final class RandomWriter implements Runnable {

    /** Versions are drawn in RETURNING, which is when the row is locked. */
    private static final String VERSION = " RETURNING t.id, nextval('t_version')";

    /**
     * What is written to.
     *
     * @param first below the lowest id
     * @param rows how many ids there are
     * @param width how many of them one statement has at most
     * @param lasting how many transactions there are to one that lasts
     * @param lastingMillis how long that one pauses at most after each statement
     * @param hasty whether there are few other pauses
     */
    record Load(int first, int rows, int width, int lasting, int lastingMillis, boolean hasty) {

        /** Few rows that all want, so that most transactions wait for others. */
        static Load crowded(int rows) {
            return new Load(0, rows, 3, 20, 60, false);
        }

        /** Many rows; half of the statements write so many that a row of the log tells of several. */
        static Load bulk(int rows) {
            return new Load(0, rows, 120, 200, 30, true);
        }

        /** Rows of its own, and each transaction takes seconds. */
        static Load slow(int first) {
            return new Load(first, 50, 5, 1, 1000, true);
        }
    }

    private final Connection connection;
    private final String log;
    private final ChangeTruth truth;
    private final AtomicBoolean stop;
    private final Random random;
    private final Load load;
    private final boolean prepares;

    /** The versions that the open transaction has written so far, in order. */
    private final List<Version> written = new ArrayList<>();

    /** The highest row that the open transaction has locked. */
    private int reached;

    /** @param log the table that the numbers are in, qualified */
    RandomWriter(
            Connection connection,
            String log,
            ChangeTruth truth,
            AtomicBoolean stop,
            long seed,
            Load load,
            boolean prepares) {
        this.connection = connection;
        this.log = log;
        this.truth = truth;
        this.stop = stop;
        this.random = new Random(seed);
        this.load = load;
        this.prepares = prepares;
    }

    /** The table, with so many rows, before it is tracked. */
    static List<String> table(int rows) {
        return List.of(
                "CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL, note text)",
                "CREATE SEQUENCE t_version",
                "INSERT INTO t SELECT g, 0 FROM generate_series(1, " + rows + ") AS g");
    }

    @Override
    public void run() {
        try (connection) {
            connection.setAutoCommit(false);
            while (!stop.get()) {
                transaction();
            }
        } catch (SQLException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void transaction() throws SQLException, InterruptedException {
        written.clear();
        reached = random.nextInt(load.rows);
        if (random.nextInt(4) == 0) {
            execute("SELECT pg_current_xact_id()");
            pause(20);
        }
        boolean lasting = random.nextInt(load.lasting) == 0;
        for (int i = random.nextInt(5); i >= 0; i--) {
            if (random.nextInt(4) == 0) {
                savepoint();
            } else {
                write();
            }
            if (lasting) {
                Thread.sleep(random.nextInt(load.lastingMillis));
            } else {
                pause(2);
            }
        }
        List<Told> told = told();
        int end = random.nextInt(10);
        if (end == 0) {
            connection.rollback();
        } else if (end == 1 && prepares) {
            prepare(told);
        } else {
            connection.commit();
            truth.add(told);
        }
    }

    /** What happens in a savepoint that is rolled back is in no log; one that is kept has an xid of its own. */
    private void savepoint() throws SQLException {
        int before = written.size();
        Savepoint savepoint = connection.setSavepoint();
        write();
        if (random.nextBoolean()) {
            connection.rollback(savepoint);
            written.subList(before, written.size()).clear();
        } else {
            connection.releaseSavepoint(savepoint);
        }
    }

    /** One statement, upwards only, or most of the time would go into deadlocks. */
    private void write() throws SQLException {
        if (reached >= load.rows) {
            return;
        }
        int from = reached + 1 + random.nextInt(Math.min(10, load.rows - reached));
        reached = Math.min(load.rows, from + random.nextInt(load.width));
        String ids = (load.first + from) + " AND " + (load.first + reached);
        String mine = "WITH mine AS (SELECT id FROM t WHERE id BETWEEN " + ids + " ORDER BY id FOR UPDATE) ";
        int kind = random.nextInt(8);
        String sql;
        if (kind == 0) {
            sql = mine + "DELETE FROM t USING mine WHERE t.id = mine.id" + VERSION;
        } else if (kind < 3) {
            sql = "INSERT INTO t SELECT g, 0 FROM generate_series(" + ids.replace(" AND", ",")
                    + ") AS g ON CONFLICT DO NOTHING" + VERSION;
        } else {
            sql = mine + "UPDATE t SET n = n + 1 FROM mine WHERE t.id = mine.id" + VERSION;
        }
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
                written.add(new Version(row.getInt(1), row.getLong(2)));
            }
        }
    }

    /**
     * The transaction's own rows in the log. A statement may log its rows in another order than it returns them, so the
     * versions of each id are laid to its numbers.
     */
    private List<Told> told() throws SQLException {
        Map<Integer, Deque<Version>> left = new HashMap<>();
        written.forEach(
                v -> left.computeIfAbsent(v.id(), id -> new ArrayDeque<>()).add(v));
        List<Told> told = new ArrayList<>();
        String sql = "SELECT seq, row_id FROM " + Reading.each(log, "l.xid = pg_current_xact_id_if_assigned()")
                + " ORDER BY seq";
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                told.add(new Told(row.getLong(1), left.get(row.getInt(2)).remove()));
            }
        }
        if (told.size() != written.size()) {
            throw new IllegalStateException(written.size() + " rows written, " + told.size() + " of them in the log");
        }
        return told;
    }

    private void prepare(List<Told> told) throws SQLException, InterruptedException {
        String name = "'w" + Thread.currentThread().threadId() + "_" + random.nextLong() + "'";
        execute("PREPARE TRANSACTION " + name);
        connection.commit();
        pause(30);
        connection.setAutoCommit(true);
        if (random.nextInt(3) == 0) {
            execute("ROLLBACK PREPARED " + name);
        } else {
            execute("COMMIT PREPARED " + name);
            truth.add(told);
        }
        connection.setAutoCommit(false);
    }

    private void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void pause(int upToMillis) throws InterruptedException {
        if (!load.hasty || random.nextInt(20) == 0) {
            Thread.sleep(Duration.ofNanos(random.nextLong(upToMillis * 1_000_000L)));
        }
    }
}
