package io.forgeloom.migrate;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A row of the history.
 *
 * @param key the version, with the name of its list before it if that has one
 * @param algorithm see {@link MigrationText#ALGORITHM}; null in a row of another program
 * @param running whether a migration without a transaction was begun, and its end is not known
 */
record AppliedMigration(
        String key,
        Instant appliedAt,
        @Nullable String checksum,
        @Nullable String algorithm,
        boolean running) {

    boolean hasChecksum(String expected) {
        return MigrationText.ALGORITHM.equals(algorithm) && expected.equals(checksum);
    }

    /** For messages. */
    String checksumText() {
        return checksum == null ? "none" : checksum + " (" + (algorithm == null ? "no algorithm" : algorithm) + ")";
    }
}
