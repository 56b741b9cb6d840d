package io.forgeloom.cli;

import static io.forgeloom.cli.MigrateProgress.counted;

import io.forgeloom.cli.MigrateOutcome.Problem;
import io.forgeloom.cli.MigrateTask.Mode;
import io.forgeloom.migrate.MigrationStatus;
import io.forgeloom.migrate.MigrationStatus.Entry;
import io.forgeloom.migrate.MigrationStatus.State;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The end of {@code forge migrate} for people; what went wrong goes to standard error. One thread at a time. */
final class MigrateReport {

    /** Enough of a checksum to tell two apart; the problem below the table has all of it, and so has the JSON. */
    private static final int SHORT = 12;

    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

    private final PrintWriter out;
    private final PrintWriter err;
    private final String arrow;

    MigrateReport(PrintWriter out, PrintWriter err, boolean unicode) {
        this.out = out;
        this.err = err;
        this.arrow = unicode ? "→ " : "> ";
    }

    void print(MigrateOutcome outcome, Mode mode) {
        @Nullable MigrationStatus status = outcome.status();
        if (status != null && mode == Mode.STATUS) {
            printTable(status);
        } else if (status != null && mode == Mode.DRY_RUN) {
            printPlan(status, outcome.ok());
        }
        if (mode != Mode.RUN) {
            outcome.schemaChanges().forEach(change -> out.println("changed by hand: " + change));
        } else if (outcome.ok()) {
            printDone(outcome);
        }
        out.flush();
        printProblems(outcome, mode);
    }

    private void printDone(MigrateOutcome outcome) {
        Integer before = outcome.alreadyApplied();
        int all = before == null ? 0 : before;
        if (outcome.applied().isEmpty()) {
            out.println("Nothing to do: " + (all == 1 ? "the one migration is" : "all " + all + " migrations are")
                    + " applied.");
        } else {
            out.println("Done: " + counted(outcome.applied().size(), "migration") + " applied in "
                    + outcome.took().toMillis() + " ms; " + all + " had been applied before.");
        }
    }

    private void printTable(MigrationStatus status) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("VERSION", "STATE", "CHECKSUM", "APPLIED AT (UTC)"));
        for (Entry entry : status.entries()) {
            @Nullable Instant time = entry.appliedAt();
            rows.add(List.of(
                    entry.key(), state(entry.state()), checksums(entry), time == null ? "-" : TIME.format(time)));
        }
        TextTable.print(rows, out);
        List<String> counts = new ArrayList<>();
        for (State state : State.values()) {
            long count = status.entries().stream()
                    .filter(entry -> entry.state() == state)
                    .count();
            if (count > 0) {
                counts.add(count + " " + state(state));
            }
        }
        out.println();
        out.println(String.join(", ", counts) + ".");
    }

    static String state(State state) {
        return state.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private String checksums(Entry entry) {
        @Nullable String before = entry.appliedChecksum();
        @Nullable String now = entry.checksum();
        if (entry.state() == State.DRIFTED) {
            return shortened(before) + " " + arrow + shortened(now);
        }
        return shortened(now == null ? before : now);
    }

    private static String shortened(@Nullable String checksum) {
        return checksum == null ? "none" : checksum.length() <= SHORT ? checksum : checksum.substring(0, SHORT);
    }

    private void printPlan(MigrationStatus status, boolean ok) {
        List<Entry> pending = status.pending();
        if (pending.isEmpty()) {
            if (ok) {
                out.println("Nothing to do: all " + status.entries().size() + " migrations are applied.");
            }
            return;
        }
        out.println((ok ? "Would apply " : "Pending, but a run would be refused: ")
                + counted(pending.size(), "migration") + ", "
                + counted(pending.stream().mapToInt(Entry::statements).sum(), "statement") + ":");
        List<List<String>> rows = new ArrayList<>();
        for (Entry entry : pending) {
            rows.add(List.of(
                    "  " + entry.key(),
                    counted(entry.statements(), "statement"),
                    String.valueOf(entry.file()) + (entry.state() == State.UNFINISHED ? " (begun before)" : "")));
        }
        TextTable.print(rows, out);
    }

    private void printProblems(MigrateOutcome outcome, Mode mode) {
        List<Problem> problems = outcome.problems();
        if (problems.isEmpty()) {
            return;
        }
        boolean headed = mode != Mode.RUN || outcome.refused();
        if (headed) {
            err.println("forge: " + (mode == Mode.RUN ? "nothing was applied:" : "a run would be refused:"));
        }
        for (Problem problem : problems) {
            err.println((headed ? "  " : "forge: ") + indented(problem.toString()));
            if (problem.excerpt() != null) {
                err.println("  " + indented(problem.excerpt()));
            }
            if (problem.remedy() != null) {
                err.println("  " + arrow + problem.remedy());
            }
        }
        if (mode == Mode.RUN) {
            printRest(outcome);
        }
        err.flush();
    }

    private void printRest(MigrateOutcome outcome) {
        int applied = outcome.applied().size();
        if (applied > 0) {
            err.println("  " + (applied == 1 ? "The migration" : "The " + applied + " migrations") + " before it "
                    + (applied == 1 ? "is" : "are") + " applied.");
        }
        if (outcome.interrupted()) {
            err.println("  Run the same command again: it goes on where the database stands.");
        }
    }

    private static String indented(String text) {
        return text.replace("\n", System.lineSeparator() + "  ");
    }
}
