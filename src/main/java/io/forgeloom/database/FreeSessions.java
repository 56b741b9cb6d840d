package io.forgeloom.database;

import java.util.BitSet;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A pool's free sessions, each in a slot of its own, which it keeps for life. Taking and putting is lock-free: a thread
 * that is descheduled here keeps nobody else from a session, which a lock would, and with it the queue would form for want
 * of a processor, not of sessions. Neither allocates. Safe for use by many threads.
 */
final class FreeSessions {

    // A slot holds its own session or null, never another's, so a compare-and-set of the two has no ABA problem.
    // Both ways go through the slots in one direction: the first ones are used most, and the last ones grow old.

    private final AtomicReferenceArray<@Nullable PooledSession> slots;

    /** The slots that belong to a session. Guarded by the lock, under which nothing blocks. */
    private final BitSet owned = new BitSet();

    private final ReentrantLock lock = new ReentrantLock();

    FreeSessions(int size) {
        this.slots = new AtomicReferenceArray<>(size);
    }

    /** A slot for a session that is about to be made; there are as many as the pool may have sessions. */
    int reserve() {
        lock.lock();
        try {
            int slot = owned.nextClearBit(0);
            owned.set(slot);
            return slot;
        } finally {
            lock.unlock();
        }
    }

    /** This session has ended; its slot goes to another. */
    void forget(PooledSession ended) {
        lock.lock();
        try {
            owned.clear(ended.slot);
        } finally {
            lock.unlock();
        }
    }

    /** To be followed by a volatile write, such as the release of a permit. */
    void put(PooledSession session) {
        slots.setRelease(session.slot, session);
    }

    /** Takes one out; null if this pass met none, which does not prove that there was none at any time. */
    @Nullable
    PooledSession take() {
        for (int i = 0; i < slots.length(); i++) {
            PooledSession session = slots.getOpaque(i);
            if (session != null && slots.compareAndSet(i, session, null)) {
                return session;
            }
        }
        return null;
    }

    /** Takes one out for which {@code due} holds, from those used least; looks only at what nobody else has. */
    @Nullable
    PooledSession take(Predicate<PooledSession> due) {
        for (int i = slots.length() - 1; i >= 0; i--) {
            PooledSession session = slots.getOpaque(i);
            if (session != null && slots.compareAndSet(i, session, null)) {
                if (due.test(session)) {
                    return session;
                }
                put(session);
            }
        }
        return null;
    }
}
