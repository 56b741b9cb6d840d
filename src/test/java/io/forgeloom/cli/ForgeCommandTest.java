package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line itself: what needs no server. */
class ForgeCommandTest {

    @Test
    void versionNamesTheProjectJavaAndTheDriver() {
        ForgeRun run = ForgeRun.of("--version");

        assertEquals(0, run.exitCode());
        assertTrue(run.out().matches("(?s)forge \\d+\\.\\d+\\.\\d+.*"), run.out());
        assertTrue(run.out().contains("Java " + Runtime.version()), run.out());
        assertTrue(run.out().matches("(?s).*PostgreSQL JDBC Driver 42\\.\\d+\\.\\d+.*"), run.out());
    }

    @Test
    void helpFitsIntoEightyColumnsAndTellsTheExitCodes() {
        ForgeRun run = ForgeRun.of("doctor", "--help");

        assertEquals(0, run.exitCode());
        assertTrue(run.out().contains("Exit code: 0 sound, 1 a problem, 2 "), run.out());
        assertTrue(run.out().lines().allMatch(line -> line.length() <= 80), run.out());
        ForgeRun status = ForgeRun.of("status", "--help");
        assertEquals(0, status.exitCode());
        assertTrue(status.out().lines().allMatch(line -> line.length() <= 80), status.out());
        ForgeRun migrate = ForgeRun.of("migrate", "--help");
        assertEquals(0, migrate.exitCode());
        assertTrue(migrate.out().lines().allMatch(line -> line.length() <= 80), migrate.out());
        for (String command : new String[] {"listen", "notify", "elect", "leaders", "nodes"}) {
            ForgeRun help = ForgeRun.of(command, "--help");
            assertEquals(0, help.exitCode());
            assertTrue(help.out().lines().allMatch(line -> line.length() <= 80), help.out());
        }
        for (String command : new String[] {"track", "untrack", "follow", "stats", "trim", "drop-consumer"}) {
            ForgeRun help = ForgeRun.of("changes", command, "--help");
            assertEquals(0, help.exitCode());
            assertTrue(help.out().lines().allMatch(line -> line.length() <= 80), help.out());
        }
        assertTrue(ForgeRun.of("--help").out().startsWith("Usage: forge "));
    }

    @Test
    void noUrlIsAUsageError() {
        ForgeRun run = ForgeRun.of("doctor");

        assertEquals(2, run.exitCode());
        assertEquals("", run.out());
        assertTrue(run.err().contains("--url") && run.err().contains("DATABASE_URL"), run.err());
        assertEquals(
                2,
                ForgeRun.withEnvironment(Map.of("DATABASE_URL", ""), "doctor").exitCode());
    }

    @Test
    void unreadableUrlIsAUsageErrorThatNamesItsSource() {
        ForgeRun option = ForgeRun.of("doctor", "--url", "http://app:hunter2@db/app");
        assertEquals(2, option.exitCode());
        assertTrue(option.err().contains("--url: "), option.err());
        ForgeRun variable = ForgeRun.withEnvironment(Map.of("DATABASE_URL", "nonsense"), "doctor");
        assertEquals(2, variable.exitCode());
        assertTrue(variable.err().contains("DATABASE_URL: "), variable.err());
        ForgeRun replica = ForgeRun.of("doctor", "--url", "postgres://db/app", "--replica", "postgres://db:x/app");
        assertEquals(2, replica.exitCode());
        assertTrue(replica.err().contains("--replica: "), replica.err());
    }

    /** Each of them once went through picocli's own message, or the URL's, with the secret in it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "doctor postgres://app:hunter2@db/app",
                "doctor --ulr=postgres://app:hunter2@db/app",
                "doctor --ulr postgres://app:hunter2@db/app",
                "doctor --password=hunter2",
                "doctor --password hunter2",
                "doctor --timeout hunter2",
                "doctor --timeout 1 --timeout=hunter2",
                "doctor --json=hunter2",
                "doctor --pool-size --password=hunter2",
                "doctor --url --password=hunter2",
                "doctor --url a --url hunter2",
                "doctor @hunter2",
                "hunter2",
                "doctor --url hunter2",
                "doctor --url password=hunter2",
                "doctor --url http://app:hunter2@db/app",
                "doctor --url jdbc:postgresql://app:hunter2@db/app",
                "doctor --url postgres://app:hunter2@db:notaport/app",
                "doctor --url postgres://app:hunter2%zz@db/app",
                "doctor --url postgres://app:a?hunter2=b@db/app",
                "doctor --url postgres://app:a?b&hunter2=b@db/app",
                "doctor --url postgres://db/app?password=hunter2&nonsense=1",
                "doctor --url postgres://db/app?password=a&hunter2",
                "migrate postgres://app:hunter2@db/app",
                "migrate --password hunter2",
                "migrate --drift hunter2",
                "migrate --url hunter2",
                "migrate --dir --url=hunter2",
                "migrate --url postgres://app:hunter2@db:notaport/app",
                "listen postgres://app:hunter2@db/app",
                "listen --url postgres://db/app postgres://app:hunter2@db/app",
                "listen --url --json=hunter2",
                "listen --password=hunter2 orders",
                "notify jdbc:postgresql://db/app?password=hunter2 1",
                "notify --url postgres://db/app orders 1 hunter2",
                "notify --url hunter2 orders 1",
                "elect postgres://app:hunter2@db/app",
                "elect --role postgres://app:hunter2@db/app",
                "elect --url postgres://db/app --role r postgres://app:hunter2@db/app",
                "elect --url postgres://db/app --role r --lease hunter2",
                "elect --url postgres://db/app --role r --takeover hunter2",
                "elect --password=hunter2 --role r",
                "leaders postgres://app:hunter2@db/app",
                "leaders --url hunter2",
                "nodes postgres://app:hunter2@db/app",
                "status postgres://app:hunter2@db/app",
                "status --password=hunter2",
                "status --url postgres://app:hunter2@db:notaport/app",
            })
    void usageErrorsNeverRepeatASecret(String line) {
        ForgeRun run = ForgeRun.of(line.split(" "));

        assertEquals(2, run.exitCode());
        assertFalse((run.out() + run.err()).contains("hunter2"), run.err());
        assertTrue(run.err().startsWith("forge: "), run.err());
        assertFalse(run.err().contains("\tat "), run.err());
    }

    @Test
    void numbersOutsideTheirBoundsAreUsageErrors() {
        for (String option : new String[] {"--timeout=0", "--timeout=3601", "--pool-size=0", "--pool-size=10001"}) {
            ForgeRun run = ForgeRun.of("doctor", "--url", "postgres://127.0.0.1:1/app", option);
            assertEquals(2, run.exitCode(), option);
            assertTrue(run.err().contains("is not between 1 and "), run.err());
        }
    }

    @Test
    void passwordPromptWithoutATerminalIsAUsageError() {
        ForgeRun run = ForgeRun.of("doctor", "--url", "postgres://127.0.0.1:1/app", "--password");

        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("no terminal"), run.err());
    }

    @Test
    void unknownCommandNamesThoseThatThereAre() {
        ForgeRun run = ForgeRun.of("doctr");

        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("there is: changes, doctor"), run.err());
        assertEquals(2, ForgeRun.of().exitCode());
    }
}
