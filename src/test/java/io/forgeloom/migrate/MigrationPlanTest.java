package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationStatus.State;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Files held against the history, without a database. */
class MigrationPlanTest {

    private static final Instant AT = Instant.parse("2026-01-02T03:04:05Z");

    private static MigrationList list(String name, String... versions) {
        return new MigrationList(name, false, files(versions));
    }

    private static MigrationList system(String... versions) {
        return new MigrationList("", true, files(versions));
    }

    private static List<MigrationFile> files(String... versions) {
        List<MigrationFile> files = new ArrayList<>();
        for (String version : versions) {
            files.add(new MigrationFile(
                    version,
                    files.size() + 1,
                    "dir/" + version + ".sql",
                    "sum-" + version,
                    true,
                    List.of(new SqlStatement("SELECT 1", 1))));
        }
        return files;
    }

    /** As it was applied, from whatever list. */
    private static AppliedMigration row(String key) {
        return row(key, "sum-" + key.substring(key.indexOf('/') + 1), MigrationText.ALGORITHM, false);
    }

    private static AppliedMigration row(
            String key, @Nullable String checksum, @Nullable String algorithm, boolean running) {
        return new AppliedMigration(key, AT, checksum, algorithm, running);
    }

    private static List<String> keys(MigrationPlan plan) {
        return plan.steps().stream().map(MigrationPlan.Step::key).toList();
    }

    private static List<State> states(MigrationPlan plan) {
        return plan.status(List.of(), List.of()).entries().stream()
                .map(MigrationStatus.Entry::state)
                .toList();
    }

    private static String onlyProblem(MigrationPlan plan) {
        assertEquals(1, plan.problems().size(), plan.problems() + "");
        return plan.problems().getFirst();
    }

    @Test
    void whatIsBehindTheAppliedBeginningIsPending() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(system("__forge_v001", "__forge_v002"), list("", "0001_a", "0002_b", "0003_c")),
                List.of(row("0001_a"), row("__forge_v001")));
        assertEquals(List.of("__forge_v002", "0002_b", "0003_c"), keys(plan));
        assertEquals(2, plan.applied());
        assertSame(plan, plan.requireSound());
        assertEquals(
                List.of(State.UNCHANGED, State.PENDING, State.UNCHANGED, State.PENDING, State.PENDING), states(plan));
        assertEquals(3, plan.status(List.of(), List.of()).pending().size());
        MigrationStatus.Entry first =
                plan.status(List.of(), List.of()).entries().getFirst();
        assertEquals("sum-__forge_v001", first.appliedChecksum());
        assertEquals(AT, first.appliedAt());
    }

    @Test
    void appliedBehindAHoleNamesBothAndTheRemedy() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a", "0002_b", "0003_c")), List.of(row("0001_a"), row("0003_c")));
        assertEquals(
                "0003_c is applied, and 0002_b, which comes before it, is not: give dir/0002_b.sql a number behind those"
                        + " that are applied",
                onlyProblem(plan));
        assertThrows(MigrationException.class, plan::requireSound);
    }

    @Test
    void eachHoleIsOneProblem() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a", "0002_b", "0003_c", "0004_d", "0005_e")),
                List.of(row("0002_b"), row("0003_c"), row("0005_e")));
        assertEquals(2, plan.problems().size(), plan.problems() + "");
        assertTrue(plan.problems().get(1).startsWith("0005_e is applied, and 0004_d"), plan.problems() + "");
    }

    @Test
    void changedFileShowsBothChecksums() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a")), List.of(row("0001_a", "old", MigrationText.ALGORITHM, false)));
        String problem = onlyProblem(plan);
        assertTrue(
                problem.startsWith(
                        "0001_a was changed after it had been applied: applied old (sha256-lf), file sum-0001_a"
                                + " (sha256-lf); restore dir/0001_a.sql"),
                problem);
        assertEquals(List.of(State.DRIFTED), states(plan));
        assertEquals(List.of(), keys(plan));
    }

    @Test
    void checksumOfAnotherAlgorithmOrOfNoneIsNotTakenForAChange() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a", "0002_b", "0003_c")),
                List.of(
                        row("0001_a", "sum-0001_a", null, false),
                        row("0002_b", "sum-0002_b", "crc32", false),
                        row("0003_c", null, null, false)));
        assertEquals(3, plan.problems().size());
        assertTrue(plan.problems().get(0).contains("sum-0001_a (no algorithm)"), plan.problems() + "");
        assertTrue(plan.problems().get(1).contains("sum-0002_b (crc32)"), plan.problems() + "");
        assertTrue(plan.problems().get(2).contains("applied none"), plan.problems() + "");
        for (String problem : plan.problems()) {
            assertTrue(problem.contains("was applied by another program"), problem);
        }
    }

    @Test
    void missingFileIsToldApartFromANewerProgramsOne() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(system("__forge_v001"), list("", "0001_a", "0002_b")),
                List.of(row("__forge_v001"), row("__forge_v002"), row("0001_a"), row("0002_x"), row("0003_c")));
        assertEquals(3, plan.problems().size(), plan.problems() + "");
        assertEquals(
                "__forge_v002 is applied, and the system's migrations here end at number 1: this program is older than the"
                        + " one that migrated this database; use that one, or a newer",
                plan.problems().get(0));
        assertEquals(
                "0002_x is applied, and its file is missing here: restore it",
                plan.problems().get(1));
        assertTrue(
                plan.problems().get(2).startsWith("0003_c is applied, and the migrations here end at number 2:"),
                plan.problems() + "");
        assertEquals(
                3, states(plan).stream().filter(State.SOURCE_MISSING::equals).count());
    }

    /** Somebody else's rows may hold anything. */
    @Test
    void versionsThatNoneOfOurNamesCouldHaveAreProblemsToo() {
        List<AppliedMigration> rows = List.of(
                row("__forge_"), row("__forge_v"), row(""), row("99999999999_x"), row("x"), row("a/"), row("/b"));
        MigrationPlan plan = MigrationPlan.of(List.of(system(), list(""), list("a")), rows);
        assertEquals(7, plan.problems().size(), plan.problems() + "");
    }

    @Test
    void namedListsAndTheUnnamedOneAreEachABeginningByItself() {
        List<AppliedMigration> history =
                List.of(row("billing/0001_a"), row("0001_a"), row("0002_b"), row("shop/0001_a"), row("shop/0002_x"));
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("billing", "0001_a", "0002_b"), list("", "0001_a", "0002_b", "0003_c")), history);
        assertEquals(List.of("billing/0002_b", "0003_c"), keys(plan.requireSound()));
        // shop is nobody's here; whoever has it looks at its own rows alone.
        assertEquals(
                List.of("shop/0003_y"),
                keys(MigrationPlan.of(List.of(list("shop", "0001_a", "0002_x", "0003_y")), history)
                        .requireSound()));
        String problem = onlyProblem(MigrationPlan.of(List.of(list("shop", "0001_a")), history));
        assertTrue(
                problem.startsWith("shop/0002_x is applied, and the migrations of shop here end at number 1"), problem);
    }

    @Test
    void unfinishedIsAStepAndNotAHole() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a", "0002_b", "0003_c")),
                List.of(row("0001_a"), row("0002_b", "sum-0002_b", MigrationText.ALGORITHM, true)));
        assertEquals(List.of("0002_b", "0003_c"), keys(plan.requireSound()));
        assertEquals(
                List.of(true, false),
                plan.steps().stream().map(MigrationPlan.Step::unfinished).toList());
        assertEquals(List.of(State.UNCHANGED, State.UNFINISHED, State.PENDING), states(plan));
        assertEquals(1, plan.applied());
        assertEquals(2, plan.status(List.of(), List.of()).pending().size());
    }

    @Test
    void unfinishedThatWasChangedSaysThatItWasBegun() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(list("", "0001_a")), List.of(row("0001_a", "old", MigrationText.ALGORITHM, true)));
        assertTrue(onlyProblem(plan).startsWith("0001_a was changed after an earlier run had begun it: old"));
        assertEquals(List.of(), keys(plan));
    }

    @Test
    void allProblemsOfAllListsComeAtOnce() {
        MigrationPlan plan = MigrationPlan.of(
                List.of(system("__forge_v001"), list("", "0001_a", "0002_b"), list("shop", "0001_a")),
                List.of(
                        row("__forge_v001", "old", MigrationText.ALGORITHM, false),
                        row("0002_b"),
                        row("0009_z"),
                        row("shop/0001_b")));
        MigrationException e = assertThrows(MigrationException.class, plan::requireSound);
        assertEquals(MigrationException.Reason.DIVERGED, e.reason());
        assertEquals(4, e.problems().size(), e.getMessage());
        for (String problem : e.problems()) {
            assertTrue(e.getMessage().contains(problem));
        }
        assertEquals(e.problems(), plan.status(List.of(), List.of()).problems());
    }
}
