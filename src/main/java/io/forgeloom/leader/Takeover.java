package io.forgeloom.leader;

/**
 * When the winner of a free lock leads. Where a process dies, freezes or is cut off, either way there is one leader at a
 * time. They differ where the server drops the session of a leader that lives, because it was told to or restarts: that
 * one learns it up to {@link LeaderConfig#lockValidateInterval()} later.
 */
public enum Takeover {

    /**
     * At once. For effects in this database, which the term fences: what the earlier leader still tries there is refused.
     */
    IMMEDIATE,

    /**
     * After as long as the earlier leader's lease was, counted from the winning, unless that one resigned. For effects
     * elsewhere, which nothing fences: the earlier leader does not trust itself any more by then.
     */
    AFTER_LEASE
}
