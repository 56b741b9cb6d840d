package io.forgeloom.changelog;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes to the rows of {@code t(id, n)} in every way in which number, xid and commit come in different orders: an xid long
 * before the first row, savepoints that are rolled back, transactions that are, prepared ones, long ones, and rows that
 * many want. Confined to one thread.
 */
final class RandomWriter implements Runnable {

    private static final String TABLE = "CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL, note text)";

    private final Connection connection;
    private final String log;
    private final ChangeTruth truth;
    private final AtomicBoolean stop;
    private final Random random;
    private final int rows;
    private final boolean prepares;

    /** The versions that the open transaction has written so far, in order. */
    private final List<ChangeTruth.Version> written = new ArrayList<>();

    /** The highest row that the open transaction has locked. */
    private int reached;

    /** @param log the table that the numbers are in, qualified */
    RandomWriter(
            Connection connection,
            String log,
            ChangeTruth truth,
            AtomicBoolean stop,
            long seed,
            int rows,
            boolean prepares) {
        this.connection = connection;
        this.log = log;
        this.truth = truth;
        this.stop = stop;
        this.random = new Random(seed);
        this.rows = rows;
        this.prepares = prepares;
    }

    /** The table, with all its rows, before it is tracked. */
    static List<String> table(int rows) {
        return List.of(TABLE, "INSERT INTO t SELECT g, 0 FROM generate_series(1, " + rows + ") AS g");
    }

    @Override
    public void run() {
        try {
            connection.setAutoCommit(false);
            while (!stop.get()) {
                transaction();
            }
            connection.close();
        } catch (SQLException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void transaction() throws SQLException, InterruptedException {
        written.clear();
        reached = random.nextInt(rows);
        if (random.nextInt(4) == 0) {
            execute("SELECT pg_current_xact_id()");
            pause(20);
        }
        boolean lasting = random.nextInt(20) == 0;
        for (int i = random.nextInt(5); i >= 0; i--) {
            if (random.nextInt(4) == 0) {
                savepoint();
            } else {
                update();
            }
            pause(lasting ? 60 : 2);
        }
        Map<Long, ChangeTruth.Version> numbers = numbers();
        int end = random.nextInt(10);
        if (end == 0) {
            connection.rollback();
        } else if (end == 1 && prepares) {
            prepare(numbers);
        } else {
            connection.commit();
            truth.add(numbers);
        }
    }

    /** What happens in a savepoint that is rolled back is in no log; one that is kept has an xid of its own. */
    private void savepoint() throws SQLException {
        int before = written.size();
        Savepoint savepoint = connection.setSavepoint();
        update();
        if (random.nextBoolean()) {
            connection.rollback(savepoint);
            written.subList(before, written.size()).clear();
        } else {
            connection.releaseSavepoint(savepoint);
        }
    }

    private void update() throws SQLException {
        if (reached >= rows) {
            return;
        }
        // Upwards only, or most of the time would go into deadlocks.
        int first = reached + 1 + random.nextInt(Math.min(10, rows - reached));
        int last = Math.min(rows, first + random.nextInt(3));
        reached = last;
        String sql = "WITH mine AS (SELECT id FROM t WHERE id BETWEEN " + first + " AND " + last
                + " ORDER BY id FOR UPDATE) UPDATE t SET n = n + 1 FROM mine WHERE t.id = mine.id RETURNING t.id, n";
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
                written.add(new ChangeTruth.Version(row.getInt(1), row.getLong(2)));
            }
        }
    }

    /**
     * The transaction's own rows in the log. A statement may log its rows in another order than it returns them, so the
     * versions of each id are laid to its numbers.
     */
    private Map<Long, ChangeTruth.Version> numbers() throws SQLException {
        Map<Long, ChangeTruth.Version> numbers = new HashMap<>();
        List<ChangeTruth.Version> left = new ArrayList<>(written);
        String sql = "SELECT seq, row_id FROM " + log + " WHERE xid = pg_current_xact_id_if_assigned() ORDER BY seq";
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                int id = row.getInt(2);
                ChangeTruth.Version next =
                        left.stream().filter(v -> v.id() == id).findFirst().orElseThrow();
                left.remove(next);
                numbers.put(row.getLong(1), next);
            }
        }
        if (!left.isEmpty()) {
            throw new IllegalStateException("not in the log: " + left);
        }
        return numbers;
    }

    private void prepare(Map<Long, ChangeTruth.Version> numbers) throws SQLException, InterruptedException {
        String name = "'w" + Thread.currentThread().threadId() + "_" + random.nextLong() + "'";
        execute("PREPARE TRANSACTION " + name);
        connection.commit();
        pause(30);
        connection.setAutoCommit(true);
        if (random.nextInt(3) == 0) {
            execute("ROLLBACK PREPARED " + name);
        } else {
            execute("COMMIT PREPARED " + name);
            truth.add(numbers);
        }
        connection.setAutoCommit(false);
    }

    private void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void pause(int upToMillis) throws InterruptedException {
        Thread.sleep(Duration.ofNanos(random.nextLong(upToMillis * 1_000_000L)));
    }
}
