package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Tries all free sessions that are no longer trusted, side by side: those that answer are free again, the others are
 * ended. So a dead network costs one wait for all of them, not one for each acquire. One thread at a time.
 */
final class SuspectTrial {

    private final SessionPool pool;
    private final Duration limit;
    private final int suspicion;

    /** Those without a verdict; each leaves exactly once. */
    private final Set<PooledSession> open = ConcurrentHashMap.newKeySet();

    private SuspectTrial(SessionPool pool, Duration limit) {
        this.pool = pool;
        this.limit = limit;
        this.suspicion = pool.suspicion();
    }

    /**
     * Tries them, and ends those that are retired; each has {@code limit} to answer.
     *
     * @throws InterruptedException those without a verdict are ended
     */
    static void of(String name, SessionPool pool, Duration limit) throws InterruptedException {
        SuspectTrial trial = new SuspectTrial(pool, limit);
        List<PooledSession> suspects = new ArrayList<>();
        for (PooledSession next = trial.take(); next != null; next = trial.take()) {
            if (pool.retirement().isRetired(next)) {
                if (pool.retirement().isFenced(next)) {
                    // Its server may be gone: no farewell, which would wait for it.
                    next.session.abort();
                }
                pool.dispose(next, CloseReason.RETIRED);
            } else {
                suspects.add(next);
            }
        }
        if (!suspects.isEmpty()) {
            trial.run(name, suspects);
        }
    }

    private @Nullable PooledSession take() {
        return pool.takeIdle(session -> session.trusted != suspicion);
    }

    private void run(String name, List<PooledSession> suspects) throws InterruptedException {
        open.addAll(suspects);
        // One second beyond the limit of each, which is what ends them.
        try (TaskScope scope = TaskScope.open("forgeloom-trial", Deadline.after(limit.plusSeconds(1)))) {
            for (PooledSession session : suspects) {
                scope.fork("forgeloom-trial-" + name + "-" + session.number, () -> {
                    settle(session, session.session.answers(limit));
                    return session;
                });
            }
            scope.join();
        } catch (ExecutionException | TimeoutException e) {
            ConnectionPool.LOG.log(Level.WARNING, name + ": not every suspect session was tried", e);
        } finally {
            open.forEach(session -> settle(session, false));
        }
    }

    private void settle(PooledSession session, boolean alive) {
        if (!open.remove(session)) {
            return;
        }
        if (alive) {
            session.trusted = suspicion;
            session.triedNanos = System.nanoTime();
            pool.give(session);
        } else {
            session.orphan = true;
            session.session.abort();
            pool.dispose(session, CloseReason.DEAD);
        }
    }
}
