package io.forgeloom.testing.chaos;

/** What can be done to a node, or to a server. */
enum Kind {
    /** kill -9, and a new process in its place. */
    KILL(true),
    /** SIGSTOP, and SIGCONT later. */
    PAUSE(true),
    /** All connections of the node are reset. */
    RESET(true),
    /** What the node and the servers send each other vanishes. */
    BLACKHOLE(true),
    /** The server ends some sessions of the node. */
    BACKENDS(true),
    /** The node's own users hold all connections. */
    EXHAUSTION(true),
    /** The wall clock of the node is hours off. */
    CLOCK(true),
    /** The primary is stopped, fast or immediately, and started. */
    PRIMARY_RESTART(false),
    /** A replica is stopped, and started later. */
    REPLICA_RESTART(false),
    /** A replica goes on receiving and does not replay. */
    REPLICA_LAG(false),
    /** The primary ends, the most advanced replica is promoted, the old primary becomes a replica. */
    PROMOTION(false);

    private final boolean ofNode;

    Kind(boolean ofNode) {
        this.ofNode = ofNode;
    }

    boolean ofNode() {
        return ofNode;
    }

    /** Whether the primary cannot be reached for a while. */
    boolean takesPrimary() {
        return this == PRIMARY_RESTART || this == PROMOTION;
    }
}
