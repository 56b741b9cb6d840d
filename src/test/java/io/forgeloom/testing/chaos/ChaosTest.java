package io.forgeloom.testing.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.TestProcess;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The shortest run, as its user starts it. */
@Tag("slow")
@NeedsCluster
class ChaosTest {

    private static final Duration RUN = Duration.ofSeconds(150);

    @Test
    void aShortRunKeepsEveryPromiseAndEndsWithTheVerdict() throws InterruptedException {
        try (TestProcess chaos = TestProcess.of(Chaos.class)
                .jvmOptions("--enable-preview")
                .arguments("--minutes", "0.1", "--seed", "3", "--kinds", "reset,backends")
                .start()) {
            int code = chaos.awaitExit(RUN);
            String output = String.join("\n", chaos.lines()) + "\n" + String.join("\n", chaos.errorLines());
            assertEquals(0, code, output);
            assertTrue(
                    chaos.lines().getLast().matches("chaos: PASS 0\\.1 min, seed 3, [12] faults, 0 violations"),
                    output);
            assertTrue(output.matches("(?s).*transactions confirmed +[1-9][0-9,]*\n.*gaps signalled +[1-9].*"), output);
        }
    }
}
