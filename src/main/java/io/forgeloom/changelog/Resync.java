package io.forgeloom.changelog;

/**
 * From this position nobody can go on: read the state anew, as {@link ChangeLog#snapshotThenFollow} does. The last element
 * of a reader. Immutable, safe for use by many threads.
 *
 * @param cause which of the causes
 * @param message what was found, for people
 */
public record Resync(Cause cause, String message) implements ChangeElement {

    /** Why. */
    public enum Cause {
        /** Rows that the reader has not seen were trimmed, or may have been. */
        TRIMMED,
        /** The position is of another log: another cluster, another timeline, an older copy, a log made anew. */
        OTHER_HISTORY
    }
}
