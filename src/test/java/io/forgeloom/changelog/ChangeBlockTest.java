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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Statements that change many rows, of which one row of the log tells of several: who reads sees one for each. */
@WithDatabase
@Timeout(60)
@Tag("slow")
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
            assertEquals(
                    List.of("D 64", "I 64", "U 1"),
                    fixture.column("SELECT op::text || ' ' || max(cardinality(row_ids)) FROM " + LOG
                            + " WHERE row_ids IS NOT NULL GROUP BY op ORDER BY 1"));
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
                    "INSERT INTO t SELECT generate_series(1, 300)",
                    "INSERT INTO t VALUES (301)",
                    "INSERT INTO t SELECT generate_series(302, 371)",
                    "INSERT INTO t VALUES (372), (373)");
            List<String> all = IntStream.rangeClosed(1, 373)
                    .mapToObj(id -> "I elsewhere.t " + id)
                    .toList();
            for (int size : new int[] {1, 2, 63, 64, 65, 372, 373, 1000}) {
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
                assertEquals(373, rows.size(), "in batches of " + size);
                for (int i = 0; i < rows.size(); i += size == 1000 ? 1 : 29) {
                    assertEquals(
                            all.subList(i + 1, 373),
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
            List<Throwable> failed = Collections.synchronizedList(new ArrayList<>());
            List<Thread> threads = new ArrayList<>();
            for (int first : new int[] {0, 10_000}) {
                threads.add(Thread.ofVirtual().name("bulk-" + first).start(() -> {
                    try {
                        for (int i = 0; i < 10; i++) {
                            fixture.execute(
                                    "INSERT INTO t SELECT " + first + " + g, 0 FROM generate_series(1, 2000) AS g",
                                    // Some rows go and come in the midst of those that stay.
                                    "UPDATE t SET n = 1, id = CASE WHEN id % 10 = 0 THEN -id ELSE id END WHERE id BETWEEN "
                                            + first + " + 1 AND " + first + " + 2000",
                                    "DELETE FROM t WHERE abs(id) BETWEEN " + first + " + 1 AND " + first + " + 2000");
                        }
                    } catch (Exception e) {
                        failed.add(e);
                    }
                }));
            }
            int singles = 0;
            try (Connection connection = server.connect();
                    Statement statement = connection.createStatement()) {
                while (threads.stream().anyMatch(Thread::isAlive)) {
                    statement.execute("INSERT INTO single VALUES (" + ++singles + ")");
                }
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(List.of(), failed);
            List<ChangeRow> rows = fixture.rows(start);
            assertEquals(20 * (2000 + 2200 + 2000) + singles, rows.size());
            Set<Long> numbers = new HashSet<>();
            rows.forEach(row -> assertTrue(numbers.add(row.seq()), row::toString));
            Map<String, ChangeOp> last = new HashMap<>();
            for (ChangeRow row : rows) {
                ChangeOp before = last.put(row.table() + row.rowId(), row.op());
                boolean follows = switch (row.op()) {
                    case INSERT -> before == null || before == ChangeOp.DELETE;
                    case UPDATE -> before == ChangeOp.INSERT;
                    default -> before == ChangeOp.INSERT || before == ChangeOp.UPDATE;
                };
                assertTrue(follows, () -> row + " came after " + before);
            }
        }
    }

    @Test
    void fewRowsAreLoggedOneByOneAndManyInBlocks(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)",
                    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)",
                    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (1000)");
            fixture.log.track("p", TrackOptions.DEFAULTS);
            Map<String, String> logged = new LinkedHashMap<>();
            logged.put("INSERT INTO p SELECT generate_series(1, 64)", "64 0");
            logged.put("INSERT INTO p SELECT generate_series(101, 165)", "64 1");
            logged.put("UPDATE p SET n = 1 WHERE id = 1", "1 0");
            logged.put("UPDATE p SET n = 2 WHERE id <= 64", "64 0");
            logged.put("UPDATE p SET n = 3 WHERE id <= 101", "0 65");
            logged.put("UPDATE p SET n = 3 WHERE id < 101 AND n = 3", "0 0");
            logged.put("UPDATE p SET n = 4 WHERE id = 999", "0 0");
            logged.put("UPDATE p SET id = 999 WHERE id = 1", "2 0");
            logged.put("UPDATE p SET id = id + 200 WHERE id <= 165", "0 256");
            logged.put("DELETE FROM p WHERE id = 999", "1 0");
            logged.put("DELETE FROM p", "64 64");
            for (Map.Entry<String, String> each : logged.entrySet()) {
                ChangePosition before = fixture.log.now();
                long last = fixture.log.maxSeq().orElse(0);
                fixture.execute(each.getKey());
                String counted = fixture.column("SELECT count(row_id) || ' ' || coalesce(sum(cardinality(row_ids)), 0)"
                                + " FROM " + LOG + " WHERE seq > " + last)
                        .getFirst();
                assertEquals(each.getValue(), counted, each.getKey());
                String[] parts = counted.split(" ");
                assertEquals(
                        Integer.parseInt(parts[0]) + Integer.parseInt(parts[1]),
                        fixture.rows(before).size(),
                        each.getKey());
            }
        }
    }

    @Test
    void whatIsCountedIsCountedByRows(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT generate_series(1, 1500)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute("UPDATE t SET n = 1");
            assertEquals(OptionalLong.of(1), fixture.log.minSeq());
            assertEquals(OptionalLong.of(1500), fixture.log.maxSeq());
            ChangeLogStats stats = fixture.log.stats();
            assertEquals(List.of(1500L, 1L, 1500L), List.of(stats.rows(), stats.minSeq(), stats.maxSeq()));
            assertEquals(
                    1500,
                    stats.slots().stream().mapToLong(ChangeLogStats.Slot::rows).sum());
            assertEquals(1500, fixture.rows(start).size());
            assertEquals(
                    List.of("t"),
                    fixture.column("SELECT count(DISTINCT created_at) > 1 FROM " + LOG),
                    "each block has the time of its numbers");
        }
    }
}
