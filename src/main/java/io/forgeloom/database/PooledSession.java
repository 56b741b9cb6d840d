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

    /** When it was opened; {@link System#nanoTime()}. */
    final long openedNanos;

    /** How old it may grow, its share of jitter included; 0 = any age. */
    final long lifetimeNanos;

    /** When it was last given back or opened; {@link System#nanoTime()}. */
    long lastUsedNanos;

    /** When the upkeep last tried it; does not make it any younger. */
    long triedNanos;

    /** The pool's {@link SessionPool#suspicion()} when this session was last known to be alive. */
    int trusted;

    /** Who has it; null while it is free. */
    @Nullable
    Thread holder;

    /** Since when; {@link System#nanoTime()}. */
    long heldSinceNanos;

    /** Its name if it is a dedicated connection, which is never used again; null else. */
    @Nullable
    String dedicatedTo;

    /** Where it was acquired, if leaks are looked for; null once it was reported. */
    @Nullable
    Throwable acquiredAt;

    PooledSession(PgSession session, long number, long now, long lifetimeNanos, int trusted) {
        this.session = session;
        this.number = number;
        this.openedNanos = now;
        this.lifetimeNanos = lifetimeNanos;
        this.lastUsedNanos = now;
        this.triedNanos = now;
        this.trusted = trusted;
    }

    /** When it last answered anyone. */
    long lastTriedNanos() {
        return triedNanos - lastUsedNanos > 0 ? triedNanos : lastUsedNanos;
    }

    /** Whether it has lived long enough. */
    boolean isExpired(long now) {
        return lifetimeNanos != 0 && now - openedNanos >= lifetimeNanos;
    }
}
