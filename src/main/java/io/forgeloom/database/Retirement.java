package io.forgeloom.database;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Which of a pool's sessions end instead of being used again: all that were being opened, or open, when it was last said.
 * Safe for use by many threads.
 */
final class Retirement {

    // A number is taken before a connect and kept by its session. Whoever moves the pool to another server first
    // changes where sessions are opened, then the number: so no session of the old server has the new number.

    private final AtomicInteger generation = new AtomicInteger();

    /** The first generation whose sessions may begin a statement. */
    private volatile int fence;

    /** The generation of what is opened from now on. */
    int generation() {
        return generation.get();
    }

    /** All sessions that exist end when they are free; in use they go on. */
    void retire() {
        generation.incrementAndGet();
    }

    /** As {@link #retire}, and those in use begin no statement and no commit any more. One thread at a time. */
    void fence() {
        fence = generation.incrementAndGet();
    }

    boolean isRetired(PooledSession session) {
        return session.generation != generation.get();
    }

    boolean isFenced(PooledSession session) {
        return session.generation - fence < 0;
    }
}
