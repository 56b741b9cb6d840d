package io.forgeloom.migrate;

import io.forgeloom.migrate.MigrationStatus.Entry;
import io.forgeloom.migrate.MigrationStatus.State;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is to be done, found by holding each list against its rows: those must be the first of the list's files, unchanged
 * and without a hole. Whatever is not so is a problem; all of them are collected, so that one look shows them all.
 */
final class MigrationPlan {

    /**
     * A file to apply.
     *
     * @param unfinished whether an earlier run began it and did not say how it ended
     */
    record Step(MigrationList list, MigrationFile file, boolean unfinished) {

        String key() {
            return list.key(file);
        }
    }

    private final List<Entry> entries = new ArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();

    private MigrationPlan() {}

    static MigrationPlan of(List<MigrationList> lists, List<AppliedMigration> history) {
        MigrationPlan plan = new MigrationPlan();
        for (MigrationList list : lists) {
            plan.add(list, history.stream().filter(row -> list.owns(row.key())).toList());
        }
        return plan;
    }

    /** What to apply, in order. Of no use if there are {@link #problems()}. */
    List<Step> steps() {
        return steps;
    }

    List<String> problems() {
        return problems;
    }

    int applied() {
        return entries.size() - steps.size();
    }

    /**
     * As it is told to people.
     *
     * @param schemaChanges see there
     * @param refusals what else a run would stop at
     */
    MigrationStatus status(List<String> schemaChanges, List<String> refusals) {
        List<String> all = new ArrayList<>(problems);
        all.addAll(refusals);
        return new MigrationStatus(entries, schemaChanges, all);
    }

    /** Throws if the database has not just the beginning of each list. */
    MigrationPlan requireSound() {
        if (!problems.isEmpty()) {
            throw MigrationException.diverged(problems);
        }
        return this;
    }

    private void add(MigrationList list, List<AppliedMigration> rows) {
        Map<String, AppliedMigration> byKey = new HashMap<>();
        rows.forEach(row -> byKey.put(row.key(), row));
        @Nullable MigrationFile hole = null;
        for (MigrationFile file : list.files()) {
            @Nullable AppliedMigration row = byKey.remove(list.key(file));
            if (row == null) {
                hole = hole == null ? file : hole;
                steps.add(new Step(list, file, false));
                entries.add(entry(list, file, null, State.PENDING));
                continue;
            }
            if (hole != null) {
                problems.add(row.key() + " is applied, and " + list.key(hole) + ", which comes before it, is not: give "
                        + hole.file() + " a number behind those that are applied");
                hole = null;
            }
            addApplied(list, file, row);
        }
        byKey.values().stream()
                .sorted(Comparator.comparing(AppliedMigration::key))
                .forEach(row -> addMissing(list, row));
    }

    private void addApplied(MigrationList list, MigrationFile file, AppliedMigration row) {
        boolean same = row.hasChecksum(file.checksum());
        if (!same) {
            String found = row.checksumText() + ", file " + file.checksum() + " (" + MigrationText.ALGORITHM + ")";
            String when = row.running() ? "an earlier run had begun it: " : "it had been applied: applied ";
            problems.add(
                    MigrationText.ALGORITHM.equals(row.algorithm())
                            ? row.key() + " was changed after " + when + found + "; restore " + file.file()
                                    + ", and put the change into a new file"
                            : row.key() + " was applied by another program, whose checksum does not compare: applied "
                                    + found + "; if " + file.file() + " is what was applied, set checksum and algorithm"
                                    + " of that row to those of the file");
        }
        if (row.running() && same) {
            steps.add(new Step(list, file, true));
        }
        entries.add(entry(list, file, row, !same ? State.DRIFTED : row.running() ? State.UNFINISHED : State.UNCHANGED));
    }

    private void addMissing(MigrationList list, AppliedMigration row) {
        int known = list.files().isEmpty() ? 0 : list.files().getLast().number();
        String version = row.key().substring(row.key().indexOf('/') + 1);
        int number = numberOf(version);
        if (number > known) {
            problems.add(row.key() + " is applied, and " + list + " here end at number " + known
                    + ": this program is older than the one that migrated this database; use that one, or a newer");
        } else {
            problems.add(row.key() + " is applied, and its file is missing here: restore it");
        }
        entries.add(
                new Entry(list.name(), version, State.SOURCE_MISSING, null, 0, null, row.checksum(), row.appliedAt()));
    }

    /** 0 for a version that none of our names could have. */
    private static int numberOf(String version) {
        String name = version.startsWith(MigrationList.SYSTEM_PREFIX)
                ? version.substring(Math.min(MigrationList.SYSTEM_PREFIX.length() + 1, version.length()))
                : version;
        int digits = 0;
        while (digits < name.length() && Character.isDigit(name.charAt(digits))) {
            digits++;
        }
        return digits == 0 || digits > 9 ? 0 : Integer.parseInt(name.substring(0, digits));
    }

    private static Entry entry(MigrationList list, MigrationFile file, @Nullable AppliedMigration row, State state) {
        return new Entry(
                list.name(),
                file.version(),
                state,
                file.file(),
                file.statements().size(),
                file.checksum(),
                row == null ? null : row.checksum(),
                row == null ? null : row.appliedAt());
    }
}
