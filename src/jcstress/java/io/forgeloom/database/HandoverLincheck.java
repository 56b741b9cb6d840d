package io.forgeloom.database;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;

/** A pool of two sessions: who finds one, and who does not, is as if each call were one step. */
@Param(name = "thread", gen = ThreadIdGen.class)
public final class HandoverLincheck {

    private static final int THREADS = 4;

    private final SessionPool pool = HandoverStress.pool(2);

    /** What each thread holds; its own. */
    private final AtomicReferenceArray<PooledSession> held = new AtomicReferenceArray<>(THREADS);

    /** {@return what this thread has afterwards} */
    @Operation
    public String take(@Param(name = "thread") int thread) {
        if (held.get(thread) == null) {
            held.set(thread, pool.tryTake());
        }
        PooledSession own = held.get(thread);
        if (own == null) {
            return "none";
        }
        for (int other = 0; other < THREADS; other++) {
            if (other != thread && held.get(other) == own) {
                return "one that is in two hands";
            }
        }
        return "one";
    }

    /** {@return whether this thread had one to give} */
    @Operation
    public boolean give(@Param(name = "thread") int thread) {
        PooledSession session = held.get(thread);
        if (session == null) {
            return false;
        }
        held.set(thread, null);
        pool.give(session);
        return true;
    }
}
