package io.forgeloom.migrate;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the files and the database stand to each other, as of one look. Immutable, safe for use by many threads.
 *
 * @param entries every file and every row of the lists that were given, the system's first, each list in its order
 * @param schemaChanges what is not as the last migration left it, one object each, ten at most; empty if nothing is, and
 *     with {@link SchemaDrift#IGNORE}
 * @param problems why {@link Migrator#migrate} would refuse; empty if it would not
 */
public record MigrationStatus(List<Entry> entries, List<String> schemaChanges, List<String> problems) {

    /** What is known of one migration. */
    public enum State {
        /** Applied, and the file is the one that was. */
        UNCHANGED,
        /** Applied, and the file is another one now. */
        DRIFTED,
        /** Applied, and there is no such file. */
        SOURCE_MISSING,
        /** Not applied. */
        PENDING,
        /** A migration without a transaction was begun, and its end is not known; the next run finishes it. */
        UNFINISHED
    }

    /**
     * One migration.
     *
     * @param list the name of its list; empty for the one without a name, and for the system's
     * @param version the file's name without its ending; of the system's the part before the slug
     * @param file where the file is; null if there is none
     * @param statements in the file; 0 if there is none
     * @param checksum of the file; null if there is none
     * @param appliedChecksum in the history; null if it is not applied, or has none there
     * @param appliedAt by the database's clock; null if it is not applied
     */
    public record Entry(
            String list,
            String version,
            State state,
            @Nullable String file,
            int statements,
            @Nullable String checksum,
            @Nullable String appliedChecksum,
            @Nullable Instant appliedAt) {

        /** The version as the history has it: with the name of the list before it, if that has one. */
        public String key() {
            return list.isEmpty() ? version : list + MigrationList.SEPARATOR + version;
        }
    }

    /** Copies the lists. */
    public MigrationStatus {
        entries = List.copyOf(entries);
        schemaChanges = List.copyOf(schemaChanges);
        problems = List.copyOf(problems);
    }

    /** The entries that {@link Migrator#migrate} would apply, in that order. */
    public List<Entry> pending() {
        return entries.stream()
                .filter(entry -> entry.state == State.PENDING || entry.state == State.UNFINISHED)
                .toList();
    }
}
