package io.forgeloom.testing.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the seed and the command line decide. */
class PlanTest {

    private static final Set<Kind> ALL = EnumSet.allOf(Kind.class);
    private static final long TEN_MINUTES = 600_000;

    @Test
    void aSeedGivesTheSamePlanAndAnotherOneAnother() {
        assertEquals(Plan.of(42, TEN_MINUTES, ALL), Plan.of(42, TEN_MINUTES, ALL));
        assertNotEquals(Plan.of(42, TEN_MINUTES, ALL), Plan.of(43, TEN_MINUTES, ALL));
    }

    @Test
    void everyKindComesAndNoTwoServersFailAtATime() {
        for (int seed = 0; seed < 50; seed++) {
            Plan plan = Plan.of(seed, TEN_MINUTES, ALL);
            Set<Kind> kinds = plan.steps().stream()
                    .flatMap(step -> step.faults().stream().map(Plan.Fault::kind))
                    .collect(Collectors.toSet());
            assertEquals(ALL, kinds);
            long before = 0;
            for (Plan.Step step : plan.steps()) {
                List<Plan.Fault> faults = step.faults();
                assertTrue(step.atMillis() > before);
                before = step.atMillis()
                        + faults.stream().mapToLong(Plan.Fault::millis).max().orElseThrow();
                assertTrue(before <= TEN_MINUTES);
                assertTrue(
                        faults.stream().filter(fault -> !fault.kind().ofNode()).count() <= 1);
                assertEquals(
                        faults.size(),
                        faults.stream().map(Plan.Fault::victim).distinct().count());
            }
        }
    }

    @Test
    void onlyTheKindsThatAreAskedForCome() {
        Plan plan = Plan.of(1, TEN_MINUTES, EnumSet.of(Kind.RESET));
        assertTrue(plan.faults() > 20);
        assertTrue(
                plan.steps().stream().allMatch(step -> step.faults().getFirst().kind() == Kind.RESET));
    }

    @Test
    void theCommandLineIsReadOrRefused() throws ChaosOptions.UsageException {
        ChaosOptions options =
                ChaosOptions.parse(List.of("--minutes=0.5", "--seed", "7", "--kinds", "kill,replica-lag"));
        assertEquals(30, options.length().toSeconds());
        assertEquals(7, options.seed());
        assertEquals(EnumSet.of(Kind.KILL, Kind.REPLICA_LAG), options.kinds());
        assertEquals("0.5 min", options.lengthText());
        assertEquals("30 min", ChaosOptions.parse(List.of("--minutes", "30")).lengthText());
        for (List<String> wrong : List.of(
                List.<String>of(),
                List.of("--minutes", "0"),
                List.of("--minutes"),
                List.of("--minutes", "1", "--kinds", "flood"),
                List.of("--minutes", "1", "--seed", "x"),
                List.of("--hours", "1"))) {
            assertThrows(ChaosOptions.UsageException.class, () -> ChaosOptions.parse(wrong), wrong::toString);
        }
    }
}
