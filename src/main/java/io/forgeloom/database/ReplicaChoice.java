package io.forgeloom.database;

/** How a replica is chosen among those in rotation. Immutable, safe for use by many threads. */
public sealed interface ReplicaChoice {

    /** One after the other, whatever each is doing. */
    record RoundRobin() implements ReplicaChoice {}

    /** {@link RoundRobin}. */
    static ReplicaChoice roundRobin() {
        return new RoundRobin();
    }
}
