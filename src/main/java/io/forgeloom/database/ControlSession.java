package io.forgeloom.database;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The one session that a pool opens beyond its size, to ask about its other sessions and to end their backends: opened
 * when there is something to ask, closed when there was nothing for {@link #UNUSED}. Safe for use by many threads, one
 * question at a time.
 */
final class ControlSession {

    static final Duration UNUSED = Duration.ofSeconds(5);
    private static final Duration CONNECT = Duration.ofSeconds(1);

    /** One exchange with the server. */
    @FunctionalInterface
    interface Question<T> {
        T ask(PgSession session) throws SQLException;
    }

    private final PgConnector connector;
    private final HoldOff holdOff;

    /** Held during a question, the connect before it included; both end by a deadline. */
    private final ReentrantLock lock = new ReentrantLock();

    /** Changed under the lock only. */
    private volatile @Nullable PgSession session;

    /** Guarded by the lock. */
    private long lastUsedNanos;

    /** Set once, without the lock: whoever has it then closes the session after the question. */
    private volatile boolean closed;

    /** Tells {@code holdOff} what became of a connect or a question; it is for who asks to heed it. */
    ControlSession(PgConnector connector, HoldOff holdOff) {
        this.connector = connector;
        this.holdOff = holdOff;
    }

    /**
     * The answer, if there is one by the deadline.
     *
     * @throws SQLException if there is none; the next question is asked on a fresh session
     * @throws InterruptedException with the session closed
     */
    <T> T ask(Question<T> question, Deadline deadline) throws SQLException, InterruptedException {
        if (!lock.tryLock(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
            throw new SQLTimeoutException("another question was not answered in time", "08001");
        }
        try {
            PgSession asked = opened(deadline);
            boolean answered = false;
            try {
                int millis = (int) Math.max(1, deadline.remaining().toMillis());
                asked.connection().setNetworkTimeout(Runnable::run, millis);
                T answer = question.ask(asked);
                lastUsedNanos = System.nanoTime();
                answered = true;
                holdOff.succeeded();
                return answer;
            } catch (SQLException e) {
                // An interrupt shows as a broken connection; the flag is what is true.
                if (Thread.interrupted()) {
                    throw (InterruptedException) new InterruptedException().initCause(e);
                }
                holdOff.failed(e);
                throw e;
            } finally {
                if (!answered) {
                    discard();
                }
            }
        } finally {
            lock.unlock();
            if (closed) {
                close();
            }
        }
    }

    /** Whether there is a session now. */
    boolean isOpen() {
        return session != null;
    }

    private PgSession opened(Deadline deadline) throws SQLException, InterruptedException {
        if (closed) {
            throw new SQLException("the pool is closed", "08003");
        }
        PgSession open = session;
        if (open != null && open.address() != connector.url()) {
            // The pool follows another server.
            session = null;
            open.abort();
            open = null;
        }
        if (open == null) {
            try {
                open = connector.connect(deadline.earlier(Deadline.after(CONNECT)));
            } catch (SQLException e) {
                holdOff.failed(e);
                throw e;
            }
            session = open;
        }
        return open;
    }

    private void discard() {
        PgSession open = session;
        session = null;
        if (open != null) {
            open.abort();
        }
    }

    /** To be called now and then. */
    void closeIfUnused() {
        if (!lock.tryLock()) {
            return;
        }
        try {
            PgSession open = session;
            if (open != null && System.nanoTime() - lastUsedNanos >= UNUSED.toNanos()) {
                session = null;
                open.close();
            }
        } finally {
            lock.unlock();
        }
    }

    /** For good. Never waits: if a thread still asks, which can hang in a name look-up, that one closes the session. */
    void close() {
        closed = true;
        if (!lock.tryLock()) {
            return;
        }
        try {
            PgSession open = session;
            session = null;
            if (open != null) {
                open.close();
            }
        } finally {
            lock.unlock();
        }
    }
}
