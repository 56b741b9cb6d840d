package io.forgeloom.database;

import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One of a pool's sessions. Owned by one thread at a time: by the pool's deque while it is free, by its holder else. The
 * fields are handed over with it, by the pool's lock and semaphore; messages read them without, and may print what was
 * true a moment ago.
 */
final class PooledSession {

    /**
     * Reachable exactly as long as the session can come back: kept here while the session is free, and by the holder's
     * {@link ConnectionHandle} while it is in use. So a handle that is dropped is noticed, without an object for each
     * acquire.
     */
    static final class Claim {}

    /** Enqueued when the claim became unreachable: somebody dropped the handle without closing it. */
    static final class Dropped extends PhantomReference<Claim> {
        final PooledSession session;

        private Dropped(PooledSession session, Claim claim, ReferenceQueue<Claim> queue) {
            super(claim, queue);
            this.session = session;
        }
    }

    /** Stands for a time that was not read, because nothing else needed it; no reading of the clock that matters. */
    static final long UNTIMED = 1;

    final PgSession session;

    /** Counts the pool's sessions; for messages. */
    final long number;

    /** See {@link Retirement}. */
    final int generation;

    /** What the pool last heard of its server's role. Handed over with the session. */
    ServerRole role;

    /** Where it lies while it is free; its own as long as it lives. */
    final int slot;

    /** Odd while somebody holds it. Whoever makes it even, by compare-and-set, is the one who gives the session back. */
    final AtomicInteger holds = new AtomicInteger();

    /** The reference itself must be reachable to be enqueued; nobody reads it. */
    @SuppressWarnings("unused")
    private final Dropped dropped;

    private @Nullable Claim claim;

    /** When it was opened; {@link System#nanoTime()}. */
    final long openedNanos;

    /** How old it may grow, its share of jitter included; 0 = any age. */
    final long lifetimeNanos;

    /** When it last ended a statement, or was opened; {@link System#nanoTime()}. Being held without one is no use. */
    long lastUsedNanos;

    /** When the pool itself last tried it; that is no use either. */
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

    /** What its holder called it, by the {@code ApplicationName} of JDBC's client info; null if it did not. */
    @Nullable
    String label;

    /** Since when a statement is executed; {@link System#nanoTime()}, or {@link #UNTIMED}; 0 while none is. */
    long statementSinceNanos;

    /** Where it was acquired, if leaks are looked for; null once it was reported. */
    @Nullable
    Throwable acquiredAt;

    /** A handle from which the driver's own connection was taken: while that may be in use, the handle counts as held. */
    @Nullable
    ConnectionHandle unwrapped;

    /** What it counts against while it is in use for a read that no replica may serve; null else. */
    @Nullable
    ReadShare share;

    /** Whether the server may not know that the session is over, so that its backend has to be ended. */
    volatile boolean orphan;

    /** Why {@link SessionWatch} ended it; null if it did not. */
    volatile @Nullable String cutBecause;

    PooledSession(
            PgSession session,
            long number,
            int generation,
            int slot,
            long now,
            long lifetimeNanos,
            int trusted,
            ReferenceQueue<Claim> droppedQueue) {
        this.session = session;
        this.number = number;
        this.generation = generation;
        this.role = session.role();
        this.slot = slot;
        this.openedNanos = now;
        this.lifetimeNanos = lifetimeNanos;
        this.lastUsedNanos = now;
        this.triedNanos = now;
        this.heldSinceNanos = now;
        this.trusted = trusted;
        Claim first = new Claim();
        this.claim = first;
        this.dropped = new Dropped(this, first, droppedQueue);
    }

    /** The new holder takes the claim, and gives it back with the session. */
    Claim takeClaim() {
        Claim taken = claim;
        if (taken == null) {
            throw new IllegalStateException("session #" + number + " is held by somebody else");
        }
        claim = null;
        return taken;
    }

    void returnClaim(@Nullable Claim returned) {
        claim = returned;
    }

    /** What it counts against no more. */
    @Nullable
    ReadShare takeShare() {
        ReadShare taken = share;
        share = null;
        return taken;
    }

    /** When it last answered anyone. */
    long lastTriedNanos() {
        return triedNanos - lastUsedNanos > 0 ? triedNanos : lastUsedNanos;
    }

    /** How often it was handed to a user. */
    int uses() {
        return (holds.get() + 1) >>> 1;
    }

    /** The newest of the times noted here, for whoever need not know it to the millisecond. */
    long lastKnownNanos() {
        long tried = lastTriedNanos();
        return heldSinceNanos - tried > 0 ? heldSinceNanos : tried;
    }

    /** Whether it has lived long enough. */
    boolean isExpired(long now) {
        return lifetimeNanos != 0 && now - openedNanos >= lifetimeNanos;
    }
}
