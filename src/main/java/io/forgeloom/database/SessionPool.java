package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import java.lang.System.Logger.Level;
import java.lang.ref.ReferenceQueue;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The sessions with one server and the queue of those who wait for one. Knows nothing of JDBC's rules: a session goes out
 * by {@link #take} and comes back by {@link #give} or {@link #dispose}, exactly once. Safe for use by many threads.
 */
final class SessionPool {

    // Two semaphores and one lock carry the pool.
    //
    //   available  fair; one permit for each session in the deque `idle`. A permit is released after the push and
    //              acquired before the pop, so whoever has a permit finds a session. Its queue is the pool's queue.
    //   capacity   one permit for each session that exists or is being opened.
    //   lock       guards `idle`, `openers` and the change of `closed`. Nothing blocks while it is held, I/O least of
    // all.
    //
    // A waiter never opens a session itself. It asks for one and queues at `available`, where it takes what comes
    // first, a returned session or a new one. Openers are virtual threads, at most maxConnecting; each goes on as long
    // as there are more waiters than openers. No waiter is left without: it counts itself before it asks, and an
    // opener decides to end, and is uncounted, in one step under the lock under which the waiter asks.
    //
    // While the server cannot be reached (`outage`), one opener alone tries on, with back-off, whatever the number of
    // waiters. It ends when nobody waits any more.
    //
    // Closing: `closed` is set under the lock, then one permit without a session is released. Whoever gets it finds the
    // pool shut, passes the permit on and fails; so it wakes all waiters, one after the other.

    private static final System.Logger LOG = System.getLogger("io.forgeloom.database");
    // A restart takes seconds, and those who wait shall not wait much longer than the server needs; after EARLY it is
    // an outage, and a process must not hammer.
    private static final Duration FIRST_RETRY = Duration.ofMillis(50);
    private static final Duration EARLY_RETRY = Duration.ofMillis(150);
    private static final Duration LAST_RETRY = Duration.ofSeconds(1);
    private static final Duration EARLY = Duration.ofSeconds(10);

    /** What ending the backends of aborted sessions may add to a close. */
    private static final Duration LAST_REAP = Duration.ofMillis(200);

    private static final Duration AFTER_CANCEL = Duration.ofMillis(500);
    private static final Duration AFTER_DEADLINE = Duration.ofMillis(300);

    /** Why no session can be opened, as far as the last attempt tells; {@code sinceNanos} is the first of those in a row. */
    record Outage(SQLException lastError, long sinceNanos) {}

    private final PgConnector connector;
    private final String name;
    private final int maxSize;
    private final int minSize;
    private final int maxConnecting;
    private final int maxWaiters;
    private final long maxLifetimeNanos;
    private final Duration connectTimeout;

    private final Semaphore available = new Semaphore(0, true);
    private final Semaphore capacity;
    private final AtomicInteger waiters = new AtomicInteger();
    private final AtomicInteger suspicion = new AtomicInteger();
    private final AtomicLong opened = new AtomicLong();
    private final AtomicLong disposed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();

    /** Every session that exists, free or in use. */
    private final Set<PooledSession> sessions = ConcurrentHashMap.newKeySet();

    /** Those in use that are dedicated; few, so that a refusal need not look at all. */
    private final Set<PooledSession> dedicatedSessions = ConcurrentHashMap.newKeySet();

    private final ReentrantLock lock = new ReentrantLock();

    /** Guarded by the lock. */
    private final ArrayDeque<PooledSession> idle = new ArrayDeque<>();

    /** Changed under the lock only; read without it by {@link #stats}. */
    private final Set<Thread> openers = ConcurrentHashMap.newKeySet();

    /** Numbers the openers' threads; guarded by the lock. */
    private long openersStarted;

    /** Set under the lock, once. */
    private volatile boolean closed;

    // Of what goes wrong with sessions in use: see these classes.
    private final ControlSession control;
    private final OrphanReaper reaper;
    private final SessionWatch watch;
    private final ReferenceQueue<PooledSession.Claim> dropped = new ReferenceQueue<>();

    /** Written by openers; null while the last attempt succeeded. */
    private volatile @Nullable Outage outage;

    SessionPool(
            String name, DatabaseConfig config, int maxSize, int minSize, PgConnector connector, Duration endedHolder) {
        this.name = name;
        this.maxSize = maxSize;
        this.minSize = minSize;
        this.maxConnecting = config.maxConnecting();
        this.maxWaiters = config.maxWaiters();
        this.maxLifetimeNanos = config.maxLifetime().toNanos();
        this.connectTimeout = config.connectTimeout();
        this.connector = connector;
        this.capacity = new Semaphore(maxSize);
        this.control = new ControlSession(connector);
        this.reaper = new OrphanReaper(name, control);
        this.watch = new SessionWatch(name, this, control, dropped, endedHolder);
    }

    /** Takes over the session that the start-up check opened, and opens the rest of the minimum. Called once. */
    void start(PgSession first) {
        if (!capacity.tryAcquire()) {
            throw new IllegalStateException("pool " + name + " was started twice");
        }
        add(first, suspicion());
        openIfNeeded();
        watch.start(connector.watchable());
    }

    /**
     * A session was found dead: those that were last known to be alive before are no longer trusted, and the free ones of
     * them are tried soon.
     */
    void suspect() {
        suspicion.incrementAndGet();
        watch.trySuspects();
    }

    /** Counts the calls of {@link #suspect}. */
    int suspicion() {
        return suspicion.get();
    }

    boolean isClosed() {
        return closed;
    }

    @Nullable
    Outage outage() {
        return outage;
    }

    PoolStats stats() {
        int free = available.availablePermits();
        int all = sessions.size();
        // A permit wakes waiters of a closed pool and stands for no session.
        int idleNow = closed ? 0 : Math.min(free, all);
        return new PoolStats(
                name,
                maxSize,
                all - idleNow,
                idleNow,
                openers.size(),
                waiters.get(),
                opened.get(),
                disposed.get(),
                refused.get(),
                dedicated());
    }

    private List<String> dedicated() {
        List<String> names = new ArrayList<>(0);
        for (PooledSession session : dedicatedSessions) {
            String dedicatedTo = session.dedicatedTo;
            if (dedicatedTo != null) {
                names.add(dedicatedTo);
            }
        }
        return names;
    }

    /** Counts a refusal, for the statistics. */
    void countRefusal() {
        refused.incrementAndGet();
    }

    /** Those in use, as of now; their fields may change while they are read. */
    List<PooledSession> inUse() {
        List<PooledSession> result = new ArrayList<>();
        for (PooledSession session : sessions) {
            if (session.holder != null) {
                result.add(session);
            }
        }
        return result;
    }

    /** Every session, free or in use, as of now. */
    Collection<PooledSession> all() {
        return Collections.unmodifiableSet(sessions);
    }

    // ---- take and give ----

    /** A free session, untried, if nobody waits for one; null else, or if the pool is closed. */
    @Nullable
    PooledSession tryTake() {
        // Barging is for an empty queue only; the semaphore's own tryAcquire() always barges.
        if (closed || available.hasQueuedThreads() || !available.tryAcquire()) {
            return null;
        }
        return pop();
    }

    /** Joins the queue, unless as many as may are in it. Whoever joined calls {@link #leaveQueue()} once. */
    boolean joinQueue() {
        if (waiters.incrementAndGet() > maxWaiters) {
            waiters.decrementAndGet();
            return false;
        }
        return true;
    }

    void leaveQueue() {
        waiters.decrementAndGet();
    }

    /**
     * Waits in the queue for a session, untried; null when the deadline has passed or the pool is closed.
     *
     * @throws InterruptedException with nothing taken
     */
    @Nullable
    PooledSession take(Deadline deadline) throws InterruptedException {
        openIfNeeded();
        if (closed || !available.tryAcquire(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
            return null;
        }
        return pop();
    }

    /** Null if the pool is closed; otherwise the caller's permit stands for a session. */
    private @Nullable PooledSession pop() {
        lock.lock();
        try {
            if (!closed) {
                // Last in, first out: what is not needed grows old at the other end.
                return idle.pollFirst();
            }
        } finally {
            lock.unlock();
        }
        available.release();
        return null;
    }

    /** Takes a free session for which {@code due} holds, the one unused for longest, if nobody waits for any. */
    @Nullable
    PooledSession takeIdle(Predicate<PooledSession> due) {
        if (closed || available.hasQueuedThreads() || !available.tryAcquire()) {
            return null;
        }
        PooledSession found = null;
        lock.lock();
        try {
            for (Iterator<PooledSession> oldest = idle.descendingIterator(); found == null && oldest.hasNext(); ) {
                PooledSession session = oldest.next();
                if (due.test(session)) {
                    oldest.remove();
                    found = session;
                }
            }
        } finally {
            lock.unlock();
        }
        if (found == null) {
            available.release();
        }
        return found;
    }

    /** Whether the pool would still have its minimum with one session less. */
    boolean isAboveMinimum() {
        return sessions.size() > minSize;
    }

    /** Gives a session that was taken a name and a single use. */
    void dedicate(PooledSession session, String dedicatedTo) {
        session.dedicatedTo = dedicatedTo;
        dedicatedSessions.add(session);
    }

    /** Takes a session back; after {@link #close} it is ended instead. */
    void give(PooledSession session) {
        if (!push(session, true)) {
            dispose(session, CloseReason.POOL_CLOSED);
        }
    }

    /** As {@link #give}, for a session that nobody has used meanwhile: it stays the next one to grow old. */
    void giveBack(PooledSession session) {
        if (!push(session, false)) {
            dispose(session, CloseReason.POOL_CLOSED);
        }
    }

    private boolean push(PooledSession session, boolean used) {
        lock.lock();
        try {
            if (closed) {
                return false;
            }
            if (used) {
                idle.addFirst(session);
            } else {
                idle.addLast(session);
            }
        } finally {
            lock.unlock();
        }
        available.release();
        return true;
    }

    /**
     * Ends a session that was taken. Its place is free when the session is closed, not before; if the server may not have
     * noticed, when its backend was ended.
     */
    void dispose(PooledSession session, CloseReason reason) {
        PoolEvents.Close event = new PoolEvents.Close();
        if (event.isEnabled()) {
            event.pool = name;
            event.session = session.number;
            event.reason = reason.name();
            event.commit();
        }
        try {
            session.session.close();
        } finally {
            sessions.remove(session);
            dedicatedSessions.remove(session);
            disposed.incrementAndGet();
            if (session.orphan) {
                reaper.reap(session.session.backend(), this::freePlace);
            } else {
                freePlace();
            }
        }
    }

    private void freePlace() {
        capacity.release();
        openIfNeeded();
    }

    // ---- opening ----

    private void add(PgSession session, int trusted) {
        // Up to a tenth less, or those that were opened together would end together.
        long less = maxLifetimeNanos == 0 ? 0 : ThreadLocalRandom.current().nextLong(maxLifetimeNanos / 10 + 1);
        PooledSession pooled = new PooledSession(
                session, opened.incrementAndGet(), System.nanoTime(), maxLifetimeNanos - less, trusted, dropped);
        sessions.add(pooled);
        give(pooled);
    }

    /** Starts as many openers as are needed now. Never blocks. */
    private void openIfNeeded() {
        lock.lock();
        try {
            while (openers.size() < openersNeeded() && capacity.availablePermits() > 0) {
                Thread opener = Thread.ofVirtual()
                        .name("forgeloom-open-" + name + "-" + ++openersStarted)
                        .unstarted(this::runOpener);
                openers.add(opener);
                opener.start();
            }
        } finally {
            lock.unlock();
        }
    }

    /** How many openers there should be. Called under the lock. */
    private int openersNeeded() {
        if (closed) {
            return 0;
        }
        int unmet = waiters.get() - available.availablePermits();
        int missing = minSize - (maxSize - capacity.availablePermits());
        return Math.min(Math.max(unmet, missing), outage == null ? maxConnecting : 1);
    }

    /** Ends when nothing is left to open, or interrupted by {@link #close}. */
    private void runOpener() {
        Backoff early = new Backoff(FIRST_RETRY, EARLY_RETRY);
        Backoff late = new Backoff(EARLY_RETRY, LAST_RETRY);
        try {
            while (beginOpening()) {
                try {
                    int suspected = suspicion();
                    PgSession session = connect();
                    recovered();
                    add(session, suspected);
                } catch (SQLException e) {
                    failed(e);
                    if (endOpening(false)) {
                        return;
                    }
                    TimeUnit.NANOSECONDS.sleep(isEarly() ? early.nextNanos() : late.nextNanos());
                }
            }
        } catch (InterruptedException e) {
            // Only close() interrupts an opener, and it has no further use for this thread.
            endOpening(true);
        } catch (RuntimeException | Error e) {
            endOpening(true);
            throw e;
        }
    }

    /** Takes a place for one more session; if there is none, or none is needed, this opener no longer counts. */
    private boolean beginOpening() {
        lock.lock();
        try {
            if (openers.size() <= openersNeeded() && capacity.tryAcquire()) {
                return true;
            }
            openers.remove(Thread.currentThread());
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Uncounts this opener: in any case, or only if there are more than needed, which it then returns. */
    private boolean endOpening(boolean inAnyCase) {
        lock.lock();
        try {
            return (inAnyCase || openers.size() > openersNeeded()) && openers.remove(Thread.currentThread());
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
                capacity.release();
            }
        }
    }

    private boolean isEarly() {
        Outage now = outage;
        return now == null || System.nanoTime() - now.sinceNanos() < EARLY.toNanos();
    }

    private void recovered() {
        Outage before = outage;
        outage = null;
        if (before != null) {
            long down = System.nanoTime() - before.sinceNanos();
            LOG.log(Level.INFO, "{0} {1}: reachable again after {2} ms", name, connector, down / 1_000_000);
            openIfNeeded();
        }
    }

    private void failed(SQLException error) {
        Outage before = outage;
        outage = new Outage(error, before == null ? System.nanoTime() : before.sinceNanos());
        if (before == null) {
            LOG.log(Level.WARNING, "{0} {1}: cannot open a session: {2}", name, connector, error.getMessage());
        }
    }

    // ---- closing ----

    /**
     * Refuses everyone from now on, ends the free sessions, waits until those in use are given back, and at the deadline
     * cancels their statements and aborts whoever does not come back then. Takes at most a second more than the deadline.
     *
     * @return the number of sessions that were still in use at the deadline
     */
    int close(Deadline deadline) {
        List<PooledSession> free;
        List<Thread> opening;
        lock.lock();
        try {
            if (closed) {
                return 0;
            }
            closed = true;
            free = List.copyOf(idle);
            idle.clear();
            opening = List.copyOf(openers);
        } finally {
            lock.unlock();
        }
        available.release();
        opening.forEach(Thread::interrupt);
        free.forEach(session -> dispose(session, CloseReason.POOL_CLOSED));
        int late = 0;
        List<Backend> aborted = List.of();
        try {
            if (!capacity.tryAcquire(maxSize, deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
                late = sessions.size();
                aborted = cancelAndAbort();
            }
            join(opening, deadline);
        } catch (InterruptedException e) {
            // Whoever interrupts a close wants it over: no more waiting, for anyone.
            late = Math.max(late, sessions.size());
            aborted = abortAll();
            Thread.currentThread().interrupt();
        }
        watch.close();
        reaper.close(aborted, Deadline.after(LAST_REAP));
        control.close();
        return late;
    }

    /** A cancel ends the statement on the server, too, where an abort alone would leave it running. */
    private List<Backend> cancelAndAbort() throws InterruptedException {
        List<PooledSession> left = List.copyOf(sessions);
        Deadline patience = Deadline.after(AFTER_CANCEL);
        try (TaskScope scope = TaskScope.open("forgeloom-cancel-" + name, patience)) {
            for (PooledSession session : left) {
                scope.fork("forgeloom-cancel-" + name + "-" + session.number, () -> {
                    session.session.cancel();
                    return null;
                });
            }
            scope.join();
        } catch (ExecutionException | TimeoutException e) {
            LOG.log(Level.DEBUG, "not every statement could be cancelled", e);
        }
        boolean done = capacity.tryAcquire(maxSize, patience.remainingNanos(), TimeUnit.NANOSECONDS);
        return done ? List.of() : abortAll();
    }

    private List<Backend> abortAll() {
        List<Backend> aborted = new ArrayList<>();
        for (PooledSession session : sessions) {
            aborted.add(session.session.backend());
            session.session.abort();
        }
        return aborted;
    }

    /** Openers were interrupted, which ends a connect at once, unless it looks up a name: that the JDK cannot interrupt. */
    private void join(List<Thread> opening, Deadline deadline) throws InterruptedException {
        for (Thread opener : opening) {
            if (!opener.join(deadline.remaining().plus(AFTER_DEADLINE))) {
                LOG.log(
                        Level.WARNING,
                        "{0} {1}: {2} did not end; it looks up a name",
                        name,
                        connector,
                        opener.getName());
            }
        }
    }
}
