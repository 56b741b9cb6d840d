package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.ChangeTruth.Faults;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing is lost, nothing comes twice, and for each row the order is that of commits, whatever writers do. */
@WithDatabase
@Timeout(120)
class ChangeOrderTest {

    private static final String LOG = "elsewhere.forge_change_log";
    private static final int ROWS = 40;
    private static final int WRITERS = 8;
    private static final int RUN_MILLIS = 4000;

    /** A reader that is given numbers. */
    private interface Reading {
        void look(List<Long> delivered) throws SQLException;
    }

    /** The most common way: everything above the last number. */
    private static Reading bySeq(Connection connection) {
        long[] last = {0};
        return delivered -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(
                            "SELECT seq FROM " + LOG + " WHERE seq > " + last[0] + " ORDER BY seq")) {
                while (row.next()) {
                    last[0] = row.getLong(1);
                    delivered.add(last[0]);
                }
            }
        };
    }

    /** The cure that loses nothing: everything in the order of xid and number, below the oldest that runs. */
    private static Reading byXid(Connection connection) {
        long[] last = {0, 0};
        return delivered -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("SELECT xid, seq FROM " + LOG + " WHERE (xid, seq) > ('"
                            + last[0] + "'::xid8, " + last[1]
                            + ") AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, seq")) {
                while (row.next()) {
                    last[0] = Long.parseLong(row.getString(1));
                    last[1] = row.getLong(2);
                    delivered.add(last[1]);
                }
            }
        };
    }

    /** Ours, in small batches, and every now and then from the position that was stored last, as after a crash. */
    private static Reading ours(ChangeLog log, ChangePosition start, Random random) {
        String[] stored = {start.toString()};
        return delivered -> {
            FollowOptions options =
                    FollowOptions.builder().batchSize(1 + random.nextInt(20)).build();
            try (ChangeDrain drain = log.drain(ChangePosition.parse(stored[0]), options)) {
                for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                    Batch batch = (Batch) next.get();
                    if (random.nextInt(5) == 0) {
                        // Dies before it has stored anything of this batch.
                        return;
                    }
                    int kept = 1 + random.nextInt(batch.rows().size());
                    batch.rows().subList(0, kept).forEach(row -> delivered.add(row.seq()));
                    if (kept < batch.rows().size()) {
                        stored[0] = batch.rows().get(kept - 1).position().toString();
                        return;
                    }
                    stored[0] = batch.position().toString();
                }
                stored[0] = drain.position().toString();
            }
        };
    }

    @Test
    void nothingIsLostDuplicatedOrInvertedAndTheSameLoadBreaksTheOtherReaders(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection first = server.connect();
                Connection second = server.connect();
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            fixture.execute(RandomWriter.table(ROWS).toArray(String[]::new));
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            ChangeTruth truth = new ChangeTruth();
            AtomicBoolean stop = new AtomicBoolean();
            List<Future<?>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                writers.add(threads.submit(
                        new RandomWriter(server.connect(), LOG, truth, stop, 4711 + i, ROWS, i % 2 == 0)));
            }
            List<Reading> readings = List.of(ours(fixture.log, start, new Random(1)), bySeq(first), byXid(second));
            List<List<Long>> delivered = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
            AtomicBoolean end = new AtomicBoolean();
            List<Future<?>> readers = new ArrayList<>();
            for (int i = 0; i < readings.size(); i++) {
                Reading reading = readings.get(i);
                List<Long> to = delivered.get(i);
                readers.add(threads.submit(() -> {
                    while (!end.get()) {
                        reading.look(to);
                        Thread.sleep(1);
                    }
                    return null;
                }));
            }
            try {
                Thread.sleep(RUN_MILLIS);
                stop.set(true);
                for (Future<?> writer : writers) {
                    writer.get();
                }
            } finally {
                stop.set(true);
                end.set(true);
            }
            for (Future<?> reader : readers) {
                reader.get();
            }
            for (int i = 0; i < readings.size(); i++) {
                for (int before = -1; before < delivered.get(i).size(); ) {
                    before = delivered.get(i).size();
                    for (int look = 0; look < 50; look++) {
                        readings.get(i).look(delivered.get(i));
                    }
                }
            }
            Faults ours = truth.judge(delivered.get(0));
            Faults bySeq = truth.judge(delivered.get(1));
            Faults byXid = truth.judge(delivered.get(2));
            String figures =
                    truth.size() + " rows; ours " + ours + ", seq > last " + bySeq + ", (xid, seq) < xmin " + byXid;
            System.out.println(figures);
            assertEquals(Faults.NONE, ours, figures);
            assertTrue(bySeq.lost() > 0, () -> "the load or the checker is too weak: " + figures);
            assertEquals(0, byXid.lost(), figures);
            assertTrue(byXid.inverted() > 0, () -> "the load or the checker is too weak: " + figures);
        }
    }
}
