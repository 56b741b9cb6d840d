package io.forgeloom.database;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.Backend;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** How a close deals with those who have not given their sessions back in time. */
final class LateUsers {

    /** How long they have once their statements are cancelled. */
    static final Duration AFTER_CANCEL = Duration.ofMillis(500);

    private LateUsers() {}

    /**
     * Cancels what runs on the sessions, and aborts those that are not given back then. A cancel ends the statement on the
     * server, too, where an abort alone would leave it running. It opens a connection, so each has a thread, which this
     * does not wait for: one may look up a name.
     *
     * @param places has all its permits again, {@code all} of them, once every session has ended
     * @return the backends of aborted sessions, which may not know it yet
     */
    static List<Backend> cancelAndAbort(
            String pool, Collection<PooledSession> sessions, Semaphore places, int all, ClosingWait end)
            throws InterruptedException {
        Deadline patience = Deadline.after(AFTER_CANCEL);
        List<Thread> cancels = new ArrayList<>();
        for (PooledSession session : sessions) {
            cancels.add(Thread.ofVirtual()
                    .name("forgeloom-cancel-" + pool + "-" + session.number)
                    .start(() -> cancel(pool, session)));
        }
        try {
            boolean done = places.tryAcquire(all, patience.remainingNanos(), TimeUnit.NANOSECONDS);
            return done ? List.of() : abort(sessions);
        } finally {
            cancels.forEach(Thread::interrupt);
            cancels.forEach(end::join);
        }
    }

    private static void cancel(String pool, PooledSession session) {
        try {
            session.session.cancel();
        } catch (SQLException e) {
            ConnectionPool.LOG.log(Level.DEBUG, pool + ": a statement could not be cancelled", e);
        }
    }

    static List<Backend> abort(Collection<PooledSession> sessions) {
        List<Backend> aborted = new ArrayList<>();
        for (PooledSession session : sessions) {
            aborted.add(session.session.backend());
            session.session.abort();
        }
        return aborted;
    }
}
