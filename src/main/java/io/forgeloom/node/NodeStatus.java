package io.forgeloom.node;

/** Where a node is in its life, as the others see it. */
public enum NodeStatus {
    /** It is there and takes no work yet. */
    JOINING,
    /** It works. */
    ACTIVE,
    /** It takes no new work and is about to end. */
    DRAINING,
    /** Nothing was heard of it for {@link NodeConfig#deadAfter()}: it was killed, hangs, or cannot reach the database. */
    DEAD
}
