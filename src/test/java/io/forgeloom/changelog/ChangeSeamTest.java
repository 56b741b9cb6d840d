package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A copy and what follows it make the table. */
@WithDatabase
class ChangeSeamTest {

    private static final int IDS = 40;

    @Test
    @Timeout(60)
    void copiesAndWhatFollowsMakeTheTableWithoutGapOrOverlap(TestDatabase server) throws Exception {
        run(server, 20);
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void aHundredCopiesAndWhatFollowsMakeTheTableWithoutGapOrOverlap(TestDatabase server) throws Exception {
        run(server, 100);
    }

    private static void run(TestDatabase server, int starts) throws Exception {
        ChangeTruth truth = new ChangeTruth();
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            fixture.execute(RandomWriter.table(IDS).toArray(String[]::new));
            fixture.log.track("t", TrackOptions.DEFAULTS);
            AtomicBoolean stop = new AtomicBoolean();
            List<Future<?>> writers = new ArrayList<>();
            List<ChangeSeam<Map<String, Long>>> seams = new ArrayList<>();
            try {
                for (int i = 0; i < 6; i++) {
                    RandomWriter.Load load = RandomWriter.Load.crowded(IDS);
                    writers.add(threads.submit(new RandomWriter(
                            server.connect(), "elsewhere.forge_change_log", truth, stop, i, load, true)));
                }
                for (int i = 0; i < starts; i++) {
                    // Each begins somewhere else in the load, and those that began follow it on.
                    truth.awaitSize(truth.size() + 20, Duration.ofSeconds(20));
                    seams.add(fixture.log.snapshotThenFollow(FollowOptions.DEFAULTS, ChangeSeamTest::copy));
                    apply(seams.get(i / 2), 1);
                }
            } finally {
                stop.set(true);
            }
            for (Future<?> writer : writers) {
                writer.get();
            }
            assertEquals(List.of(), rest(fixture, seams));
        }
    }

    private static List<String> rest(ChangeLogFixture fixture, List<ChangeSeam<Map<String, Long>>> seams)
            throws Exception {
        Map<String, Long> table = fixture.database.withConnection(ChangeSeamTest::copy);
        for (ChangeSeam<Map<String, Long>> seam : seams) {
            apply(seam, Integer.MAX_VALUE);
            assertEquals(table, seam.copy());
            seam.close();
        }
        return fixture.column("SELECT name FROM forge_change_consumers");
    }

    static Map<String, Long> copy(Connection connection) throws SQLException {
        Map<String, Long> copy = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT id, n FROM t")) {
            while (row.next()) {
                copy.put(row.getString(1), row.getLong(2));
            }
        }
        return copy;
    }

    /** Each update is one more: with a row of the log too many or too few the copy is another one, or cannot be made. */
    static void apply(ChangeSeam<Map<String, Long>> seam, int batches) throws InterruptedException {
        Map<String, Long> copy = seam.copy();
        for (int i = 0; i < batches; i++) {
            Optional<ChangeElement> next = seam.follower().poll(Duration.ZERO);
            if (next.isEmpty()) {
                return;
            }
            for (ChangeRow row : ((Batch) next.get()).rows()) {
                String id = String.valueOf(row.rowId());
                assertTrue((row.op() == ChangeOp.INSERT) != copy.containsKey(id), () -> row + " on " + copy);
                switch (row.op()) {
                    case INSERT -> copy.put(id, 0L);
                    case UPDATE -> copy.merge(id, 1L, Long::sum);
                    case DELETE -> copy.remove(id);
                    case TRUNCATE -> throw new AssertionError("nobody truncates");
                }
            }
        }
    }
}
