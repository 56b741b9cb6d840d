package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The first program, as a newcomer runs it: a process, and a URL in its environment. */
@WithDatabase(expectNoConnections = true)
class StartingForgeTest {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @Test
    void firstProgramGreetsAndEnds(TestDatabase database) throws Exception {
        try (TestProcess process = TestProcess.of(StartingForge.class)
                .environment("DATABASE_URL", database.libpqUrl())
                .jvmOptions("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
                .start()) {
            process.awaitLine(line -> line.equals("hello, visit 1"), PATIENCE);
            assertEquals(0, process.awaitExit(PATIENCE));
        }
        assertEquals("1", database.query("SELECT count(*) FROM elsewhere.visit"));
        assertEquals("0", database.query("SELECT count(*) FROM forge_nodes"));
    }
}
