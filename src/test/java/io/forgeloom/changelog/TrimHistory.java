package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * A writer that knows the order of its commits, one that looks all the time, and positions of long ago: a reader that goes on
 * from one must get all that was committed since, or a {@link Resync}. It is false if all of that is still there. Confined to
 * one thread; others may trim.
 */
final class TrimHistory implements AutoCloseable {

    private static final int OLD = 40;
    private static final int LATE = 3;

    /** A position, and how much was committed then. */
    private record Mark(ChangePosition position, int committed) {}

    /** A transaction that is still open, since when, and the numbers of its rows. */
    private record Late(Connection connection, long begun, List<Long> seqs) {}

    private final TestServer server;
    private final ChangeLogFixture fixture;
    private final Connection writer;
    private final Connection open;
    private final Random random = new Random();

    /** The numbers of all that was committed, in the order of commits. */
    private final List<Long> committed = new ArrayList<>();

    private final List<Long> opened = new ArrayList<>();
    private final Deque<Late> late = new ArrayDeque<>();
    private final List<Mark> old = new ArrayList<>();
    private Mark looker;
    private long lookedAt;
    private int id;
    private int rolledBack;
    private int looks;
    private int lookedLate;
    private int falseWithin;
    private int told;
    private int toldFalsely;
    private int read;

    TrimHistory(TestServer server, ChangeLogFixture fixture) throws SQLException {
        this.server = server;
        this.fixture = fixture;
        fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
        fixture.log.track("t", TrackOptions.DEFAULTS);
        writer = server.connect();
        writer.setAutoCommit(false);
        open = server.connect();
        open.setAutoCommit(false);
        looker = mark();
    }

    private Mark mark() {
        lookedAt = System.nanoTime();
        return new Mark(fixture.log.now(), committed.size());
    }

    /** Writes a row in a transaction that stays open. */
    void openOne() throws SQLException {
        opened.addAll(insert(open, 1));
    }

    /** Commits that one; doing it again does nothing. */
    void endOne() throws SQLException {
        open.commit();
        committed.addAll(opened);
        opened.clear();
    }

    /** Only one writes at a time, so the numbers in the log are those of the rows. */
    private List<Long> insert(Connection connection, int rows) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("INSERT INTO t SELECT generate_series(" + (id + 1) + ", " + (id + rows) + ")");
        }
        id += rows;
        return LongStream.rangeClosed(id - rows + 1, id).boxed().toList();
    }

    /** Some transactions: one in twenty is rolled back, one in ten stays open for a while. */
    void write() throws SQLException {
        for (int i = 0; i < 4; i++) {
            int kind = random.nextInt(20);
            if (kind < 2 && late.size() < LATE) {
                Connection connection = server.connect();
                connection.setAutoCommit(false);
                late.add(new Late(connection, System.nanoTime(), insert(connection, 5)));
                continue;
            }
            List<Long> seqs = insert(writer, 50);
            if (kind == 19 || (rolledBack == 0 && looks > 10)) {
                writer.rollback();
                rolledBack++;
            } else {
                writer.commit();
                committed.addAll(seqs);
            }
        }
        old.add(new Mark(fixture.log.now(), committed.size()));
        if (old.size() > OLD) {
            old.removeFirst();
        }
    }

    /**
     * Commits the transaction that has been open for longest, if that is so long.
     *
     * @return whether there was one
     */
    boolean endLate(Duration atLeast) throws SQLException {
        Late first = late.peek();
        if (first == null || System.nanoTime() - first.begun < atLeast.toNanos()) {
            return false;
        }
        late.remove();
        first.connection.commit();
        committed.addAll(first.seqs);
        first.connection.close();
        return true;
    }

    TrimResult trim(Instant before) {
        return fixture.log.trim(before);
    }

    /** The one who looks takes what there is. */
    void look() {
        assertTrue(look(looker, false), () -> "it had been told that all is well; " + this);
    }

    /** Whether it can go on. */
    boolean lookAgain() {
        return look(looker, false);
    }

    /** As {@link #look()}, with others at work, so it counts only if the last look was not longer ago than that. */
    void lookWithin(Duration limit) {
        long before = lookedAt;
        Mark mark = looker;
        boolean fine = look(mark, false);
        if (System.nanoTime() - before > limit.toNanos()) {
            lookedLate++;
        } else if (!fine) {
            falseWithin++;
        }
        if (!fine) {
            looker = mark();
        }
    }

    /** One from long ago takes what there is, or is told. */
    void lookBack() {
        look(old.get(random.nextInt(old.size())), true);
    }

    private boolean look(Mark mark, boolean back) {
        looks++;
        long begun = System.nanoTime();
        Set<Long> missing = new HashSet<>(committed.subList(mark.committed, committed.size()));
        FollowOptions options =
                FollowOptions.builder().batchSize(1 + random.nextInt(100)).build();
        try (ChangeDrain drain = fixture.log.drain(mark.position, options)) {
            for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                if (next.get() instanceof Resync resync) {
                    assertEquals(Resync.Cause.TRIMMED, resync.cause());
                    told++;
                    Set<Long> still = still();
                    toldFalsely += still.containsAll(committed.subList(mark.committed, committed.size())) ? 1 : 0;
                    return false;
                }
                for (ChangeRow row : ((Batch) next.get()).rows()) {
                    assertTrue(missing.remove(row.seq()), () -> "was not to come: " + row + "; " + this);
                    read++;
                }
            }
            int lost = missing.size();
            assertEquals(0, lost, () -> "rows are missing and nobody said so; " + this);
            if (!back) {
                looker = new Mark(drain.position(), committed.size());
                lookedAt = begun;
            }
            return true;
        }
    }

    private Set<Long> still() {
        return fixture.database.withConnection(connection -> {
            Set<Long> seqs = new HashSet<>();
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(
                            "SELECT seq FROM " + Reading.each("elsewhere.forge_change_log", "true"))) {
                while (row.next()) {
                    seqs.add(row.getLong(1));
                }
            }
            return seqs;
        });
    }

    int falseWithin() {
        return falseWithin;
    }

    /** A run in which nobody was told, and nobody not, proves nothing. */
    void requireMeaning(int trims) {
        assertTrue(rolledBack > 0 && told > trims / 10 && looks - told > trims && read > trims, this::toString);
    }

    @Override
    public void close() throws SQLException {
        for (Late each : late) {
            each.connection.close();
        }
        writer.close();
        open.close();
    }

    @Override
    public String toString() {
        return looks + " looks, " + lookedLate + " of them too late to count; " + read + " rows read of "
                + committed.size() + ", " + rolledBack + " transactions rolled back; " + told
                + " told to start anew, of them " + toldFalsely + " with all they needed still there, " + falseWithin
                + " of those who look often";
    }
}
