package io.forgeloom;

import static io.forgeloom.ForgeFixture.assertNothingLeft;
import static io.forgeloom.ForgeFixture.config;
import static io.forgeloom.ForgeFixture.millisSince;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A start in which a step hangs ends by its deadline and says which one it was. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ForgeStartTimeoutTest {

    /** Long enough for the steps before the one that hangs, on a busy machine, too. */
    private static final Duration LIMIT = Duration.ofMillis(1500);

    /** The parts from the bus on connect by themselves, and it is the last step that waits for them. */
    @Test
    void stepThatHangsIsNamedAtTheDeadlineAndLeavesNothing(TestDatabase server) throws Exception {
        ForgeFixture.migrate(server);
        StringBuilder figures = new StringBuilder();
        for (String silentFrom : List.of("database", "migrations", "bus")) {
            try (FaultyLink link = FaultyLink.to(server)) {
                ForgeConfig config = config(link).startTimeout(LIMIT).build();
                long begun = System.nanoTime();
                ForgeStartException told = assertThrows(
                        ForgeStartException.class,
                        () -> Forge.start(config, step -> {
                            if (step.equals(silentFrom)) {
                                link.blackhole(true, true);
                            }
                        }));
                long millis = millisSince(begun);
                figures.append(' ')
                        .append(silentFrom)
                        .append(' ')
                        .append(millis)
                        .append(" ms");
                assertEquals(silentFrom.equals("bus") ? "ready" : silentFrom, told.step());
                assertTrue(String.valueOf(told.getMessage()).contains("PT1.5S"), told.getMessage());
                // Silent servers are said goodbye to, for as long as closeTimeout, 2 s, and a second.
                assertTrue(millis >= 1_300 && millis < 5_500, silentFrom + ": " + millis + " ms");
                ThreadLeaks.assertNone(Duration.ZERO);
                // What the network has lost the server holds until its own timeout; the link ends it here.
                link.cut();
            }
            assertNothingLeft(server);
        }
        System.out.println("figure: start into a silent network, startTimeout 1500 ms, over after" + figures);
    }

    @Test
    void migrationThatIsWaitedForInVainEndsTheStartAtItsDeadline(TestDatabase server) throws Exception {
        try (Connection other = server.connect();
                Statement statement = other.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(301978502981)");
            ForgeConfig config = config(server).startTimeout(LIMIT).build();
            ForgeStartException told = assertThrows(ForgeStartException.class, () -> Forge.start(config));
            assertEquals("migrations", told.step());
            assertEquals(
                    "Forgeloom did not start: step \"migrations\" failed: it was not done when startTimeout, PT1.5S, was over; raise that where"
                            + " the step needs longer",
                    told.getMessage());
        }
        assertNothingLeft(server);
    }
}
