package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** {@code forge migrate} on a real server and real directories. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class MigrateCommandTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    Path directory;

    private void write(String name, String text) throws IOException {
        Files.writeString(directory.resolve(name), text);
    }

    private void writeTwo() throws IOException {
        write("0001_account.sql", "CREATE TABLE account (id int PRIMARY KEY);\nINSERT INTO account VALUES (1);\n");
        write("0002_owner.sql", "ALTER TABLE account ADD COLUMN owner text;\n");
    }

    private ForgeRun migrate(TestDatabase database, String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("migrate", "--url", database.url(), "--dir", directory.toString()));
        arguments.addAll(List.of(more));
        return ForgeRun.of(arguments.toArray(String[]::new));
    }

    private static Map<?, ?> json(ForgeRun run) {
        Map<?, ?> json = (Map<?, ?>) JsonText.read(run.out());
        assertEquals(run.exitCode() == 0, json.get("ok"), run.out());
        assertEquals("", run.err());
        return json;
    }

    private static List<Object> values(Map<?, ?> json, String list, String key) {
        List<Object> values = new ArrayList<>();
        ((List<?>) json.get(list)).forEach(element -> values.add(((Map<?, ?>) element).get(key)));
        return values;
    }

    /** How many there are with the two files and those of the system. */
    private static int all() throws IOException {
        return SystemSchemaFiles.versionsThen("0001_account", "0002_owner").size();
    }

    private static void assertHas(String text, String... parts) {
        for (String part : parts) {
            assertTrue(text.contains(part), part + "\nis not in\n" + text);
        }
    }

    @Test
    void firstRunAppliesAndTheSecondFindsNothingToDo(TestDatabase database) throws Exception {
        writeTwo();
        ForgeRun first = migrate(database);
        assertEquals(0, first.exitCode(), first.err());
        int system = SystemSchemaFiles.versions().size();
        for (int i = 1; i <= system; i++) {
            String version = SystemSchemaFiles.versions().get(i - 1);
            assertHas(first.out(), "[" + i + "/" + all() + "] " + version + ": ");
        }
        assertHas(
                first.out(),
                "[1/" + all() + "] __forge_v001: 2 statements, ",
                "[" + (system + 1) + "/" + all() + "] 0001_account: 2 statements, ",
                "[" + all() + "/" + all() + "] 0002_owner: 1 statement, ",
                "Done: " + all() + " migrations applied in ");
        assertFalse(first.out().contains("\r") || first.out().contains("\033"), "no terminal, no escape codes");
        assertEquals("1", database.query("SELECT count(*) FROM elsewhere.account WHERE owner IS NULL"));

        ForgeRun second = migrate(database);
        assertEquals(0, second.exitCode(), second.err());
        assertEquals("Nothing to do: all " + all() + " migrations are applied." + System.lineSeparator(), second.out());
    }

    @Test
    void withoutADirectoryOnlyTheSystemsMigrationsAreApplied(TestDatabase database) throws Exception {
        ForgeRun run = ForgeRun.of("migrate", "--url", database.url(), "--schema", "Its Own");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(
                String.join(" ", SystemSchemaFiles.versions()),
                database.query("SELECT string_agg(version, ' ' ORDER BY version COLLATE \"C\")"
                        + " FROM \"Its Own\".forge_system_migrations"));
    }

    @Test
    void twoApplicationsShareADatabaseByName(TestDatabase database) throws Exception {
        writeTwo();
        assertEquals(0, migrate(database, "--name", "billing").exitCode());
        ForgeRun status = migrate(database, "--name", "billing", "--status");
        assertEquals(0, status.exitCode(), status.err());
        assertHas(status.out(), "billing/0001_account  unchanged");
        write("0001_account.sql", "CREATE TABLE other ()");
        Files.delete(directory.resolve("0002_owner.sql"));
        ForgeRun other = migrate(database, "--name", "shop", "--drift", "ignore");
        assertEquals(0, other.exitCode(), other.err());
        assertHas(other.out(), "[1/1] shop/0001_account: 1 statement");
    }

    @Test
    void jsonTellsOfRunDryRunAndStatus(TestDatabase database) throws Exception {
        writeTwo();
        Map<?, ?> dry = json(migrate(database, "--dry-run", "--json"));
        assertEquals(
                List.of("ok", "applied", "alreadyApplied", "pending", "schemaChanges", "problems", "millis"),
                List.copyOf(dry.keySet()));
        List<String> versions = SystemSchemaFiles.versionsThen("0001_account", "0002_owner");
        assertEquals(versions, values(dry, "pending", "version"));
        List<Object> statements = values(dry, "pending", "statements");
        assertEquals(all(), statements.size());
        assertFalse(statements.contains(0L), statements::toString);
        assertEquals(2L, statements.getFirst(), "of __forge_v001");
        assertEquals(List.of(2L, 1L), statements.subList(all() - 2, all()));
        assertEquals(List.of(), dry.get("applied"));

        Map<?, ?> run = json(migrate(database, "--json"));
        assertEquals(versions, values(run, "applied", "version"));
        assertEquals(0L, run.get("alreadyApplied"));
        assertEquals(List.of(), run.get("pending"));
        assertTrue(values(run, "applied", "appliedAt").stream()
                .allMatch(time -> time.toString().endsWith("Z")));

        Map<?, ?> again = json(migrate(database, "--json"));
        assertEquals(List.of(), again.get("applied"));
        assertEquals((long) all(), again.get("alreadyApplied"));

        Map<?, ?> status = json(migrate(database, "--status", "--json"));
        assertEquals(List.of("ok", "migrations", "schemaChanges", "problems", "millis"), List.copyOf(status.keySet()));
        assertEquals(Collections.nCopies(all(), "unchanged"), values(status, "migrations", "state"));
        assertEquals(values(run, "applied", "checksum"), values(status, "migrations", "appliedChecksum"));
    }

    @Test
    void dryRunShowsFilesAndStatementsAndChangesNothing(TestDatabase database) throws Exception {
        writeTwo();
        long statements = 0;
        for (Object of : values(json(migrate(database, "--dry-run", "--json")), "pending", "statements")) {
            statements += (Long) of;
        }
        ForgeRun run = migrate(database, "--dry-run");
        assertEquals(0, run.exitCode(), run.err());
        assertHas(
                // As wide as the column is for Forgeloom's own.
                run.out().replaceAll("statements +", "statements "),
                "Would apply " + all() + " migrations, " + statements + " statements:",
                "  0001_account  2 statements " + directory.resolve("0001_account.sql"));
        assertNothingApplied(database);
        assertEquals(0, migrate(database, "--status").exitCode());
        assertNothingApplied(database);
    }

    private static void assertNothingApplied(TestDatabase database) throws SQLException {
        assertEquals(
                "0",
                database.query(
                        "SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384) + (SELECT count(*) FROM pg_proc"
                                + " WHERE oid >= 16384)"));
    }

    @Test
    void statusShowsEachStateAndFailsWhereARunWouldRefuse(TestDatabase database) throws Exception {
        writeTwo();
        write("0003_index.sql", "-- @transactional false\nCREATE INDEX CONCURRENTLY account_owner ON account (owner);");
        assertEquals(0, migrate(database).exitCode());
        write("0001_account.sql", "CREATE TABLE account (id bigint PRIMARY KEY);");
        Files.delete(directory.resolve("0002_owner.sql"));
        write("0002_name.sql", "ALTER TABLE account ADD COLUMN name text;");
        write("0004_more.sql", "SELECT 1");
        database.execute("UPDATE elsewhere.forge_system_migrations SET state = 'running' WHERE version LIKE '0003%'");
        ForgeRun run = migrate(database, "--status");
        assertEquals(1, run.exitCode());
        assertHas(
                run.out().replaceAll(" {2,}", "  ").replaceAll("[0-9a-f]{12}", "#"),
                """
                0001_account  drifted  # → #""",
                "0002_name  pending  #  -",
                "0003_index  unfinished  #  20",
                """
                0004_more  pending  #  -""",
                "0002_owner  source missing  #  20",
                "\n" + SystemSchemaFiles.versions().size()
                        + " unchanged, 1 drifted, 1 source missing, 2 pending, 1 unfinished.");
        assertHas(
                run.err(),
                "forge: a run would be refused:",
                "0001_account was changed after it had been applied: applied ",
                "0002_owner is applied, and its file is missing here: restore it",
                "0003_index is applied, and 0002_name, which comes before it, is not");
        ForgeRun refused = migrate(database);
        assertEquals(1, refused.exitCode());
        assertHas(refused.err(), "forge: nothing was applied:", "0001_account was changed after");
        assertEquals(
                values(json(migrate(database, "--status", "--json")), "problems", "problem"),
                values(json(migrate(database, "--json")), "problems", "problem"));
    }

    @Test
    void olderProgramIsRefused(TestDatabase database) throws Exception {
        writeTwo();
        assertEquals(0, migrate(database).exitCode());
        Files.delete(directory.resolve("0002_owner.sql"));
        database.execute("INSERT INTO elsewhere.forge_system_migrations (version) VALUES ('__forge_v999')");
        ForgeRun run = migrate(database);
        assertEquals(1, run.exitCode());
        assertHas(
                run.err(),
                "0002_owner is applied, and the migrations here end at number 1: this program is older",
                "__forge_v999 is applied, and the system's migrations here end at number "
                        + SystemSchemaFiles.versions().size() + ": this program is older");
    }

    @Test
    void failingStatementIsShownWithItsPlaceAndWhatIsLeft(TestDatabase database) throws Exception {
        writeTwo();
        write("0003_oops.sql", "SELECT 1;\nINSERT INTO account\n  VALUES (2, 'ä', nonsense);");
        ForgeRun run = migrate(database);
        assertEquals(1, run.exitCode());
        assertHas(
                run.err(),
                directory.resolve("0003_oops.sql") + ":3: ERROR: column \"nonsense\" does not exist",
                "[SQLSTATE 42703]; nothing of this file was applied",
                "\n    VALUES (2, 'ä', nonsense)\n                    ^",
                "The " + all() + " migrations before it are applied.");
        assertFalse(run.err().contains("Position"), run.err());
        Map<?, ?> json = json(migrate(database, "--json"));
        assertEquals(List.of(3L), values(json, "problems", "line"));
        assertEquals(List.of("0003_oops"), values(json, "problems", "version"));
        assertEquals(List.of("0003_oops"), values(json, "pending", "version"));
    }

    @Test
    void unfinishedStatementThatNobodyCanJudgeFailsStatusAndRun(TestDatabase database) throws Exception {
        write("0001_loose.sql", "-- @transactional false\nCALL work()");
        assertEquals(1, migrate(database).exitCode(), "there is no such procedure");
        ForgeRun status = migrate(database, "--status");
        assertEquals(1, status.exitCode());
        assertHas(status.err(), "0001_loose.sql:2: it was begun and cannot be run again unseen");
        ForgeRun run = migrate(database);
        assertEquals(1, run.exitCode());
        assertHas(run.err(), "0001_loose.sql:2: it was begun", "SET state = 'applied'", "WHERE version = '0001_loose'");
    }

    @Test
    void driftIsWarnedOfRefusedOrIgnored(TestDatabase database) throws Exception {
        writeTwo();
        assertEquals(0, migrate(database).exitCode());
        database.execute("ALTER TABLE elsewhere.account ADD COLUMN secret int");
        String change = "table account in schema elsewhere was changed since 0002_owner was applied";
        ForgeRun warned = migrate(database);
        assertEquals(0, warned.exitCode(), warned.err());
        assertHas(warned.out(), "changed by hand: " + change);
        ForgeRun failed = migrate(database, "--drift", "fail");
        assertEquals(1, failed.exitCode());
        assertHas(
                failed.err(),
                "forge: nothing was applied:",
                "  " + change,
                "→ put it back, or accept it: the next migration that is applied with --drift warn takes it for right");
        assertEquals(1, migrate(database, "--status", "--drift=fail").exitCode());
        ForgeRun status = migrate(database, "--status");
        assertEquals(0, status.exitCode());
        assertHas(status.out(), "changed by hand: " + change);
        Map<?, ?> json = json(migrate(database, "--json"));
        assertEquals(List.of(change), json.get("schemaChanges"));
        assertEquals(
                List.of(), json(migrate(database, "--json", "--drift=ignore")).get("schemaChanges"));
    }

    @Test
    void oneSessionIsEnoughAndTheWaitForAnotherRunIsTold(TestDatabase database) throws Exception {
        writeTwo();
        try (var other = database.connect();
                var statement = other.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(301978502981)");
            ForgeRun run = migrate(database, "--wait", "0");
            assertEquals(1, run.exitCode());
            assertHas(
                    run.out() + run.err(), "the lock of the migrations, ", "is held by pid ", "pg_terminate_backend(");
        }
    }

    @Test
    void connectFailuresAreShownAsByTheOtherCommands(TestDatabase database) {
        ForgeRun dead = ForgeRun.of("migrate", "--url", "postgres://app:hunter2@127.0.0.1:1/app");
        assertEquals(1, dead.exitCode());
        assertEquals("", dead.out());
        assertHas(dead.err(), "forge: connect: Connection to 127.0.0.1:1 refused", "→ check host and port");
        assertFalse(dead.err().contains("hunter2"), dead.err());
        ForgeRun json = ForgeRun.of("migrate", "--json", "--url", "postgres://127.0.0.1:1/app");
        assertEquals(1, values(json(json), "problems", "remedy").size());
        try (FaultyLink link = FaultyLink.to(database)) {
            link.blackhole(false, true);
            ForgeRun silent = ForgeRun.of("migrate", "--timeout", "1", "--url", link.url());
            assertEquals(1, silent.exitCode());
            assertHas(silent.err(), "connect: no session within 1 s");
        }
    }

    @Test
    void wrongOptionsAreUsageErrors(TestDatabase database) {
        String[][] wrong = {
            {"--status", "--dry-run"},
            {"--wait", "-1"},
            {"--wait", "86401"},
            {"--drift", "maybe"},
            {"--name", "Billing"},
            {"--name", "x".repeat(64)},
            {"--schema", "x".repeat(64)},
            {"--schema", "pg_x"},
            {"--timeout", "0"}
        };
        for (String[] options : wrong) {
            ForgeRun run = migrate(database, options);
            assertEquals(2, run.exitCode(), String.join(" ", options));
            assertHas(run.err(), "forge: --" + (options[0].equals("--status") ? "dry-run" : options[0].substring(2)));
        }
        assertEquals(
                2,
                ForgeRun.of("migrate", "--url", database.url(), "--name", "a").exitCode());
    }

    @Test
    void signalInTheMiddleEndsItAndTheNextRunGoesOn(TestDatabase database) throws Exception {
        write("0001_account.sql", "CREATE TABLE account (id int)");
        write("0002_slow.sql", "CREATE TABLE slow (id int); SELECT pg_sleep(60);");
        String[] arguments = {"migrate", "--url", database.url(), "--dir", directory.toString()};
        try (TestProcess process = TestProcess.start(ForgeCommand.class, arguments)) {
            String second = "[" + (all() - 1) + "/" + all() + "] 0001_account";
            process.awaitLine(line -> line.startsWith(second), PATIENCE);
            Await.until(
                    "the second file runs",
                    () -> !database.query(
                                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <>"
                                            + " pg_backend_pid() AND state = 'active'")
                            .equals("0"));
            long signalled = System.nanoTime();
            process.sigterm();
            assertEquals(143, process.awaitExit(PATIENCE));
            System.out.printf(
                    "figure: forge migrate ends %d ms after SIGTERM%n", (System.nanoTime() - signalled) / 1_000_000);
            String said = String.join("\n", process.errorLines());
            assertHas(
                    said, "0002_slow.sql:1: interrupted", "Run the same command again: it goes on where the database");
            assertFalse(said.contains("\tat "), said);
        }
        write("0002_slow.sql", "CREATE TABLE slow (id int)");
        ForgeRun again = migrate(database);
        assertEquals(0, again.exitCode(), again.err());
        assertHas(again.out(), "[1/1] 0002_slow: 1 statement");
    }
}
