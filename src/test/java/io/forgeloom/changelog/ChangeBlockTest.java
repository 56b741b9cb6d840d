package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Statements that change many rows, of which one row of the log tells of several: who reads sees one for each. */
@WithDatabase
@Timeout(60)
class ChangeBlockTest {

    private static final String LOG = "elsewhere.forge_change_log";

    @Test
    void whoReadsSeesEachRowWithItsOwnNumberAndKey(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (a text, b int, n int, note text, PRIMARY KEY (b, a) DEFERRABLE)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO t SELECT E'\"\\\\:# ,{}\\tä' || g, g, 0 FROM generate_series(1, 200) AS g",
                    // What is changed differs from row to row, or nothing is.
                    "UPDATE t SET n = CASE WHEN b % 3 = 0 THEN 0 ELSE 1 END, note = CASE WHEN b % 3 = 1 THEN 'x' END",
                    // All but one of these keys were there before.
                    "UPDATE t SET b = b + 1, a = E'\"\\\\:# ,{}\\tä' || b + 1",
                    "DELETE FROM t WHERE b > 2");
            List<ChangeRow> rows = fixture.rows(start);
            assertEquals(
                    LongStream.rangeClosed(1, rows.size()).boxed().toList(),
                    rows.stream().map(ChangeRow::seq).toList());
            int entries = Integer.parseInt(
                    fixture.column("SELECT count(*) FROM " + LOG).getFirst());
            assertTrue(entries < rows.size() / 2, entries + " rows of the log for " + rows.size());
            assertEquals(
                    IntStream.rangeClosed(1, 200).mapToObj(b -> "I " + b).toList(),
                    rows.subList(0, 200).stream()
                            .map(row ->
                                    row.op().name().charAt(0) + " " + row.key().getFirst())
                            .toList());
            ChangeRow seventh = rows.get(6);
            assertEquals(List.of("7", "\"\\:# ,{}\tä7"), seventh.key());
            assertEquals("[\"7\",\"\\\"\\\\:# ,{}\\tä7\"]", seventh.rowId());
            Map<String, Long> updates = rows.subList(200, 334).stream()
                    .collect(Collectors.groupingBy(row -> row.op() + " " + row.changed(), Collectors.counting()));
            assertEquals(Map.of("UPDATE [n, note]", 67L, "UPDATE [n]", 67L), updates);
            assertEquals(
                    Set.of("DELETE 1", "INSERT 201"),
                    rows.subList(334, rows.size() - 199).stream()
                            .filter(row -> row.op() != ChangeOp.UPDATE)
                            .map(row -> row.op() + " " + row.key().getFirst())
                            .collect(Collectors.toSet()));
            assertEquals(
                    IntStream.rangeClosed(3, 201).boxed().collect(Collectors.toSet()),
                    rows.subList(rows.size() - 199, rows.size()).stream()
                            .filter(row -> row.op() == ChangeOp.DELETE && row.changed() == null)
                            .map(row -> Integer.valueOf(row.key().getFirst()))
                            .collect(Collectors.toSet()));
        }
    }

    @Test
    void aReaderGoesOnBehindAnyRowAndInBatchesOfAnySize(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO t SELECT generate_series(1, 100)",
                    "INSERT INTO t VALUES (101)",
                    "INSERT INTO t SELECT generate_series(102, 171)",
                    "INSERT INTO t VALUES (172), (173)");
            List<String> all = IntStream.rangeClosed(1, 173)
                    .mapToObj(id -> "I elsewhere.t " + id)
                    .toList();
            for (int size : new int[] {1, 2, 63, 64, 65, 172, 173, 1000}) {
                FollowOptions options = FollowOptions.builder().batchSize(size).build();
                List<ChangeRow> rows = new ArrayList<>();
                try (ChangeDrain drain = fixture.log.drain(start, options)) {
                    for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                        Batch batch = (Batch) next.get();
                        assertTrue(
                                batch.rows().size() <= size, () -> batch.rows().size() + " of " + size);
                        assertEquals(batch.position(), batch.rows().getLast().position());
                        rows.addAll(batch.rows());
                    }
                    assertEquals(List.of(), fixture.rows(drain.position()));
                }
                assertEquals(173, rows.size(), "in batches of " + size);
                for (int i = 0; i < rows.size(); i += size == 1000 ? 1 : 29) {
                    assertEquals(
                            all.subList(i + 1, 173),
                            fixture.lines(rows.get(i).position()),
                            "behind row " + i + " in batches of " + size);
                }
            }
        }
    }

    @Test
    void numbersOfOthersInBetweenBelongToNobodyElse(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, n int)", "CREATE TABLE single (id int PRIMARY KEY)");
            fixture.log.track("t", new TrackOptions(TrackOptions.Mode.ROW, false));
            fixture.log.track("single", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            CountDownLatch done = new CountDownLatch(2);
            List<Throwable> failed = Collections.synchronizedList(new ArrayList<>());
            List<Thread> threads = new ArrayList<>();
            for (int first : new int[] {0, 10_000}) {
                threads.add(Thread.ofVirtual().name("bulk-" + first).start(() -> {
                    try {
                        for (int i = 0; i < 10; i++) {
                            fixture.execute(
                                    "INSERT INTO t SELECT " + first + " + g, 0 FROM generate_series(1, 2000) AS g",
                                    "UPDATE t SET n = 1 WHERE id BETWEEN " + first + " + 1 AND " + first + " + 2000",
                                    "DELETE FROM t WHERE id BETWEEN " + first + " + 1 AND " + first + " + 2000");
                        }
                    } catch (Exception e) {
                        failed.add(e);
                    }
                    done.countDown();
                }));
            }
            int singles = 0;
            try (Connection connection = server.connect();
                    Statement statement = connection.createStatement()) {
                while (done.getCount() > 0) {
                    statement.execute("INSERT INTO single VALUES (" + ++singles + ")");
                }
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(List.of(), failed);
            List<ChangeRow> rows = fixture.rows(start);
            assertEquals(120_000 + singles, rows.size());
            Set<Long> numbers = new HashSet<>();
            rows.forEach(row -> assertTrue(numbers.add(row.seq()), row::toString));
            Map<String, ChangeOp> last = new HashMap<>();
            for (ChangeRow row : rows) {
                ChangeOp before = last.put(row.table() + row.rowId(), row.op());
                boolean follows = switch (row.op()) {
                    case INSERT -> before == null || before == ChangeOp.DELETE;
                    case UPDATE -> before == ChangeOp.INSERT;
                    default -> before == ChangeOp.UPDATE;
                };
                assertTrue(follows, () -> row + " came after " + before);
            }
        }
    }

    @Test
    void whereTheServerDoesNotCountRowsTheyAreLoggedInTheSameWay(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE t (id int PRIMARY KEY)",
                    "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
                    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)",
                    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (1000)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.log.track("p", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "SET track_counts = off",
                    "INSERT INTO t SELECT generate_series(1, 130)",
                    "INSERT INTO p SELECT generate_series(1, 130)",
                    "UPDATE p SET id = id + 200",
                    "DELETE FROM p WHERE id = 201");
            assertEquals(130 + 130 + 260 + 1, fixture.rows(start).size());
            assertEquals(
                    List.of("elsewhere.p 201"),
                    fixture.column("SELECT table_name || ' ' || row_id FROM " + LOG + " WHERE row_ids IS NULL"));
        }
    }

    @Test
    void statementsOfFewRowsAreLoggedOneByOneHoweverManyThereAre(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.execute(
                    "DO $$ BEGIN FOR i IN 1..100 LOOP INSERT INTO t VALUES (i), (-i); END LOOP; END $$",
                    "INSERT INTO t SELECT generate_series(1001, 1064)");
            assertEquals(List.of("264"), fixture.column("SELECT count(*) FROM " + LOG + " WHERE row_id IS NOT NULL"));
            fixture.execute("INSERT INTO t SELECT generate_series(2001, 2065)");
            assertEquals(List.of("65"), fixture.column("SELECT sum(cardinality(row_ids)) FROM " + LOG));
        }
    }

    @Test
    void whatIsCountedIsCountedByRows(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute("INSERT INTO t SELECT generate_series(1, 1500)");
            assertEquals(OptionalLong.of(1), fixture.log.minSeq());
            assertEquals(OptionalLong.of(1500), fixture.log.maxSeq());
            ChangeLogStats stats = fixture.log.stats();
            assertEquals(List.of(1500L, 1L, 1500L), List.of(stats.rows(), stats.minSeq(), stats.maxSeq()));
            assertEquals(
                    1500,
                    stats.slots().stream().mapToLong(ChangeLogStats.Slot::rows).sum());
            assertEquals(1500, fixture.rows(start).size());
        }
    }
}
