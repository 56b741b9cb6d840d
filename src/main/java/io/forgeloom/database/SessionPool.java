package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.ref.ReferenceQueue;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The sessions with one server and the queue of those who wait for one. Knows nothing of JDBC's rules: a session goes out
 * by {@link #take} and comes back by {@link #give} or {@link #dispose}, exactly once. Safe for use by many threads.
 */
final class SessionPool {

    // Two semaphores carry the pool.
    //
    //   available  fair; one permit for each session in `free`. A permit is released after the session was put there
    // and
    //              acquired before one is taken out, so whoever has a permit finds a session. Its queue is the pool's.
    //   capacity   one permit for each session that exists or is being opened.
    //
    // A waiter never opens a session itself. It asks for one and queues at `available`, where it takes what comes
    // first, a returned session or a new one.
    //
    // Refusing, while the server is known to be down, works as closing does, and can be taken back: after `refusing` is
    // set one permit without a session is released, and it is acquired again before `refusing` is taken back.
    //
    // Closing: whoever puts a session among the free ones looks whether the pool is closed, after it, and ends all that
    // are there; so does the close. One permit without a session is released: whoever gets it finds the pool shut,
    // passes the permit on
    // and fails; so it wakes all waiters, one after the other.

    /** What ending the backends of aborted sessions may add to a close. */
    private static final Duration LAST_REAP = Duration.ofMillis(200);

    private static final Duration AFTER_DEADLINE = Duration.ofMillis(150);

    private final PgConnector connector;
    private final String name;
    private final int maxSize;
    private final int minSize;
    private final int maxWaiters;
    private final long maxLifetimeNanos;

    private final Semaphore available = new Semaphore(0, true);
    private final Semaphore capacity;
    private final AtomicInteger waiters = new AtomicInteger();
    private final AtomicInteger suspicion = new AtomicInteger();
    private final AtomicLong opened = new AtomicLong();
    private final AtomicLong disposed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();

    /** How often the sessions that ended were used. */
    private final AtomicLong usesEnded = new AtomicLong();

    /** Every session that exists, free or in use. */
    private final Set<PooledSession> sessions = ConcurrentHashMap.newKeySet();

    /** Those in use that are dedicated; few, so that a refusal need not look at all. */
    private final Set<PooledSession> dedicatedSessions = ConcurrentHashMap.newKeySet();

    private final Retirement retirement = new Retirement();
    private final FreeSessions free;
    private final SessionOpeners openers;

    private final AtomicBoolean closed = new AtomicBoolean();

    /** Why nobody gets a session for now; null as a rule. */
    private volatile @Nullable String refusing;

    /** Whom to tell of the server; set before the start. */
    private ServerListener listener = ServerListener.NONE;

    // Of what goes wrong with sessions in use: see these classes.
    private final HoldOff holdOff = new HoldOff();
    private final ControlSession control;
    private final OrphanReaper reaper;
    private final SessionWatch watch;
    private final ReferenceQueue<PooledSession.Claim> dropped = new ReferenceQueue<>();

    SessionPool(
            String name, DatabaseConfig config, int maxSize, int minSize, PgConnector connector, Duration endedHolder) {
        this.name = name;
        this.maxSize = maxSize;
        this.minSize = minSize;
        this.maxWaiters = config.maxWaiters();
        this.maxLifetimeNanos = config.maxLifetime().toNanos();
        this.connector = connector;
        this.capacity = new Semaphore(maxSize);
        this.free = new FreeSessions(maxSize);
        this.openers = new SessionOpeners(name, this, config, connector, capacity);
        this.control = new ControlSession(connector, holdOff);
        this.reaper = new OrphanReaper(name, control, () -> refusing != null || holdOff.isActiveForOrphans());
        this.watch = new SessionWatch(name, this, control, dropped, endedHolder);
    }

    /** Takes over the session that the start-up check opened, if any, and opens the rest of the minimum. Called once. */
    void start(@Nullable PgSession first) {
        if (first != null) {
            if (!capacity.tryAcquire()) {
                throw new IllegalStateException("pool " + name + " was started twice");
            }
            add(first, suspicion(), retirement.generation());
        }

        openers.openIfNeeded();
        watch.start(connector.watchable());
    }

    /**
     * A session was found dead: those that were last known to be alive before are no longer trusted, and the free ones of
     * them are tried soon.
     */
    void suspect(String evidence) {
        distrust();
        evidence(evidence);
    }

    /** As {@link #suspect}, where the network took {@code session} from its user. */
    void lost(PooledSession session, String evidence) {
        // Whom the watch cut off is another matter: it has just asked the server.
        if (session.orphan && session.cutBecause == null) {
            holdOff.lost(session.openedNanos);
        }
        suspect(evidence);
    }

    /** As {@link #suspect}, for whoever listens himself. */
    void distrust() {
        suspicion.incrementAndGet();
        watch.trySuspects();
    }

    /** Somebody waits for an answer; see {@link ServerListener#doubted}. */
    void doubt() {
        listener.doubted();
    }

    /** Whether somebody has waited that long for an answer. */
    boolean isSilentFor(Duration silence) {
        long now = System.nanoTime();
        for (PooledSession session : sessions) {
            long since = session.session.blockedSince();
            if (since != 0 && now - since >= silence.toNanos()) {
                return true;
            }
        }
        return false;
    }

    /** Ends the sessions whose users wait for a server that answers nobody. */
    void cutSilent(String why) {
        watch.cutSilent(why);
    }

    /** Something speaks against the server; its sessions are trusted as before. */
    void evidence(String evidence) {
        if (!isClosed()) {
            listener.suspected(evidence);
        }
    }

    /** Which sessions are not to be used again. */
    Retirement retirement() {
        return retirement;
    }

    /** Ends every session that exists: those that are free soon, the others when they come back. Never blocks. */
    void retire() {
        retirement.retire();
        distrust();
    }

    /** As {@link #retire}, and those in use begin no statement any more: the pool has been aimed at another server. */
    void fence() {
        retirement.fence();
        distrust();
        openers.giveUp();
    }

    /** Tells of the server's role as the session shows it, if that is news. By whoever has the session. */
    void noticeRole(PooledSession session) {
        ServerRole role = session.session.role();
        if (role != session.role) {
            session.role = role;
            if (!retirement.isRetired(session) && !isClosed()) {
                listener.reported(role);
            }
        }
    }

    /** Has {@code told} hear what is known of the server. To be called before the start. */
    void listen(ServerListener told) {
        listener = told;
    }

    /** To be told of every connect. */
    HoldOff holdOff() {
        return holdOff;
    }

    ServerListener listener() {
        return listener;
    }

    /** For questions to the server beside the users' sessions. */
    ControlSession control() {
        return control;
    }

    /** How many sessions were handed to users so far. */
    long acquired() {
        long uses = usesEnded.get();
        for (PooledSession session : sessions) {
            uses += session.uses();
        }
        return uses;
    }

    /** Counts the calls of {@link #suspect}. */
    int suspicion() {
        return suspicion.get();
    }

    boolean isClosed() {
        return closed.get();
    }

    /** Why nobody gets a session until {@link #admit}; null as a rule. */
    @Nullable
    String refusing() {
        return refusing;
    }

    /** Whether the pool should not connect now to ask or to end anything: it would be in vain, or wear the server down. */
    boolean isUnreachable() {
        return refusing != null || holdOff.isActive();
    }

    private boolean isShut() {
        return refusing != null || isClosed();
    }

    /**
     * Nobody gets a session until {@link #admit}: those who wait are refused at once, the free sessions end now and the
     * others when they come back. One thread alone calls this and {@code admit}.
     */
    void refuse(String why) {
        boolean already = refusing != null;
        refusing = why;
        if (already) {
            return;
        }
        while (available.tryAcquire()) {
            PooledSession session = free.take();
            while (session == null && !isClosed()) {
                // Somebody looks it over and puts it back.
                session = free.take();
            }
            if (session == null) {
                break;
            }
            // No goodbye, which could hang; the server may well be there when its network is back, and has to be told.
            session.orphan = true;
            session.session.abort();
            dispose(session, CloseReason.DEAD);
        }
        available.release();
        // What is being opened hangs, or is for nobody.
        openers.giveUp();
    }

    /** Takes a {@link #refuse} back. */
    void admit() throws InterruptedException {
        if (refusing != null) {
            // Whoever has it at this moment passes it on.
            available.acquire();
            openers.reachable();
            refusing = null;
        }
    }

    SessionOpeners.@Nullable Outage outage() {
        return openers.outage();
    }

    PoolStats stats() {
        // Before the sessions, and cut below: what moves on between two reads is not counted twice.
        int kept = reaper.placesKept();
        int all = sessions.size();
        int orphans = Math.min(kept, maxSize - all);
        // A permit wakes waiters of a closed pool and stands for no session.
        int idleNow = isClosed() ? 0 : Math.min(available.availablePermits(), all);
        return new PoolStats(
                name,
                maxSize,
                all - idleNow,
                idleNow,
                Math.min(openers.count(), maxSize - all - orphans),
                orphans,
                control.isOpen() ? 1 : 0,
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
        if (isShut() || available.hasQueuedThreads() || !available.tryAcquire()) {
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
        openers.openIfNeeded();
        if (isShut() || !available.tryAcquire(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
            return null;
        }
        return pop();
    }

    /** Null if the pool is shut; otherwise the caller's permit stands for a session. */
    private @Nullable PooledSession pop() {
        while (!isShut()) {
            // A pass that meets none was overtaken by others, who each got one meanwhile: this is no waiting.
            PooledSession session = free.take();
            if (session != null) {
                return session;
            }
        }
        available.release();
        return null;
    }

    /** Takes a free session for which {@code due} holds, if nobody waits for any. */
    @Nullable
    PooledSession takeIdle(Predicate<PooledSession> due) {
        if (isShut() || available.hasQueuedThreads() || !available.tryAcquire()) {
            return null;
        }
        PooledSession session = free.take(due);
        if (session == null) {
            available.release();
            endFreeIfClosed();
        }
        return session;
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
        if (refusing != null) {
            dispose(session, CloseReason.DEAD);
            return;
        }
        if (retirement.isRetired(session)) {
            dispose(session, CloseReason.RETIRED);
            return;
        }
        ReadShare share = session.takeShare();
        free.put(session);
        available.release();
        if (share != null) {
            share.giveBack();
        }
        endFreeIfClosed();
    }

    /** To be called after a session was put among the free ones, where the drain of {@link #close} may have passed by. */
    private void endFreeIfClosed() {
        while (isClosed()) {
            PooledSession session = free.take();
            if (session == null) {
                return;
            }
            dispose(session, CloseReason.POOL_CLOSED);
        }
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
        ReadShare share = session.takeShare();
        try {
            session.session.close();
        } finally {
            sessions.remove(session);
            dedicatedSessions.remove(session);
            free.forget(session);
            disposed.incrementAndGet();
            usesEnded.addAndGet(session.uses());
            // The backend of a server that the pool has left cannot be ended from here.
            if (session.orphan && !retirement.isFenced(session)) {
                reaper.reap(session.session.backend(), () -> freePlace(share));
            } else {
                freePlace(share);
            }
        }
    }

    private void freePlace(@Nullable ReadShare share) {
        capacity.release();
        if (share != null) {
            share.giveBack();
        }
        openers.openIfNeeded();
    }

    // ---- opening ----

    /** How many sessions should be opened: for those who wait, and for the minimum. */
    int wanted() {
        int unmet = waiters.get() - available.availablePermits();
        int missing = minSize - (maxSize - capacity.availablePermits());
        return Math.max(unmet, missing);
    }

    /** A new session, whose place was taken before it was opened. */
    void add(PgSession session, int trusted, int generation) {
        // Up to a tenth less, or those that were opened together would end together.
        long less = maxLifetimeNanos == 0 ? 0 : ThreadLocalRandom.current().nextLong(maxLifetimeNanos / 10 + 1);
        PooledSession pooled = new PooledSession(
                session,
                opened.incrementAndGet(),
                generation,
                free.reserve(),
                System.nanoTime(),
                maxLifetimeNanos - less,
                trusted,
                dropped);
        sessions.add(pooled);
        give(pooled);
    }

    // ---- closing ----

    /**
     * Refuses everyone from now on, ends the free sessions, waits until those in use are given back, and at the deadline
     * cancels their statements and aborts whoever does not come back then. Takes at most a second more than the deadline.
     *
     * @return the number of sessions that were still in use at the deadline
     */
    int close(Deadline deadline) {
        if (!closed.compareAndSet(false, true)) {
            return 0;
        }
        List<Thread> opening = openers.close();
        available.release();
        // What only a name look-up can hold up is waited for no longer than the rest may take.
        ClosingWait end = new ClosingWait(
                name, deadline.remaining().plus(LateUsers.AFTER_CANCEL).plus(AFTER_DEADLINE));
        endFreeIfClosed();
        int late = 0;
        List<Backend> aborted = List.of();
        try {
            if (!capacity.tryAcquire(maxSize, deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
                late = sessions.size();
                aborted = LateUsers.cancelAndAbort(name, sessions, capacity, maxSize, end);
            }
        } catch (InterruptedException e) {
            // Whoever interrupts a close wants it over: no more waiting, for anyone.
            late = Math.max(late, sessions.size());
            aborted = LateUsers.abort(sessions);
            end.interrupted();
        }
        opening.forEach(end::join);
        watch.close(end);
        reaper.close(aborted, end, LAST_REAP);
        control.close();
        end.restoreInterrupt();
        return late;
    }
}
