package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code forge changes}: in this JVM, and as processes of its own that are stopped and killed. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ChangesCommandTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** Two tables, one with an odd name and a key of two columns. */
    private static void tracked(TestDatabase database) throws Exception {
        run(0, "migrate", "--url", database.url());
        database.execute("CREATE TABLE orders (id int PRIMARY KEY, total int)");
        database.execute("CREATE TABLE \"Odd Items\" (a int, b text, c int, PRIMARY KEY (a, b))");
        assertEquals("", changes(0, database, "track", "orders").out());
        changes(0, database, "track", "--no-changed-columns", "\"Odd Items\"");
    }

    @Test
    void eachRowIsOneObjectAndItsPositionGoesOnRightBehindIt(TestDatabase database) throws Exception {
        tracked(database);
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 3) AS g");
        database.execute("UPDATE orders SET total = 7 WHERE id = 2");
        database.execute("INSERT INTO \"Odd Items\" VALUES (1, 'x:\"y\"', 0)");
        database.execute("UPDATE \"Odd Items\" SET c = 1");
        database.execute("DELETE FROM orders WHERE id = 1");
        database.execute("TRUNCATE orders");
        List<Map<?, ?>> all = follow(database, "--from", "start", "--limit", "8");
        assertEquals(
                List.of("position", "seq", "table", "op", "row_id", "changed", "at"),
                List.copyOf(all.getFirst().keySet()));
        assertEquals(
                List.of(
                        "INSERT elsewhere.orders 1 null",
                        "INSERT elsewhere.orders 2 null",
                        "INSERT elsewhere.orders 3 null",
                        "UPDATE elsewhere.orders 2 [total]",
                        "INSERT elsewhere.\"Odd Items\" [\"1\",\"x:\\\"y\\\"\"] null",
                        "UPDATE elsewhere.\"Odd Items\" [\"1\",\"x:\\\"y\\\"\"] null",
                        "DELETE elsewhere.orders 1 null",
                        "TRUNCATE elsewhere.orders null null"),
                all.stream()
                        .map(row -> row.get("op") + " " + row.get("table") + " " + row.get("row_id") + " "
                                + row.get("changed"))
                        .toList());
        for (int i = 0; i < 7; i++) {
            String position = (String) all.get(i).get("position");
            List<Map<?, ?>> rest = follow(database, "--from", position, "--limit", Integer.toString(7 - i));
            assertEquals(seqs(all.subList(i + 1, 8)), seqs(rest), "behind row " + i);
        }
        assertEquals(
                List.of(5L, 6L), seqs(follow(database, "--table", "\"Odd Items\"", "--from", "start", "--limit", "2")));
        ForgeRun text = changes(0, database, "follow", "--from", "start", "--limit", "4");
        assertTrue(
                text.out().lines().toList().get(3).matches("4 \\S+Z UPDATE elsewhere\\.orders 2 \\(total\\)"),
                text.out());
    }

    @Test
    void consumerGoesOnWhereItCommittedAlsoInTheMiddleOfABatch(TestDatabase database) throws Exception {
        tracked(database);
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 7) AS g");
        assertEquals(List.of(1L, 2L), seqs(follow(database, "--consumer", "mine", "--from", "start", "--limit", "2")));
        assertEquals(List.of(3L), seqs(follow(database, "--consumer", "mine", "--limit", "1")));
        ForgeRun again =
                changes(0, database, "follow", "--json", "--consumer", "mine", "--from", "start", "--limit", "2");
        assertEquals(List.of(4L, 5L), seqs(objects(again)));
        assertTrue(again.err().contains("--from is for a new one"), again.err());

        Map<?, ?> consumer = consumers(database).getFirst();
        assertEquals(
                List.of("mine", 2L, true),
                List.of(consumer.get("name"), consumer.get("behindRows"), consumer.get("holds")));
        follow(database, "--consumer", "mine", "--when-behind", "evict", "--limit", "1");
        follow(database, "--consumer", "mine", "--limit", "1");
        assertEquals(false, consumers(database).getFirst().get("holds"), "what was said before stays");
        assertEquals(0L, consumers(database).getFirst().get("behindRows"));
        changes(0, database, "drop-consumer", "mine");
        assertTrue(changes(1, database, "drop-consumer", "mine").err().contains("no consumer mine"));
    }

    @Test
    void consumerThatIsKilledMissesNothing(TestDatabase database) throws Exception {
        tracked(database);
        List<String> seen = new ArrayList<>();
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 3) AS g");
        for (int i = 4; i < 7; i++) {
            try (TestProcess follow =
                    process(database, "--from", "start", "--consumer", "mine").start()) {
                database.execute("INSERT INTO orders VALUES (" + i + ", 0)");
                String last = "\"row_id\":\"" + i + "\"";
                follow.awaitLine(line -> line.contains(last), PATIENCE);
                follow.sigkill();
                seen.addAll(follow.lines());
            }
        }
        List<String> ids = seen.stream()
                .map(line -> String.valueOf(((Map<?, ?>) JsonText.read(line)).get("row_id")))
                .distinct()
                .toList();
        assertEquals(List.of("1", "2", "3", "4", "5", "6"), ids);
        Await.until(
                "the server has seen that they are gone",
                () -> sessions(database).equals("0"));
    }

    @Test
    void itSaysResyncAndGoesOnOutlivesItsSessionsAndEndsBySigterm(TestDatabase database) throws Exception {
        tracked(database);
        database.execute("INSERT INTO orders VALUES (0, 0)");
        String position = (String)
                follow(database, "--from", "start", "--limit", "1").getFirst().get("position");
        for (int i = 0; i < 2; i++) {
            database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(" + i * 2000 + " + 1, " + i * 2000
                    + " + 1500) AS g");
            String trimmed = changes(0, database, "trim", "--older-than", "0s").out();
            assertTrue(trimmed.startsWith("trimmed " + (i == 0 ? 0 : 1501) + " rows"), trimmed);
        }
        try (TestProcess follow = process(database, "--from", position).start()) {
            Map<?, ?> resync = (Map<?, ?>) JsonText.read(follow.awaitLine(line -> true, PATIENCE));
            assertEquals(List.of("type", "cause", "message", "position"), List.copyOf(resync.keySet()));
            assertEquals(List.of("resync", "trimmed"), List.of(resync.get("type"), resync.get("cause")));
            database.execute("INSERT INTO orders VALUES (-1, 0)");
            follow.awaitLine(line -> line.contains("\"row_id\":\"-1\""), PATIENCE);
            assertEquals(2, follow.lines().size());

            database.query("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                    + " WHERE application_name = 'forge changes' AND datname = current_database()");
            database.execute("INSERT INTO orders VALUES (-2, 0)");
            follow.awaitLine(line -> line.contains("\"row_id\":\"-2\""), PATIENCE);
            assertEquals(3, follow.lines().size());
            follow.sigterm();
            assertEquals(0, follow.awaitExit(PATIENCE), () -> String.join("\n", follow.errorLines()));
            assertFalse(String.join("\n", follow.errorLines()).contains("\tat "));
        }
        Await.until("no session", () -> sessions(database).equals("0"));
    }

    @Test
    void outputThatNobodyReadsAnyMoreEndsItQuietly(TestDatabase database) throws Exception {
        tracked(database);
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 20000) AS g");
        try (TestProcess follow = process(database, "--from", "start", "--consumer", "mine")
                .readLines(1)
                .start()) {
            assertEquals(0, follow.awaitExit(PATIENCE), () -> String.join("\n", follow.errorLines()));
            assertEquals(1, follow.lines().size());
            assertEquals(List.of(), follow.errorLines());
        }
        long behind = (Long) consumers(database).getFirst().get("behindRows");
        assertTrue(behind > 0, "what nobody could read is not committed");
    }

    @Test
    void sigintEndsItWithZero(TestDatabase database) throws Exception {
        tracked(database);
        try (TestProcess follow = process(database, "--consumer", "mine").start()) {
            Await.until("it follows", PATIENCE, () -> !consumers(database).isEmpty());
            database.execute("INSERT INTO orders VALUES (1, 0)");
            follow.awaitLine(line -> line.contains("\"seq\":1,"), PATIENCE);
            follow.sigint();
            assertEquals(0, follow.awaitExit(PATIENCE));
            assertEquals(List.of(), follow.errorLines());
        }
    }

    @Test
    void commandThatWaitsForALockSaysNothingOfSlowStatements(TestDatabase database) throws Exception {
        run(0, "migrate", "--url", database.url());
        database.execute("CREATE TABLE orders (id int PRIMARY KEY)");
        Duration slow = DatabaseConfig.builder(database.url()).build().slowStatementThreshold();
        try (Connection other = database.connect();
                Statement lock = other.createStatement()) {
            lock.execute("BEGIN; LOCK TABLE orders");
            try (TestProcess track = TestProcess.of(ForgeCommand.class)
                    .jvmOptions("-XX:TieredStopAtLevel=1")
                    .arguments("changes", "track", "--url", database.url(), "orders")
                    .start()) {
                Await.until(
                        "it waits",
                        PATIENCE,
                        () -> "1"
                                .equals(database.query("SELECT count(*) FROM pg_locks WHERE NOT granted"
                                        + " AND relation = 'orders'::regclass AND database ="
                                        + " (SELECT oid FROM pg_database WHERE datname = current_database())")));
                Thread.sleep(slow.plusMillis(100));
                lock.execute("COMMIT");
                assertEquals(0, track.awaitExit(PATIENCE));
                assertEquals(List.of(), track.errorLines());
            }
        }
    }

    @Test
    void jqReadsItAsANewcomerWould(TestDatabase database) throws Exception {
        assumeTrue(
                Stream.of("/usr/bin/jq", "/usr/local/bin/jq").map(Path::of).anyMatch(Files::isExecutable),
                "jq is not installed");
        tracked(database);
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 3) AS g");
        database.execute("UPDATE orders SET total = id WHERE id > 1");
        ForgeRun run = changes(0, database, "follow", "--json", "--from", "start", "--limit", "5");
        Process jq = new ProcessBuilder(
                        "jq", "-r", "select(.op == \"UPDATE\") | \"\\(.table) \\(.row_id) \\(.changed[0])\"")
                .start();
        try (Writer in = jq.outputWriter(StandardCharsets.UTF_8)) {
            in.write(run.out());
        }
        assertEquals("elsewhere.orders 2 total\nelsewhere.orders 3 total\n", text(jq));
        assertEquals(0, jq.waitFor());
    }

    private static String text(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void statsShowsWhatIsTrackedKeptAndRead(TestDatabase database) throws Exception {
        run(0, "migrate", "--url", database.url());
        String empty = changes(0, database, "stats").out();
        assertTrue(empty.startsWith("the log is empty\n"), empty);
        assertTrue(empty.contains("no table is tracked"), empty);
        Map<?, ?> none = stats(database);
        assertEquals(null, none.get("minSeq"));
        database.execute("CREATE TABLE orders (id int PRIMARY KEY, total int)");
        changes(0, database, "track", "--mode", "statement", "orders");
        database.execute("INSERT INTO orders SELECT g, 0 FROM generate_series(1, 3) AS g");
        follow(database, "--consumer", "mine", "--from", "start", "--limit", "1");
        database.execute("DELETE FROM orders");
        Map<?, ?> stats = stats(database);
        assertEquals(
                List.of(
                        "ok",
                        "tables",
                        "rows",
                        "minSeq",
                        "maxSeq",
                        "oldestMillis",
                        "trims",
                        "slots",
                        "consumers",
                        "sleepersUntil"),
                List.copyOf(stats.keySet()));
        assertEquals(
                List.of(Map.of("table", "elsewhere.orders", "mode", "statement", "changedColumns", false)),
                stats.get("tables"));
        assertEquals(
                List.of(2L, 1L, 2L, 0L),
                List.of(stats.get("rows"), stats.get("minSeq"), stats.get("maxSeq"), stats.get("trims")));
        assertEquals(8, ((List<?>) stats.get("slots")).size());
        String shown = changes(0, database, "stats").out();
        assertTrue(shown.contains("2 rows at most, numbers 1 to 2"), shown);
        assertTrue(shown.lines().anyMatch(line -> line.matches("mine +1 rows, \\S+ s +waits +\\S+Z")), shown);
        assertTrue(shown.lines().anyMatch(line -> line.matches("elsewhere.orders +statement +no")), shown);
        changes(0, database, "untrack", "orders");
        assertTrue(changes(1, database, "untrack", "orders").err().contains("was not tracked"));
        assertEquals(
                Map.of("ok", true, "rows", 0L, "refused", List.of()),
                JsonText.read(changes(0, database, "trim", "--json").out()));
    }

    @Test
    void whatCannotBeIsRefusedWithItsReason(TestDatabase database) throws Exception {
        assertTrue(changes(2, database, "stats").err().contains("run forge migrate first"));
        run(0, "migrate", "--url", database.url());
        database.execute("CREATE TABLE keyless (a int)");
        assertTrue(changes(1, database, "track", "keyless").err().contains("it has no primary key"));
        assertTrue(changes(1, database, "track", "nowhere").err().contains("nowhere"));
        assertTrue(
                changes(2, database, "track", "--mode", "off", "keyless").err().contains("row or statement"));
        assertTrue(changes(2, database, "follow", "--table", "nowhere").err().contains("there is no table nowhere"));
        assertTrue(changes(2, database, "follow", "--from", "12").err().contains("the position of a row"));
        assertTrue(changes(2, database, "follow", "--limit", "0").err().contains("1 or more"));
        assertTrue(changes(2, database, "follow", "--when-behind", "hold").err().contains("--consumer"));
        assertTrue(changes(2, database, "follow", "--consumer", "").err().startsWith("forge: --consumer: "));
        assertTrue(changes(2, database, "trim", "--older-than", "1").err().contains("with its unit"));
        for (String[] misplaced :
                new String[][] {{"track", "postgres://a:secret@b/c"}, {"follow", "--from", "postgres://a:secret@b/c"}
                }) {
            String err = changes(2, database, misplaced[0], Arrays.copyOfRange(misplaced, 1, misplaced.length))
                    .err();
            assertFalse(err.contains("secret"), err);
        }
        assertTrue(run(2, "changes").err().contains("follow"));
    }

    private static ForgeRun run(int exitCode, String... arguments) {
        ForgeRun run = ForgeRun.of(arguments);
        assertEquals(exitCode, run.exitCode(), () -> String.join(" ", arguments) + "\n" + run.out() + run.err());
        return run;
    }

    private static ForgeRun changes(int exitCode, TestDatabase database, String command, String... arguments) {
        String[] all = Stream.concat(Stream.of("changes", command, "--url", database.url()), Arrays.stream(arguments))
                .toArray(String[]::new);
        return run(exitCode, all);
    }

    private static List<Map<?, ?>> follow(TestDatabase database, String... arguments) {
        return objects(changes(
                0,
                database,
                "follow",
                Stream.concat(Stream.of("--json"), Arrays.stream(arguments)).toArray(String[]::new)));
    }

    private static List<Map<?, ?>> objects(ForgeRun run) {
        List<Map<?, ?>> rows = new ArrayList<>();
        run.out().lines().forEach(line -> rows.add((Map<?, ?>) JsonText.read(line)));
        return rows;
    }

    private static List<Object> seqs(List<Map<?, ?>> rows) {
        List<Object> seqs = new ArrayList<>();
        rows.forEach(row -> seqs.add(row.get("seq")));
        return seqs;
    }

    private static Map<?, ?> stats(TestDatabase database) {
        return (Map<?, ?>) JsonText.read(changes(0, database, "stats", "--json").out());
    }

    private static List<Map<?, ?>> consumers(TestDatabase database) {
        List<Map<?, ?>> consumers = new ArrayList<>();
        ((List<?>) stats(database).get("consumers")).forEach(one -> consumers.add((Map<?, ?>) one));
        return consumers;
    }

    private static TestProcess.Builder process(TestDatabase database, String... arguments) {
        return TestProcess.of(ForgeCommand.class)
                .jvmOptions("-XX:TieredStopAtLevel=1")
                .arguments("changes", "follow", "--json", "--url", database.url())
                .arguments(arguments);
    }

    private static String sessions(TestDatabase database) throws Exception {
        return database.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'forge changes'"
                + " AND datname = current_database()");
    }
}
