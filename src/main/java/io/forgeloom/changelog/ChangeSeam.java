package io.forgeloom.changelog;

import org.jspecify.annotations.Nullable;

/**
 * A copy and what comes after it, without a gap and without an overlap. One thread at a time, as its follower.
 *
 * @param copy what the copying function returned
 * @param position where the follower began; with it stored beside the copy, another one may begin there
 * @param follower gives everything that the copy has not seen; to be closed
 */
public record ChangeSeam<T extends @Nullable Object>(T copy, ChangePosition position, ChangeFollower follower)
        implements AutoCloseable {

    @Override
    public void close() {
        follower.close();
    }
}
