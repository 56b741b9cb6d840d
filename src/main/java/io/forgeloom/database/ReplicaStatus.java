package io.forgeloom.database;

import java.time.Instant;

/**
 * A replica as it was a moment ago. Immutable, safe for use by many threads.
 *
 * @param name {@code replica-1}, …, in the order of the configuration
 * @param state whether reads go there, and if not, why
 * @param since since when it is in this state
 * @param reason what led to it, for people
 * @param reads how many connections of it were acquired so far
 * @param share its part of all the connections of replicas that were acquired so far, 0 to 1
 * @param pool its pool; {@link PoolStats#active()} is what is in flight there
 */
public record ReplicaStatus(
        String name, State state, Instant since, String reason, long reads, double share, PoolStats pool) {

    /** Whether reads go to a replica. */
    public enum State {
        /** In rotation. */
        IN_ROTATION,
        /** A connection failed a moment ago; it is being tried, and nobody is sent there meanwhile. */
        SUSPECT,
        /** It refused or did not answer. It is tried again and again, with back-off, at most 4 s apart. */
        DOWN,
        /** It is further behind the primary than is allowed. */
        LAGGING,
        /** It cancelled a read for the sake of what it replays; others would meet the same. It is back after a second. */
        CONFLICT,
        /** It is no standby: it was promoted, or never was one. */
        NOT_A_REPLICA
    }

    /** Whether reads go there. */
    public boolean isInRotation() {
        return state == State.IN_ROTATION;
    }
}
