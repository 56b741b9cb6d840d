package io.forgeloom.leader;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.Database;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.Lifecycle;
import io.forgeloom.internal.concurrent.TaskScope;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Gap;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Campaigns over one session after another. Safe for use by many threads.
 */
final class ElectionLoop {

    // One run has one session at a time, and under a scope one thread for each cadence on it. The first of them that
    // fails has every role step down, ends the session and thereby the scope; then comes the next session. Where no
    // answer comes at all a thread is stuck in the driver: the watch, which does no I/O, has the roles step down when
    // trust has run out.
    //
    // A stop cannot interrupt those threads, because the interrupt of a virtual thread closes the socket that it is
    // in. So the run asks, and the standby's thread, which alone wins and gives back, gives everything back; then the
    // scope is closed.

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

    /** Short, since each try waits for the row itself; for the heartbeat of the other roles. */
    private static final Duration ROW_LOCKED_PAUSE = Duration.ofMillis(10);

    private static final Duration FOREVER = Duration.ofDays(365 * 50);
    private static final String STOPPED = "the election was stopped";
    private static final long LOOK_NANOS = Duration.ofSeconds(10).toNanos();

    private final Database database;
    private final NotifyBus bus;
    private final LeaderConfig config;
    private final String nodeId;
    private final SeatTable seats;
    private final EventQueue events;
    private final BackgroundTask task = new BackgroundTask("forgeloom-leader", this::run);
    private final BackgroundTask watch = new BackgroundTask("forgeloom-leader-watch", this::watch);

    /** While it may be used. */
    private volatile @Nullable LeaderSession session;

    private volatile boolean stopping;

    /** Set by {@link #tryNow}, cleared by the standby's thread. */
    private volatile boolean pollNow;

    /** Roles that wait for their row for long, and this was said. The standby's thread alone, in a run. */
    private final Set<LeaderRole> delayed = new HashSet<>();

    ElectionLoop(
            Database database, NotifyBus bus, LeaderConfig config, String nodeId, SeatTable seats, EventQueue events) {
        this.database = database;
        this.bus = bus;
        this.config = config;
        this.nodeId = nodeId;
        this.seats = seats;
        this.events = events;
    }

    void start() {
        task.start();
    }

    boolean isRunning() {
        return task.state() == Lifecycle.State.RUNNING;
    }

    void stop() {
        task.stop();
    }

    void close() {
        task.close();
        watch.close();
    }

    // ---- the run ----

    private void run(BooleanSupplier stop) throws InterruptedException {
        stopping = false;
        delayed.clear();
        events.start();
        watch.start();
        try {
            campaign(stop);
        } finally {
            finish();
        }
    }

    private void campaign(BooleanSupplier stop) throws InterruptedException {
        // Of this run: never a host's name, of which there may be two.
        String incarnation = UUID.randomUUID().toString();
        Backoff backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE);
        while (!stop.getAsBoolean()) {
            long begun = System.nanoTime();
            String why;
            try (LeaderSession opened = LeaderSession.open(database.primary(), config, nodeId, incarnation)) {
                why = serve(opened);
            } catch (AcquireException e) {
                if (e.reason() == AcquireException.Reason.CLOSED) {
                    LeaderElection.LOG.log(Level.WARNING, "the election ends: " + e.getMessage());
                    return;
                }
                why = e.getMessage();
            } catch (SQLException | RuntimeException e) {
                // Whatever it is: an election that ended for it would leave a role to nobody without a word.
                why = e.getMessage() == null ? e.toString() : e.getMessage();
            }
            if (stopping || stop.getAsBoolean()) {
                return;
            }
            if (System.nanoTime() - begun > config.leaseDuration().toNanos()) {
                backoff.reset();
            }
            long pause = backoff.nextNanos();
            LeaderElection.LOG.log(
                    Level.WARNING,
                    "the election has no session, and tries again in " + pause / 1_000_000 + " ms: " + why);
            Thread.sleep(Duration.ofNanos(pause));
        }
    }

    /** One session, until it fails or the run is stopped. Returns why it ended. */
    private String serve(LeaderSession opened) {
        session = opened;
        try (TaskScope scope = TaskScope.open("forgeloom-leader", Deadline.after(FOREVER))) {
            cadence(scope, "heartbeat", opened, () -> every(config.lockValidateInterval(), () -> heartbeat(opened)));
            cadence(scope, "lease", opened, () -> every(config.checkInterval(), () -> refresh(opened)));
            cadence(scope, "keepalive", opened, () -> every(config.keepaliveInterval(), () -> keepAlive(opened)));
            cadence(scope, "standby", opened, () -> standby(opened));
            cadence(scope, "wakeup", opened, this::awaitReleases);
            if (config.endZombies()) {
                Duration twice = config.leaseDuration().multipliedBy(2);
                Zombies zombies = new Zombies(database.primary(), opened.table(), seats, this::tryNow);
                cadence(scope, "zombies", opened, () -> every(twice, zombies::end));
            }
            try {
                scope.join();
                return "all of its threads have ended";
            } catch (InterruptedException e) {
                retire();
                return "it was stopped";
            } catch (ExecutionException e) {
                return String.valueOf(e.getCause() == null ? e : e.getCause().getMessage());
            } catch (TimeoutException e) {
                return String.valueOf(e.getMessage());
            }
        } finally {
            lost(opened, "its session has ended");
        }
    }

    /** Work of one thread that ends with the session, or ends it. */
    private interface Cadence {
        void run() throws SQLException, InterruptedException;
    }

    private void cadence(TaskScope scope, String name, LeaderSession opened, Cadence cadence) {
        scope.fork("forgeloom-leader-" + name, () -> {
            try {
                cadence.run();
                return null;
            } catch (SQLException | RuntimeException | Error e) {
                lost(opened, name + ": " + e.getMessage());
                throw e;
            }
        });
    }

    /** A tick that is missed is skipped. */
    private void every(Duration interval, Cadence work) throws SQLException, InterruptedException {
        long nanos = interval.toNanos();
        long next = System.nanoTime() + nanos;
        while (true) {
            Thread.sleep(Duration.ofNanos(Math.max(0, next - System.nanoTime())));
            work.run();
            long late = System.nanoTime() - next;
            next += nanos * (1 + Math.max(0, late / nanos));
        }
    }

    /** Every role steps down, then the session ends. Any thread; the first one counts. */
    private void lost(LeaderSession opened, String cause) {
        if (opened.retire()) {
            session = null;
            seats.lost(cause);
            opened.abort();
        }
    }

    /** Has everything given back, as long as that may take. The interrupt that led here is spent. */
    private void retire() {
        stopping = true;
        seats.resign(seat -> true, STOPPED);
        seats.wake();
        Duration limit = config.bodyTimeout().plus(config.leaseDuration());
        boolean unused = seats.awaitThrough(
                Deadline.after(limit),
                () -> session == null || seats.where(Seat::hasLock).isEmpty());
    }

    /** The interrupt of a stop is spent, here too: what is waited for has a bound of its own. */
    private void finish() {
        boolean unused = Thread.interrupted();
        // Also those whose leadership was lost with the session.
        unused = seats.awaitThrough(
                Deadline.after(config.bodyTimeout()),
                () -> seats.where(Seat::isBodyAwaited).isEmpty());
        seats.giveUpLateBodies();
        seats.joinBodies();
        watch.stop();
        events.finish();
    }

    // ---- cadences ----

    private void heartbeat(LeaderSession opened) throws SQLException, InterruptedException {
        opened.use(() -> {
            List<Seat> expected = seats.where(Seat::hasLock);
            if (!expected.isEmpty() || opened.isIdleFor(config.leaseDuration().dividedBy(3))) {
                long asked = System.nanoTime();
                Set<Long> held = opened.held();
                for (Seat seat : expected) {
                    if (!held.contains(seat.role.lockId().value())) {
                        throw new SQLException(
                                "the session does not have the lock of " + seat.role + " any more", "55000");
                    }
                }
                if (!expected.isEmpty()) {
                    seats.confirmed(opened, expected, asked);
                }
            }
            return null;
        });
    }

    private void refresh(LeaderSession opened) throws SQLException, InterruptedException {
        opened.use(() -> {
            List<Seat> led = seats.where(seat -> seat.token != null && !seat.resigning);
            if (!led.isEmpty()) {
                List<LeaderRole> missing = opened.refresh(led);
                if (!missing.isEmpty()) {
                    throw new SQLException("the row of " + missing + " names another leader", "55000");
                }
            }
            return null;
        });
    }

    private void keepAlive(LeaderSession opened) throws SQLException, InterruptedException {
        opened.use(() -> {
            opened.keepAlive();
            return null;
        });
    }

    /** Wins roles and gives them back: all that this session's locks ever do. */
    private void standby(LeaderSession opened) throws SQLException, InterruptedException {
        Leadership.Fence fence = opened.fence(database, (leadership, why) -> lost(opened, why));
        long nextPoll = System.nanoTime();
        while (true) {
            long seen = seats.changes();
            if (stopping) {
                // Also what was won while that was said.
                seats.resign(seat -> true, STOPPED);
            }
            for (Seat seat : seats.where(Seat::isToBeReleased)) {
                release(opened, seat);
            }
            if (!stopping) {
                if (pollNow || System.nanoTime() - nextPoll >= 0) {
                    pollNow = false;
                    tryLocks(opened);
                    nextPoll = System.nanoTime() + pollPause();
                }
                for (Seat seat : seats.where(seat -> seat.state == Seat.State.WON && !seat.resigning)) {
                    elect(opened, seat);
                }
                seats.lead(opened, fence);
            }
            seats.awaitChange(seen, nanosToNext(nextPoll));
        }
    }

    private long pollPause() {
        long nanos = config.standbyPollInterval().toNanos();
        return nanos / 2 + ThreadLocalRandom.current().nextLong(nanos + 1);
    }

    /** Until there is something to do without anybody's saying so. */
    private long nanosToNext(long nextPoll) {
        if (stopping) {
            return LOOK_NANOS;
        }
        long now = System.nanoTime();
        // Who has all of its roles has nothing to poll for; to lose one is a change.
        boolean polls = !seats.where(seat -> !seat.hasLock()).isEmpty();
        long least = polls ? Math.max(0, nextPoll - now) : LOOK_NANOS;
        for (Seat seat : seats.where(Seat::hasLock)) {
            if (seat.state == Seat.State.WON) {
                least = Math.min(least, ROW_LOCKED_PAUSE.toNanos());
            } else if (seat.state == Seat.State.WAITING && seat.leadsFrom - now > 0) {
                // Later it is a heartbeat that is missing, which is a change.
                least = Math.min(least, seat.leadsFrom - now);
            }
        }
        return least;
    }

    private void tryLocks(LeaderSession opened) throws SQLException, InterruptedException {
        long now = System.nanoTime();
        List<LeaderRole> wanted = seats.where(seat -> seat.campaigns(now)).stream()
                .map(seat -> seat.role)
                .toList();
        if (!wanted.isEmpty()) {
            opened.use(() -> {
                long asked = System.nanoTime();
                List<LeaderRole> won = opened.tryLocks(wanted);
                seats.won(opened, won, asked);
                return null;
            });
        }
    }

    private void elect(LeaderSession opened, Seat seat) throws SQLException, InterruptedException {
        LeaderSession.Term term = opened.use(() -> {
            LeaderSession.Term written = opened.elect(seat.role);
            if (written != null) {
                seats.termWritten(opened, seat, written);
            }
            return written;
        });
        long millis = (System.nanoTime() - seat.wonNanos) / 1_000_000;
        if (term == null && millis > config.leaseDuration().toMillis() && delayed.add(seat.role)) {
            LeaderElection.LOG.log(
                    Level.WARNING,
                    "role " + seat.role + ": its lock was won " + millis + " ms ago, but its row in "
                            + opened.table().name() + " is locked by others, so that nobody leads; see pg_locks");
        } else if (term != null) {
            delayed.remove(seat.role);
        }
    }

    private void release(LeaderSession opened, Seat seat) throws SQLException, InterruptedException {
        opened.use(() -> {
            // Who waits for the end of the earlier lease has not led: the next one waits for it all the same.
            opened.release(seat.role, seat.state == Seat.State.LEADING ? seat.token : null);
            seats.released(opened, seat);
            return null;
        });
    }

    /** Something may have freed a lock. Any thread. */
    private void tryNow() {
        pollNow = true;
        seats.wake();
    }

    private void awaitReleases() throws InterruptedException {
        try (Subscription released = bus.subscribe(LeaderSession.RELEASED)) {
            while (true) {
                Delivery next = released.take();
                boolean concerns = switch (next) {
                    case Notification notification ->
                        !seats.where(seat -> seat.role.name().equals(notification.payload()) && !seat.hasLock())
                                .isEmpty();
                    case Gap gap -> true;
                    case Lagged lagged -> true;
                    case Closed closed -> false;
                };
                if (concerns) {
                    tryNow();
                }
                if (next instanceof Closed) {
                    // The polls go on.
                    return;
                }
            }
        }
    }

    // ---- the watch ----

    private void watch(BooleanSupplier stop) throws InterruptedException {
        while (!stop.getAsBoolean()) {
            long seen = seats.changes();
            LeaderRole overdue = seats.overdue();
            LeaderSession watched = session;
            if (overdue != null && watched != null) {
                lost(watched, "the server has not answered in time");
            }
            seats.giveUpLateBodies();
            seats.joinBodies();
            seats.awaitChange(seen, seats.nanosToLook(LOOK_NANOS));
        }
    }
}
