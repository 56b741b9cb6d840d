package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.changelog.ConsumerOptions;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code forge status}: what is shown of the runtimes on the primary. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Timeout(60)
class StatusRuntimeTest {

    @Test
    void aRuntimeIsShownFromOutside(TestDatabase database) throws Exception {
        ForgeRun before = ForgeRun.of("status", "--url", database.url());
        assertEquals(0, before.exitCode(), before.err());
        assertTrue(before.out().contains("No runtime has been here"), before.out());

        ForgeConfig config =
                ForgeConfig.builder(database.url()).nodeId("node one").build();
        try (Forge forge = Forge.start(config)) {
            forge.database()
                    .withConnection(
                            connection -> connection.createStatement().execute("CREATE TABLE t (id int PRIMARY KEY)"));
            forge.changes().track("t", TrackOptions.DEFAULTS);
            forge.changes().consumer("search", ConsumerOptions.DEFAULTS);
            forge.database()
                    .withConnection(connection ->
                            connection.createStatement().execute("INSERT INTO t SELECT generate_series(1, 10)"));
            assertTrue(forge.election()
                    .orElseThrow()
                    .awaitLeadership(LeaderRole.LOG_COMPACTOR, Duration.ofSeconds(10))
                    .isPresent());

            ForgeRun run = ForgeRun.of("status", "--url", database.url());
            assertEquals(0, run.exitCode(), run.err());
            List<String> lines = run.out().lines().toList();
            assertTrue(lines.getFirst().startsWith("SERVER"), run.out());
            assertLine(lines, "forge +\\d+ +\\d+ +\\d+ +.*");
            assertLine(lines, "node one +active +.*");
            assertLine(lines, "log_compactor +leading +node one +1");
            assertLine(lines, "search +10 rows, .* +waits");
            assertLine(lines, "Change log: 1 tables tracked, 10 rows, .*");
            assertLine(lines, "NOTIFY queue: \\d\\.\\d\\d % full\\.");

            Map<?, ?> json = (Map<?, ?>) JsonText.read(
                    ForgeRun.of("status", "--url", database.url(), "--json").out());
            Map<?, ?> runtime = (Map<?, ?>) json.get("runtime");
            assertEquals("node one", first(runtime, "nodes").get("node"));
            assertEquals("leading", first(runtime, "leaders").get("state"));
            assertEquals("search", first(runtime, "consumers").get("name"));
            assertEquals("forge", first(runtime, "pools").get("application"));
        }
    }

    @Test
    void ofAServerThatDoesNotAnswerThereIsNoRuntime(TestDatabase database) throws Exception {
        ForgeRun run = ForgeRun.of(
                "status", "--url", database.url().replaceFirst(":\\d+/", ":1/"), "--timeout", "5", "--json");
        assertEquals(1, run.exitCode());
        Map<?, ?> json = (Map<?, ?>) JsonText.read(run.out());
        assertNull(json.get("runtime"));
    }

    private static Map<?, ?> first(Map<?, ?> runtime, String key) {
        return (Map<?, ?>) ((List<?>) runtime.get(key)).getFirst();
    }

    private static void assertLine(List<String> lines, String pattern) {
        assertTrue(lines.stream().anyMatch(line -> line.matches(pattern)), () -> pattern + " in " + lines);
    }
}
