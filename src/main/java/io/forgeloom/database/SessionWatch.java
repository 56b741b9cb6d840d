package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.BackendActivity;
import io.forgeloom.internal.pg.PgSession;
import java.lang.System.Logger.Level;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks after the sessions of one pool in one thread: cuts those whose network is dead, has free ones tried when another
 * was found dead, and takes back those that nobody can give back any more. Safe for use by many threads.
 */
final class SessionWatch {

    // A dead network. A session is silent when the driver has been in one read or write for SILENCE. That alone says
    // nothing: the query may be slow. So the server is asked, on the control session, about all silent ones at once.
    // A backend that works is alive, however long it takes. One that is gone, or idle, or waits for its client, while
    // its client waits for it, has lost its client, if a second look after SECOND_LOOK finds the same and no byte came
    // meanwhile. Without an answer nothing is decided and nothing is cut.
    //
    // What was sent may still be on its way over a slow line, in the kernel's buffer: one more second for each
    // UPLOAD_BYTES.
    //
    // The cut is a compare-and-set on that very read or write, so that it hits the one who waits and never the next
    // user.

    static final Duration SILENCE = Duration.ofSeconds(1);
    private static final Duration TICK = Duration.ofMillis(250);

    /** While nobody waits for the server: who begins to is seen as soon as {@link #DOUBT} needs it, half a second at the latest. */
    private static final Duration CALM_TICK = TICK.multipliedBy(2);

    /** From then on those who route are told that somebody waits. */
    private static final Duration DOUBT = Duration.ofMillis(250);

    private static final Duration SECOND_LOOK = Duration.ofMillis(200);
    private static final Duration ANSWER = Duration.ofSeconds(1);

    /** How long a free session may take to answer when it is tried here; a false alarm costs one connect. */
    private static final Duration TRIAL = Duration.ofMillis(500);

    private static final long LAST_LOOK_AGAIN = TimeUnit.SECONDS.toNanos(5);
    private static final long LAST_UNDECIDED = TimeUnit.SECONDS.toNanos(30);
    private static final long UPLOAD_BYTES = 256 * 1024;
    private static final long UPLOAD_BUFFER = 4 * 1024 * 1024;

    /** A session inside the read or write that it entered {@code since}. */
    private record Wait(PooledSession session, long since) {
        Backend backend() {
            return session.session.backend();
        }

        boolean goesOn() {
            return session.session.blockedSince() == since;
        }
    }

    /** The thread that holds a session and has ended, and since when that is known and no other has used it. */
    private record Ended(Thread holder, long exchanges, long since) {}

    private final String name;
    private final SessionPool pool;
    private final ControlSession control;
    private final ReferenceQueue<PooledSession.Claim> dropped;
    private final long endedHolderNanos;
    private final BackgroundTask task;

    /** Held by whoever cuts a session, so that two do not take back each other's word; nothing blocks under it. */
    private final ReentrantLock cutting = new ReentrantLock();

    /** Released by {@link #trySuspects}. */
    private final Semaphore wake = new Semaphore(0);

    // What follows belongs to the watch's thread.
    private Map<PooledSession, Long> lookAgain = new HashMap<>();
    private Map<PooledSession, Ended> ended = new HashMap<>();
    private long undecidedPause;
    private long askAgain = System.nanoTime();

    /** Whether at the last look nobody waited for the server. */
    private boolean calm;

    SessionWatch(
            String name,
            SessionPool pool,
            ControlSession control,
            ReferenceQueue<PooledSession.Claim> dropped,
            Duration endedHolder) {
        this.name = name;
        this.pool = pool;
        this.control = control;
        this.dropped = dropped;
        this.endedHolderNanos = endedHolder.toNanos();
        this.task = new BackgroundTask("forgeloom-watch-" + name, this::run);
    }

    void start(boolean watchable) {
        if (!watchable) {
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0}: sockets are not ours (socketFactory in the URL, or a driver loaded by another class loader):"
                            + " sessions on a dead network are not noticed",
                    name);
        }
        task.start();
    }

    /** Returns when the thread has ended, or {@code end} will not wait any longer. */
    void close(ClosingWait end) {
        end.await(task::stop);
    }

    /** Has the free sessions tried that are not trusted, side by side and soon. Never blocks. */
    void trySuspects() {
        wake.release();
    }

    private void run(BooleanSupplier stopRequested) throws InterruptedException {
        while (!stopRequested.getAsBoolean()) {
            boolean suspicion = wake.tryAcquire((calm ? CALM_TICK : TICK).toNanos(), TimeUnit.NANOSECONDS);
            wake.drainPermits();
            try {
                if (suspicion) {
                    SuspectTrial.of(name, pool, TRIAL);
                }
                takeBackDropped();
                takeBackFromEnded();
                cutThoseLeftBehind();
                lookAfterSilent();
                control.closeIfUnused();
            } catch (RuntimeException e) {
                ConnectionPool.LOG.log(Level.WARNING, name + ": the watch goes on after a failure", e);
            }
        }
    }

    // ---- dead networks ----

    private void lookAfterSilent() throws InterruptedException {
        List<Wait> silent = silent();
        // While the server is known not to answer, there is nobody to ask.
        if (silent.isEmpty() || pool.isUnreachable() || System.nanoTime() - askAgain < 0) {
            return;
        }
        List<Wait> dead = new ArrayList<>();
        try {
            Map<Wait, BackendActivity> doubtful = look(silent);
            if (!doubtful.isEmpty()) {
                TimeUnit.NANOSECONDS.sleep(SECOND_LOOK.toNanos());
                Map<Wait, BackendActivity> again = look(doubtful.keySet());
                doubtful.forEach((wait, before) -> {
                    if (before.equals(again.get(wait)) && cut(wait, before)) {
                        dead.add(wait);
                    }
                });
            }
            decided();
        } catch (SQLException e) {
            undecided(silent.size(), String.valueOf(e.getMessage()));
        }
        if (!dead.isEmpty()) {
            // One line for all: with them, it is one network that died.
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    "{0}: {1} of {2} silent sessions were ended; the first: {3}",
                    name,
                    dead.size(),
                    silent.size(),
                    dead.get(0).session.cutBecause);
            pool.suspect(dead.size() + " sessions were dead");
        }
    }

    /** Those to be asked about now. */
    private List<Wait> silent() {
        long now = System.nanoTime();
        List<Wait> result = new ArrayList<>();
        Map<PooledSession, Long> still = new HashMap<>();
        boolean doubt = false;
        calm = true;
        for (PooledSession session : pool.all()) {
            long since = session.session.blockedSince();
            long allowed = since == 0 ? Long.MAX_VALUE : allowed(session);
            calm &= allowed == Long.MAX_VALUE;
            doubt |= allowed != Long.MAX_VALUE && now - since >= DOUBT.toNanos();
            if (since == 0 || now - since < allowed) {
                continue;
            }
            Long notBefore = lookAgain.get(session);
            if (notBefore != null) {
                still.put(session, notBefore);
            }
            if (notBefore == null || now - notBefore >= 0) {
                result.add(new Wait(session, since));
            }
        }
        lookAgain = still;
        if (doubt) {
            pool.doubt();
        }
        return result;
    }

    private static long allowed(PooledSession session) {
        long unanswered = session.session.unanswered();
        if (unanswered == 0 && session.unwrapped != null) {
            // Nothing is asked: on the driver's own connection one may listen for notifications, for any time.
            return Long.MAX_VALUE;
        }
        long upload = Math.min(unanswered, UPLOAD_BUFFER) * TimeUnit.SECONDS.toNanos(1) / UPLOAD_BYTES;
        return SILENCE.toNanos() + upload;
    }

    /** Asks about {@code waits}; returns those that the server does not know to be at work. */
    private Map<Wait, BackendActivity> look(Collection<Wait> waits) throws SQLException, InterruptedException {
        List<Backend> backends = waits.stream().map(Wait::backend).toList();
        Map<Backend, BackendActivity> seen =
                control.ask(asked -> BackendActivity.look(asked, backends), Deadline.after(ANSWER));
        Map<Wait, BackendActivity> doubtful = new HashMap<>();
        long now = System.nanoTime();
        int unknown = 0;
        for (Wait wait : waits) {
            BackendActivity activity = seen.get(wait.backend());
            if (activity == null || activity.state() == BackendActivity.State.UNKNOWN) {
                unknown++;
            } else if (activity.state() != BackendActivity.State.WORKING) {
                doubtful.put(wait, activity);
                continue;
            }
            long age = now - wait.since;
            lookAgain.put(wait.session, now + Math.clamp(age, SILENCE.toNanos(), LAST_LOOK_AGAIN));
        }
        if (unknown > 0 && unknown == waits.size()) {
            throw new SQLException("the server that answers does not tell of them; it may be another one");
        }
        return doubtful;
    }

    private boolean cut(Wait wait, BackendActivity activity) {
        PooledSession session = wait.session;
        // Unread bytes: the network is fine, and this process is too slow to take them.
        if (!wait.goesOn() || session.session.hasUnread()) {
            return false;
        }
        long silent = (System.nanoTime() - wait.since) / 1_000_000;
        String found = switch (activity.state()) {
            case GONE -> "has no such backend any more";
            case IDLE -> "waits for a statement since " + activity.since();
            default -> "waits for this client";
        };
        return cut(
                session,
                wait.since,
                String.format(
                        "%s: session #%d was ended: no byte for %d ms, while the server says that backend %d %s;"
                                + " the network between them is dead",
                        name, session.number, silent, wait.backend().pid(), found));
    }

    private boolean cut(PooledSession session, long since, String because) {
        cutting.lock();
        try {
            if (session.session.blockedSince() != since) {
                return false;
            }
            session.cutBecause = because;
            session.orphan = true;
            if (!session.session.abortIfBlockedSince(since)) {
                // An answer came in this instant.
                session.cutBecause = null;
                session.orphan = false;
                return false;
            }
            return true;
        } finally {
            cutting.unlock();
        }
    }

    /**
     * Ends the sessions that are silent for longer than any may be without being asked about, because the whole server
     * does not answer. For servers whose users have another one to go to. Any thread; never blocks.
     */
    void cutSilent(String why) {
        int count = 0;
        for (PooledSession session : pool.all()) {
            long since = session.session.blockedSince();
            long silent = System.nanoTime() - since;
            if (since != 0 && silent >= allowed(session) && !session.session.hasUnread()) {
                String because = String.format(
                        "%s: session #%d was ended: no byte for %d ms, and the server answers nobody (%s)",
                        name, session.number, silent / 1_000_000, why);
                count += cut(session, since, because) ? 1 : 0;
            }
        }
        if (count > 0) {
            ConnectionPool.LOG.log(
                    Level.WARNING, "{0}: {1} sessions in use were ended, whose server does not answer", name, count);
        }
    }

    /** Whoever waits for a server that the pool has left, and that is silent, waits in vain, and in a new one's place. */
    private void cutThoseLeftBehind() {
        long now = System.nanoTime();
        for (PooledSession session : pool.all()) {
            PgSession behind = session.session;
            long since = behind.blockedSince();
            if (!pool.retirement().isFenced(session)
                    || since == 0
                    || now - since < SILENCE.toNanos()
                    || !pool.listener().isGone(behind.address())) {
                continue;
            }
            session.cutBecause = String.format(
                    "%s: session #%d was ended: no byte for %d ms from %s, which does not answer and is the primary no"
                            + " more",
                    name, session.number, (now - since) / 1_000_000, behind.address());
            if (!behind.abortIfBlockedSince(since)) {
                session.cutBecause = null;
            }
        }
    }

    private void decided() {
        if (undecidedPause != 0) {
            ConnectionPool.LOG.log(Level.INFO, "{0}: the server answers again about silent sessions", name);
        }
        undecidedPause = 0;
    }

    private void undecided(int count, String why) {
        boolean first = undecidedPause == 0;
        undecidedPause = first ? SILENCE.toNanos() : Math.min(2 * undecidedPause, LAST_UNDECIDED);
        askAgain = System.nanoTime() + undecidedPause;
        pool.evidence(count + " sessions are silent, and the server cannot be asked about them: " + why);
        ConnectionPool.LOG.log(
                first ? Level.WARNING : Level.DEBUG,
                "{0}: {1} sessions are silent for more than {2} ms, and the server cannot be asked whether they are"
                        + " alive: {3}; nothing is cut, it is asked again in {4} ms",
                name,
                count,
                SILENCE.toMillis(),
                why,
                undecidedPause / 1_000_000);
    }

    // ---- sessions that nobody gives back ----

    private void takeBackDropped() {
        for (Reference<?> next = dropped.poll(); next != null; next = dropped.poll()) {
            PooledSession session = ((PooledSession.Dropped) next).session;
            takeBack(session, "dropped without close()");
        }
    }

    private void takeBackFromEnded() {
        // While nobody waits, it may well be that another thread goes on with the connection.
        if (pool.stats().waiting() == 0) {
            ended.clear();
            return;
        }
        long now = System.nanoTime();
        Map<PooledSession, Ended> still = new HashMap<>();
        for (PooledSession session : pool.inUse()) {
            Thread holder = session.holder;
            if (holder == null || holder.isAlive() || session.dedicatedTo != null) {
                continue;
            }
            long exchanges = session.session.exchanges();
            Ended before = ended.get(session);
            boolean same = before != null && before.holder == holder && before.exchanges == exchanges;
            Ended known = before != null && same ? before : new Ended(holder, exchanges, now);
            if (now - known.since < endedHolderNanos || session.session.blockedSince() != 0) {
                still.put(session, known);
            } else {
                takeBack(session, "not closed by a thread that has ended, and others wait for one");
            }
        }
        ended = still;
    }

    private void takeBack(PooledSession session, String why) {
        int hold = session.holds.get();
        if (hold % 2 == 0 || !session.holds.compareAndSet(hold, hold + 1)) {
            return;
        }
        @Nullable Thread holder = session.holder;
        ConnectionPool.LOG.log(
                Level.WARNING,
                "{0}: a connection (session #{1}) was {2}; last used by {3}, acquired {4} ms ago; it is rolled back and"
                        + " its session ended",
                name,
                session.number,
                why,
                holder == null ? "nobody" : holder,
                (System.nanoTime() - session.heldSinceNanos) / 1_000_000);
        session.holder = null;
        session.orphan = true;
        session.session.abort();
        pool.dispose(session, CloseReason.ABANDONED);
    }
}
