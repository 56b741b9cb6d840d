package io.forgeloom.leader;

import java.time.Instant;

/**
 * What the database says of a role, by its own clock. Immutable, safe for use by many threads.
 *
 * @param role the role's name, as it is in the table
 * @param state whether somebody leads
 * @param nodeId who leads, or led last, by the name that it gave itself
 * @param token which leadership that is
 * @param since when it was elected
 * @param until the end of its lease as it last wrote it; it writes {@link LeaderConfig#checkInterval() now and then}
 * @param backendPid the server's process behind its session
 */
public record LeaderStatus(
        String role, State state, String nodeId, LeadershipToken token, Instant since, Instant until, int backendPid) {

    /** Whether somebody leads. */
    public enum State {
        /** It holds the lock and its lease runs. */
        LEADING,
        /** It holds the lock, but its lease has expired: it hangs, or was elected under a pooler that keeps its session. */
        SILENT,
        /** It gave the role up, and nobody else has taken it yet. */
        RESIGNED,
        /** It is gone without a word; the lock is free, or another one is about to take over. */
        GONE
    }
}
