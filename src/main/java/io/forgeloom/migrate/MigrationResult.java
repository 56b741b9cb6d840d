package io.forgeloom.migrate;

import java.time.Duration;
import java.util.List;

/**
 * What a run did. Immutable, safe for use by many threads.
 *
 * @param applied the versions that this run applied, in order, as the history names them; empty if there was nothing to do,
 *     or another run did it meanwhile
 * @param alreadyApplied how many were applied before
 * @param schemaChanges what differed from what the last migration left, one object each, ten at most; empty if nothing did
 * @param took all of it, the wait for the lock included
 */
public record MigrationResult(List<String> applied, int alreadyApplied, List<String> schemaChanges, Duration took) {

    /** Copies the lists. */
    public MigrationResult {
        applied = List.copyOf(applied);
        schemaChanges = List.copyOf(schemaChanges);
    }
}
