package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.BackendActivity;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Ends backends whose client is gone without their notice: after an interrupt of a virtual thread in a query, which
 * closes the socket while the server goes on, after an abort, after a dead network. Until such a backend is gone its
 * session's place is taken, or a replacement would be one more than the server was promised; but for
 * {@link #PLACE_BACK} at most, since the server may not answer at all. Safe for use by many threads.
 */
final class OrphanReaper {

    // One thread ends all that there are, in one message each round; another one for each orphan watches the clock for
    // its place, because the first may hang in a connect. All of them are there only while there are orphans.

    static final Duration PLACE_BACK = Duration.ofMillis(200);
    private static final Duration GIVE_UP = Duration.ofSeconds(10);
    private static final Duration ANSWER = Duration.ofSeconds(1);

    /** What the last round at a close may take beyond its limit before it is left alone. */
    private static final Duration AFTER_LIMIT = Duration.ofMillis(50);

    private static final long FIRST_PAUSE = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long LAST_PAUSE = TimeUnit.MILLISECONDS.toNanos(100);

    private record Orphan(Backend backend, CountDownLatch gone, Deadline giveUp) {}

    private final String name;
    private final ControlSession control;
    private final BooleanSupplier unreachable;
    private final ReentrantLock lock = new ReentrantLock();

    // Guarded by the lock.
    private final List<Orphan> orphans = new ArrayList<>();
    private @Nullable Thread reaper;
    private boolean closed;

    /** From the last time that the server was known to be unreachable: no orphan is given up before. */
    private Deadline giveUpNone = Deadline.after(Duration.ZERO);

    /** Those that watch the clock for a place; each removes itself. */
    private final Set<Thread> keepers = ConcurrentHashMap.newKeySet();

    /** Places that are kept; a place is uncounted before it can be taken again. */
    private final AtomicInteger placesKept = new AtomicInteger();

    /** {@code unreachable} tells when nobody is to be asked; orphans are kept meanwhile. */
    OrphanReaper(String name, ControlSession control, BooleanSupplier unreachable) {
        this.name = name;
        this.control = control;
        this.unreachable = unreachable;
    }

    /** How many places are kept for orphans. */
    int placesKept() {
        return placesKept.get();
    }

    /** Ends {@code backend}. Calls {@code placeFree} once: when it is gone, or after {@link #PLACE_BACK}. Never blocks. */
    void reap(Backend backend, Runnable placeFree) {
        Orphan orphan = new Orphan(backend, new CountDownLatch(1), Deadline.after(GIVE_UP));
        Thread keeper = Thread.ofVirtual()
                .name("forgeloom-orphan-" + name + "-" + backend.pid())
                .unstarted(() -> keepPlace(orphan, placeFree));
        boolean taken = false;
        lock.lock();
        try {
            if (!closed) {
                orphans.add(orphan);
                keepers.add(keeper);
                placesKept.incrementAndGet();
                keeper.start();
                startReaper();
                taken = true;
            }
        } finally {
            lock.unlock();
            if (!taken) {
                placeFree.run();
            }
        }
    }

    private void keepPlace(Orphan orphan, Runnable placeFree) {
        try {
            if (!orphan.gone.await(PLACE_BACK.toNanos(), TimeUnit.NANOSECONDS)) {
                ConnectionPool.LOG.log(
                        Level.DEBUG,
                        "{0}: orphaned backend {1} not ended within {2} ms; its place is used again",
                        name,
                        orphan.backend.pid(),
                        PLACE_BACK.toMillis());
            }
        } catch (InterruptedException e) {
            // By close(), after which a place means nothing; but the count shall be right.
        } finally {
            placesKept.decrementAndGet();
            placeFree.run();
            keepers.remove(Thread.currentThread());
        }
    }

    /** Called under the lock. */
    private void startReaper() {
        if (reaper == null) {
            Thread thread = Thread.ofVirtual().name("forgeloom-reap-" + name).unstarted(this::run);
            reaper = thread;
            thread.start();
        }
    }

    private void run() {
        long pause = FIRST_PAUSE;
        try {
            for (List<Orphan> batch = next(); !batch.isEmpty(); batch = next()) {
                boolean progress = !isUnreachable() && end(batch);
                pause = progress ? FIRST_PAUSE : Math.min(2 * pause, LAST_PAUSE);
                TimeUnit.NANOSECONDS.sleep(pause);
            }
        } catch (InterruptedException e) {
            // By close(), which goes on without this thread.
            leave();
        } catch (RuntimeException | Error e) {
            leave();
            throw e;
        }
    }

    private boolean isUnreachable() {
        if (!unreachable.getAsBoolean()) {
            return false;
        }
        lock.lock();
        try {
            giveUpNone = Deadline.after(GIVE_UP);
        } finally {
            lock.unlock();
        }
        return true;
    }

    /** All orphans that are left; if there are none, this thread is not the reaper any more. */
    private List<Orphan> next() {
        lock.lock();
        try {
            orphans.removeIf(orphan -> {
                boolean givenUp = orphan.giveUp.expired() && giveUpNone.expired();
                if (givenUp) {
                    ConnectionPool.LOG.log(
                            Level.WARNING,
                            "{0}: backend {1} lost its client and could not be ended within {2} ms; left to the server",
                            name,
                            orphan.backend.pid(),
                            GIVE_UP.toMillis());
                }
                return givenUp;
            });
            if (orphans.isEmpty()) {
                reaper = null;
            }
            return List.copyOf(orphans);
        } finally {
            lock.unlock();
        }
    }

    private void leave() {
        lock.lock();
        try {
            reaper = null;
        } finally {
            lock.unlock();
        }
    }

    /** One round. Returns whether one of them is gone. */
    private boolean end(List<Orphan> batch) throws InterruptedException {
        List<Backend> backends = batch.stream().map(Orphan::backend).toList();
        try {
            Set<Backend> left =
                    control.ask(asked -> BackendActivity.terminate(asked, backends), Deadline.after(ANSWER));
            List<Orphan> gone =
                    batch.stream().filter(o -> !left.contains(o.backend)).toList();
            lock.lock();
            try {
                orphans.removeAll(gone);
            } finally {
                lock.unlock();
            }
            gone.forEach(orphan -> orphan.gone.countDown());
            return !gone.isEmpty();
        } catch (SQLException e) {
            // The server is down, or full, or refuses; the places come back by the clock. Only a refusal is news.
            boolean refused = SqlState.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState());
            ConnectionPool.LOG.log(
                    refused ? Level.WARNING : Level.DEBUG,
                    "{0}: {1} orphaned backends could not be ended, trying again: {2}",
                    name,
                    batch.size(),
                    e.getMessage());
            return false;
        }
    }

    /**
     * Ends {@code last} and all others as far as that is possible within {@code limit}, after the threads have ended; none
     * is left unless {@code end} will not wait any longer.
     */
    void close(Collection<Backend> last, ClosingWait end, Duration limit) {
        Thread running;
        Set<Backend> left = new HashSet<>(last);
        lock.lock();
        try {
            closed = true;
            running = reaper;
            orphans.forEach(orphan -> left.add(orphan.backend));
            orphans.clear();
        } finally {
            lock.unlock();
        }
        List<Thread> ending = new ArrayList<>(keepers);
        if (running != null) {
            ending.add(running);
        }
        ending.forEach(Thread::interrupt);
        ending.forEach(end::join);
        if (!left.isEmpty() && !end.wasInterrupted()) {
            // On a thread of its own, since it may have to connect.
            Thread ender =
                    Thread.ofVirtual().name("forgeloom-reap-" + name).start(() -> endNow(left, Deadline.after(limit)));
            ClosingWait lastRound = new ClosingWait(name, limit.plus(AFTER_LIMIT));
            lastRound.join(ender);
            if (lastRound.wasInterrupted()) {
                end.interrupted();
            }
        }
    }

    private void endNow(Set<Backend> backends, Deadline deadline) {
        Set<Backend> left = backends;
        try {
            while (!left.isEmpty() && !deadline.expired()) {
                Set<Backend> asked = left;
                left = control.ask(session -> BackendActivity.terminate(session, asked), deadline);
                if (!left.isEmpty()) {
                    TimeUnit.NANOSECONDS.sleep(FIRST_PAUSE);
                }
            }
        } catch (SQLException e) {
            ConnectionPool.LOG.log(Level.DEBUG, name + ": orphaned backends could not be ended at close", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
