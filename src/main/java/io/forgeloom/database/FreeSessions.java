package io.forgeloom.database;

import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A pool's free sessions, each in a slot of its own, which it keeps for life. Lock-free: a thread that is descheduled here
 * keeps nobody else from a session, which a lock would, and with it the queue would form for want of a processor, not of
 * sessions. Allocates nothing. Safe for use by many threads.
 */
final class FreeSessions {

    // A slot holds its own session or null, never another's, so a compare-and-set of the two has no ABA problem.
    // Both ways go through the slots in one direction: the first ones are used most, and the last ones grow old.

    private final AtomicReferenceArray<@Nullable PooledSession> slots;

    FreeSessions(int size) {
        this.slots = new AtomicReferenceArray<>(size);
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
