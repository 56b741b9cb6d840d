package io.forgeloom.database;

/**
 * What becomes of a read that no replica may serve, when as many connections of the primary as
 * {@link ReplicaOptions#maxPrimaryReadShare()} allows are used for such reads. Immutable, safe for use by many threads.
 */
public sealed interface OverCap {

    /** It waits for one of those connections, first come, first served, up to the timeout of the acquire. */
    record WaitForPrimary() implements OverCap {}

    /**
     * It goes to the replica that is the least behind of those that answer, over its bound or not; so it does while the
     * primary itself does not answer. If there is none, it waits as {@link WaitForPrimary} does. A read that asks for a
     * position never goes there.
     */
    record ReadStale() implements OverCap {}

    /** It is refused at once: {@link AcquireException.Reason#READ_SHARE}. */
    record Fail() implements OverCap {}

    /** {@link WaitForPrimary}. */
    static OverCap waitForPrimary() {
        return new WaitForPrimary();
    }

    /** {@link ReadStale}. */
    static OverCap readStale() {
        return new ReadStale();
    }

    /** {@link Fail}. */
    static OverCap fail() {
        return new Fail();
    }
}
