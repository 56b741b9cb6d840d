package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestProcess;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code forge status --watch} as an operator leaves it open: a process, while its server goes and comes back. */
@NeedsCluster
@Tag("slow")
@Timeout(120)
class StatusWatchTest {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** A line of a frame after this moment. */
    private static Predicate<String> later(TestProcess watch, Predicate<String> wanted) {
        int[] before = {watch.lines().size()};
        return line -> before[0]-- <= 0 && wanted.test(line);
    }

    @Test
    void frameFollowsFrameThroughAnOutageUntilASignal() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                TestProcess watch = TestProcess.start(
                        ForgeCommand.class,
                        "status",
                        "--watch",
                        "--url",
                        cluster.primary().url())) {
            Predicate<String> up = line -> line.startsWith("primary") && line.contains("writable");
            watch.awaitLine(up, PATIENCE);
            watch.awaitLine(later(watch, up), PATIENCE);

            cluster.primary().kill();
            watch.awaitLine(line -> line.startsWith("primary") && line.contains("no answer"), PATIENCE);
            assertTrue(watch.running());

            cluster.primary().start();
            watch.awaitLine(later(watch, up), PATIENCE);
            watch.awaitLine(later(watch, line -> line.startsWith("NOTIFY queue")), PATIENCE);

            watch.sigterm();
            assertEquals(0, watch.awaitExit(PATIENCE), () -> String.join("\n", watch.errorLines()));
            List<String> heads = watch.lines().stream()
                    .filter(line -> line.startsWith("SERVER"))
                    .toList();
            assertTrue(heads.size() >= 4, watch.lines()::toString);
            // No frame is wider than a terminal.
            assertEquals(
                    List.of(), heads.stream().filter(line -> line.length() > 80).toList());
        }
    }
}
