package io.forgeloom.changelog;

import java.util.Objects;

/**
 * What is logged of a table. Immutable, safe for use by many threads.
 *
 * @param mode a row of the log for each row, or for each statement
 * @param changedColumns whether an update says which columns it changed; it costs the writer about a fifth of what tracking
 *     costs. Of no effect in mode {@link Mode#STATEMENT}
 */
public record TrackOptions(Mode mode, boolean changedColumns) {

    /** What one row of the log stands for. */
    public enum Mode {
        /** One row that was changed; needs a key. An update that changes nothing is not logged. */
        ROW,
        /** One statement that changed any. */
        STATEMENT
    }

    /** Each row, with the columns that changed. */
    public static final TrackOptions DEFAULTS = new TrackOptions(Mode.ROW, true);

    /** Checks that nothing is null. */
    public TrackOptions {
        Objects.requireNonNull(mode, "mode");
    }
}
