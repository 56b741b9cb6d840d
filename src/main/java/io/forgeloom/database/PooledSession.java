package io.forgeloom.database;

import io.forgeloom.internal.pg.PgSession;
import org.jspecify.annotations.Nullable;

/**
 * One of a pool's sessions. Owned by one thread at a time: by the pool's deque while it is free, by its holder else. The
 * fields are handed over with it, by the pool's lock and semaphore; messages read them without, and may print what was
 * true a moment ago.
 */
final class PooledSession {

    final PgSession session;

    /** Counts the pool's sessions; for messages. */
    final long number;

    /** When it was last given back or opened; {@link System#nanoTime()}. */
    long lastUsedNanos;

    /** The pool's {@link SessionPool#suspicion()} when this session was last known to be alive. */
    int trusted;

    /** Who has it; null while it is free. */
    @Nullable
    Thread holder;

    /** Since when; {@link System#nanoTime()}. */
    long heldSinceNanos;

    PooledSession(PgSession session, long number, long now, int trusted) {
        this.session = session;
        this.number = number;
        this.lastUsedNanos = now;
        this.trusted = trusted;
    }
}
