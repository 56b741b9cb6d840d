package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Opens a pool's sessions, on virtual threads of its own, at most {@code maxConnecting} at once. Safe for use by many
 * threads.
 */
final class SessionOpeners {

    // Each opener goes on as long as more sessions are wanted than there are openers. Nobody who waits is left without:
    // he counts himself before he asks, and an opener decides to end, and is uncounted, in one step under the lock
    // under which he asks.
    //
    // While the server cannot be reached (`outage`), one opener alone tries on, with back-off, whatever the number of
    // waiters. It ends when nobody waits any more.

    private static final System.Logger LOG = System.getLogger("io.forgeloom.database");

    /** Why no session can be opened, as far as the last attempt tells; {@code sinceNanos} is the first of those in a row. */
    record Outage(SQLException lastError, long sinceNanos) {}

    private final String name;
    private final SessionPool pool;
    private final PgConnector connector;
    private final Semaphore places;
    private final int maxConnecting;
    private final Duration connectTimeout;

    private final ReentrantLock lock = new ReentrantLock();

    /** Changed under the lock only; counted without it. */
    private final Set<Thread> openers = ConcurrentHashMap.newKeySet();

    /** Numbers the threads; guarded by the lock. */
    private long started;

    /** Guarded by the lock. */
    private boolean closed;

    /** Written by openers; null while the last attempt succeeded. */
    private volatile @Nullable Outage outage;

    /** {@code places} has a permit for each session that may yet be opened; a session that ends gives its own back. */
    SessionOpeners(String name, SessionPool pool, DatabaseConfig config, PgConnector connector, Semaphore places) {
        this.name = name;
        this.pool = pool;
        this.connector = connector;
        this.places = places;
        this.maxConnecting = config.maxConnecting();
        this.connectTimeout = config.connectTimeout();
    }

    @Nullable
    Outage outage() {
        return outage;
    }

    /** How many are at work. */
    int count() {
        return openers.size();
    }

    /** Starts as many openers as are needed now. Never blocks. To be called after each change that may need one. */
    void openIfNeeded() {
        // Without a place there is nothing to do, and whoever frees one calls this after it: either he sees this
        // caller among those who wait, or this caller sees his place.
        if (places.availablePermits() == 0) {
            return;
        }
        lock.lock();
        try {
            while (openers.size() < needed() && places.availablePermits() > 0) {
                Thread opener = Thread.ofVirtual()
                        .name("forgeloom-open-" + name + "-" + ++started)
                        .unstarted(this::run);
                openers.add(opener);
                opener.start();
            }
        } finally {
            lock.unlock();
        }
    }

    /** How many openers there should be. Called under the lock. */
    private int needed() {
        return closed ? 0 : Math.min(pool.wanted(), outage == null ? maxConnecting : 1);
    }

    /** Ends when nothing is left to open, or interrupted by {@link #close} or {@link #giveUp}. */
    private void run() {
        RetryPauses pauses = new RetryPauses();
        try {
            while (begin()) {
                try {
                    openOne(pauses);
                } catch (InterruptedException e) {
                    if (isClosed()) {
                        end();
                        return;
                    }
                    // By giveUp(): what was being opened is for nobody. Whoever waits since is served by the next try.
                    pauses = new RetryPauses();
                }
            }
        } catch (RuntimeException | Error e) {
            end();
            throw e;
        }
    }

    /** Opens one session, or fails and waits until the next try is due. */
    private void openOne(RetryPauses pauses) throws InterruptedException {
        try {
            int suspected = pool.suspicion();
            int generation = pool.retirement().generation();
            PgSession session = connect();
            recovered();
            pool.add(session, suspected, generation);
        } catch (SQLException e) {
            do {
                long since = failed(e);
                if (isSurplus()) {
                    return;
                }
                TimeUnit.NANOSECONDS.sleep(pauses.nextNanos(e, System.nanoTime() - since));
            } while (connector.isStillRefused(e, Deadline.after(connectTimeout)));
        }
    }

    /** Takes a place for one more session; if there is none, or none is needed, this opener no longer counts. */
    private boolean begin() {
        lock.lock();
        try {
            if (openers.size() <= needed() && places.tryAcquire()) {
                return true;
            }
            openers.remove(Thread.currentThread());
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Uncounts this opener. */
    private void end() {
        lock.lock();
        try {
            openers.remove(Thread.currentThread());
        } finally {
            lock.unlock();
        }
    }

    /** Whether there are more openers than needed: then the next {@link #begin} ends this one. */
    private boolean isSurplus() {
        lock.lock();
        try {
            return openers.size() > needed();
        } finally {
            lock.unlock();
        }
    }

    private boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    private PgSession connect() throws SQLException, InterruptedException {
        boolean connected = false;
        PoolEvents.Create event = new PoolEvents.Create();
        event.begin();
        event.pool = name;
        try {
            PgSession session = connector.connect(Deadline.after(connectTimeout));
            String unfit = pool.listener().opened(session);
            if (unfit != null) {
                session.close();
                throw new SQLException(unfit, SqlState.READ_ONLY);
            }
            connected = true;
            return session;
        } catch (SQLException e) {
            event.error = e.getMessage();
            throw e;
        } finally {
            if (!connected && event.error == null) {
                event.error = "interrupted";
            }
            event.commit();
            if (!connected) {
                places.release();
            }
        }
    }

    private void recovered() {
        pool.holdOff().succeeded();
        Outage before = outage;
        outage = null;
        if (before != null) {
            long down = System.nanoTime() - before.sinceNanos();
            LOG.log(Level.INFO, "{0} {1}: reachable again after {2} ms", name, connector, down / 1_000_000);
            openIfNeeded();
        }
    }

    /** Returns the {@link System#nanoTime()} since when none succeeded. */
    private long failed(SQLException failure) {
        pool.holdOff().failed(failure);
        SQLException error = pool.listener().openFailed(failure);
        Outage before = outage;
        long since = before == null ? System.nanoTime() : before.sinceNanos();
        outage = new Outage(error, since);
        pool.evidence("no session can be opened: " + error.getMessage());
        if (before == null) {
            LOG.log(Level.WARNING, "{0} {1}: cannot open a session: {2}", name, connector, error.getMessage());
        }
        return since;
    }

    /** Ends what is being opened now; those who ask later are served by others. Never blocks. */
    void giveUp() {
        List.copyOf(openers).forEach(Thread::interrupt);
    }

    /** Somebody else found the server to answer. */
    void reachable() {
        pool.holdOff().succeeded();
        outage = null;
    }

    /** No session is opened from now on; what is being opened is given up. Returns the threads that may still run. */
    List<Thread> close() {
        List<Thread> running;
        lock.lock();
        try {
            closed = true;
            running = List.copyOf(openers);
        } finally {
            lock.unlock();
        }
        running.forEach(Thread::interrupt);
        return running;
    }
}
