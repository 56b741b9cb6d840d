package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.leader.LeadershipToken;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** {@code forge elect} as processes of their own with real commands, and {@code forge leaders}. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ElectCommandTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** Says what it was given and who it and its child are, and works until it is ended. */
    private static final String WORK = "sleep 300 & echo \"at work $FORGE_ROLE $FORGE_TERM $FORGE_TOKEN $$ $!\"; wait";

    /** So does this, and cannot be asked to end; nor can its child. */
    private static final String STUBBORN = "trap '' TERM; sleep 300 & echo \"at work $FORGE_TERM $$ $!\"; sleep 300";

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void commandOfALeaderThatIsKilledEndsWithItAndTheOthersCommandStarts(TestDatabase database) throws Exception {
        try (TestProcess first = elect(database, "--role", "night", "--lease", "2s", "--", "sh", "-c", WORK)) {
            String[] one = atWork(first);
            awaitError(first, "elected term=1 token=" + one[4]);
            assertEquals("standby", first.errorLines().getFirst());
            assertEquals(List.of("night", "1"), List.of(one[2], one[3]));
            try (TestProcess second = elect(database, "--role", "night", "--lease", "2s", "--", "sh", "-c", WORK)) {
                awaitError(second, "standby");
                Instant killed = Instant.now();
                first.sigkill();
                awaitGone(one[5], one[6]);
                String[] two = atWork(second);
                // It has waited for the lease, since nobody can know what the other one's command did.
                assertTrue(Duration.between(killed, Instant.now()).toMillis() >= 1_950);
                assertEquals("2", two[3]);
                assertTrue(LeadershipToken.parse(two[4]).compareTo(LeadershipToken.parse(one[4])) > 0);

                second.sigterm();
                assertEquals(0, second.awaitExit(PATIENCE));
                assertGone(two[5], two[6]);
                assertEquals("resigned", second.errorLines().getLast());
                assertEquals(1, second.lines().size(), () -> String.join("\n", second.lines()));
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void sigtermResignsAndTheNextStandbyLeadsAtOnce(TestDatabase database) throws Exception {
        String[] options = {"--role", "r \"1\"", "--lease", "1m", "--json", "--node"};
        try (TestProcess first = elect(database, with(options, "a"))) {
            String elected = first.awaitLine(line -> line.contains("elected"), PATIENCE);
            Map<?, ?> won = (Map<?, ?>) JsonText.read(elected);
            assertEquals(
                    Map.of("type", "standby", "role", "r \"1\""),
                    JsonText.read(first.lines().getFirst()));
            assertEquals(List.of("type", "role", "term", "token"), List.copyOf(won.keySet()));
            assertEquals(List.of("elected", "r \"1\"", 1L), List.of(won.get("type"), won.get("role"), won.get("term")));
            try (TestProcess second = elect(database, with(options, "b\n"))) {
                second.awaitLine(line -> line.contains("standby"), PATIENCE);
                first.sigterm();
                second.awaitLine(line -> line.contains("\"term\":2"), Duration.ofSeconds(10));
                assertEquals(0, first.awaitExit(PATIENCE));
                assertEquals(
                        elected.replace("elected", "resigned"), first.lines().getLast());
                assertEquals(List.of(), first.errorLines());

                Map<?, ?> leader = leaders(database).getFirst();
                assertEquals(
                        List.of("leading", "b\n", 2L),
                        List.of(leader.get("state"), leader.get("node"), leader.get("term")));
                ForgeRun table = ForgeRun.of("leaders", "--url", database.url());
                assertEquals(2, table.out().lines().count(), table.out());
                assertTrue(
                        table.out()
                                .lines()
                                .skip(1)
                                .findFirst()
                                .orElseThrow()
                                .matches("r \"1\" +leading +b\\\\n +2 +" + leader.get("token") + " +\\S+Z +\\S+Z +"
                                        + leader.get("pid")),
                        table.out());

                database.query("SELECT pg_terminate_backend(" + leader.get("pid") + ", 5000)");
                String lost = second.awaitLine(line -> line.contains("\"type\":\"lost\""), PATIENCE);
                assertEquals(
                        List.of("type", "role", "term", "token", "cause"),
                        List.copyOf(((Map<?, ?>) JsonText.read(lost)).keySet()));
                second.awaitLine(line -> line.contains("\"term\":3"), PATIENCE);
                second.sigterm();
                assertEquals(0, second.awaitExit(PATIENCE));
                assertEquals("resigned", leaders(database).getFirst().get("state"));
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void commandThatIgnoresSigtermIsKilledAfterTheGrace(TestDatabase database) throws Exception {
        // Longer than the lease, which would bound it if the role were given up before the command has ended.
        String[] arguments = {"--role", "r", "--lease", "2s", "--grace", "2500ms", "--", "sh", "-c", STUBBORN};
        try (TestProcess elect = elect(database, arguments)) {
            String[] work = atWork(elect);
            Instant asked = Instant.now();
            elect.sigterm();
            assertEquals(0, elect.awaitExit(PATIENCE));
            long took = Duration.between(asked, Instant.now()).toMillis();
            assertTrue(took >= 2_500 && took < 12_000, took + " ms");
            assertGone(work[3], work[4]);
            assertEquals("resigned", elect.errorLines().getLast());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void lostSessionEndsTheCommandWithinTheLeaseAndCampaignsAgain(TestDatabase database) throws Exception {
        String[] arguments = {"--role", "r", "--lease", "1500ms", "--grace", "1m", "--", "sh", "-c", STUBBORN};
        try (TestProcess elect = elect(database, arguments)) {
            String[] one = atWork(elect);
            Instant lost = Instant.now();
            database.query("SELECT pg_terminate_backend("
                    + leaders(database).getFirst().get("pid") + ", 5000)");
            awaitGone(one[3], one[4]);
            long took = Duration.between(lost, Instant.now()).toMillis();
            assertTrue(took < 10_000, took + " ms");
            String again = elect.awaitLine(line -> line.startsWith("at work 2"), PATIENCE);
            Await.until("lost", () -> elect.errorLines().stream().anyMatch(line -> line.startsWith("lost cause=")));
            elect.sigkill();
            awaitGone(again.split(" ")[3], again.split(" ")[4]);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void exitCodeIsThatOfACommandThatEndsByItself(TestDatabase database) throws Exception {
        for (Map.Entry<String, Integer> end :
                Map.of("exit 7", 7, "kill -9 $$", 137, ":", 0).entrySet()) {
            ForgeRun run = run(database, "--", "sh", "-c", end.getKey());
            assertEquals(end.getValue(), run.exitCode(), run.err());
            assertTrue(run.err().endsWith("resigned" + System.lineSeparator()), run.err());
        }
        ForgeRun missing = run(database, "--", "no-such-command-hunter2");
        assertEquals(127, missing.exitCode());
        assertTrue(missing.err().contains("forge: the command cannot be started: "), missing.err());
        assertFalse(missing.err().contains("hunter2"), missing.err());
        // What follows the dashes is not read, and its own dashes are its own.
        assertEquals(
                3,
                run(database, "--", "sh", "-c", "test \"$2\" = --json && exit 3", "--", "--", "--json")
                        .exitCode());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void migrationsOfOthersAreNoneOfItsBusinessAndWithoutMigrationsItRefuses(TestDatabase database) throws Exception {
        ForgeRun refused = run(database, "--no-migrate", "--", "true");
        assertEquals(2, refused.exitCode());
        assertTrue(refused.err().startsWith("forge: --no-migrate: there is no table forge_leaders"), refused.err());
        ForgeRun leaders = ForgeRun.of("leaders", "--url", database.url());
        assertEquals(2, leaders.exitCode());
        assertTrue(leaders.err().contains("there is no table forge_leaders"), leaders.err());

        assertEquals(0, run(database, "--", "true").exitCode());
        database.execute("INSERT INTO forge_system_migrations (version, checksum)"
                + " VALUES ('0001_mine', 'x'), ('other/0007_theirs', 'x'); CREATE TABLE by_hand (n int)");
        ForgeRun beside = run(database, "--", "true");
        assertEquals(0, beside.exitCode(), beside.err());
        assertEquals(
                List.of("standby", "elected", "resigned"),
                beside.err().lines().map(line -> line.split(" ")[0]).toList());
        assertEquals(0, run(database, "--no-migrate", "--", "true").exitCode());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whatCannotBeUsedIsAUsageErrorThatNamesTheOption() {
        for (String[] bad : new String[][] {
            {"--lease", "--lease", "3"},
            {"--lease", "--lease", "3 s"},
            {"--lease", "--lease", "499ms"},
            {"--lease", "--lease", "2h"},
            {"--grace", "--grace", "31m"},
            {"--grace", "--grace", "-1s"},
            {"--takeover", "--takeover", "never"},
            {"--role", "--role", "two\nlines"},
            {"--role", "--role", "x".repeat(256)},
            {"--role", "--role", "postgres://app:hunter2@db/app"},
            {"--node", "--role", "r", "--node", ""},
            {"--schema", "--role", "r", "--schema", "x".repeat(64)},
            {"COMMAND", "--role", "r", "hunter2", "--", "x"},
            {"COMMAND", "--role", "r", "hunter2"},
            {"--role", "--", "true"},
        }) {
            List<String> arguments = new ArrayList<>(List.of("elect", "--url", "postgres://127.0.0.1:1/app"));
            arguments.addAll(List.of(bad).subList(1, bad.length));
            if (!bad[0].equals("--role") && !arguments.contains("--role")) {
                arguments.addAll(List.of("--role", "r"));
            }
            ForgeRun run = ForgeRun.of(arguments.toArray(String[]::new));
            assertEquals(2, run.exitCode(), () -> arguments + run.err());
            assertTrue(run.err().startsWith("forge: " + bad[0]), run.err());
            assertFalse(run.err().contains("hunter2"), run.err());
        }
    }

    // ---- processes ----

    private static TestProcess elect(TestDatabase database, String... arguments) {
        return TestProcess.of(ForgeCommand.class)
                .jvmOptions("-XX:TieredStopAtLevel=1")
                .arguments("elect", "--url", database.url())
                .arguments(arguments)
                .start();
    }

    /** In this JVM: for commands that write nothing. */
    private static ForgeRun run(TestDatabase database, String... arguments) {
        List<String> all = new ArrayList<>(List.of("elect", "--url", database.url(), "--role", "r"));
        all.addAll(List.of(arguments));
        return ForgeRun.of(all.toArray(String[]::new));
    }

    private static String[] with(String[] options, String last) {
        List<String> all = new ArrayList<>(List.of(options));
        all.add(last);
        return all.toArray(String[]::new);
    }

    private static String[] atWork(TestProcess elect) throws InterruptedException {
        return elect.awaitLine(line -> line.startsWith("at work"), PATIENCE).split(" ");
    }

    private static void awaitError(TestProcess elect, String line) throws InterruptedException {
        Await.until(line, PATIENCE, () -> elect.errorLines().contains(line));
    }

    private static List<Map<?, ?>> leaders(TestDatabase database) {
        ForgeRun run = ForgeRun.of("leaders", "--url", database.url(), "--json");
        assertEquals(0, run.exitCode(), run.err());
        List<Map<?, ?>> leaders = new ArrayList<>();
        for (Object leader : (List<?>) ((Map<?, ?>) JsonText.read(run.out())).get("leaders")) {
            leaders.add((Map<?, ?>) leader);
        }
        return leaders;
    }

    private static void awaitGone(String... pids) throws InterruptedException {
        Await.until("end of " + List.of(pids), () -> List.of(pids).stream().noneMatch(ElectCommandTest::alive));
    }

    private static void assertGone(String... pids) {
        for (String pid : pids) {
            assertFalse(alive(pid), pid);
        }
    }

    private static boolean alive(String pid) {
        Optional<ProcessHandle> process = ProcessHandle.of(Long.parseLong(pid));
        return process.isPresent() && ProcessTree.isRunning(process.get());
    }
}
