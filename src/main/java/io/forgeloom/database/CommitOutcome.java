package io.forgeloom.database;

/** What became of a transaction whose COMMIT was sent. */
public enum CommitOutcome {
    /** It is committed. */
    COMMITTED,
    /** It was rolled back. */
    ROLLED_BACK,
    /** The server has not ended it yet, or does not know it any more, or is of another history. */
    UNKNOWN
}
