package io.forgeloom.leader;

import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The roles of one election, and every change of where they stand. Safe for use by many threads; the lock is held for a
 * decision, never during I/O, a line in the log or a call of user code. It is taken inside of {@link LeaderSession#use}, never the other way.
 */
final class SeatTable {

    private static final Duration LONGEST_STAND_BACK = Duration.ofSeconds(30);

    private final LeaderConfig config;
    private final Consumer<LeaderEvent> events;
    private final Seat[] seats;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    /** Counts changes, so that a thread that looked before one does not sleep through it. Guarded by the lock. */
    private long changes;

    SeatTable(LeaderConfig config, List<LeaderRole> roles, Consumer<LeaderEvent> events) {
        this.config = config;
        this.events = events;
        this.seats = roles.stream().map(Seat::new).toArray(Seat[]::new);
    }

    /** How long one trusts in the server's keeping a lock, from before it was asked. */
    private Duration trust() {
        return config.leaseDuration().multipliedBy(5).dividedBy(6);
    }

    /** A role's seat: mostly asked for by the very object that it was made with, and to compare texts takes longer. */
    @SuppressWarnings("ReferenceEquality")
    Seat seat(LeaderRole role) {
        for (Seat seat : seats) {
            if (seat.role == role) {
                return seat;
            }
        }
        for (Seat seat : seats) {
            if (seat.role.equals(role)) {
                return seat;
            }
        }
        throw new IllegalArgumentException("role " + role + " is not one of this election's: "
                + String.join(", ", Stream.of(seats).map(s -> s.role.name()).toList()));
    }

    List<Seat> where(Predicate<Seat> condition) {
        lock.lock();
        try {
            return Stream.of(seats).filter(condition).toList();
        } finally {
            lock.unlock();
        }
    }

    private void change(Runnable change) {
        lock.lock();
        try {
            change.run();
            changes++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** A change by a session, unless that has ended: then nothing is so any more, and {@link #lost} has said it or will. */
    private void change(LeaderSession session, Runnable change) {
        change(() -> {
            if (!session.isRetired()) {
                change.run();
            }
        });
    }

    /** Has whoever sleeps here look again. */
    void wake() {
        change(() -> {});
    }

    long changes() {
        lock.lock();
        try {
            return changes;
        } finally {
            lock.unlock();
        }
    }

    /** Waits for a change after {@code seen}, up to {@code nanos}. */
    void awaitChange(long seen, long nanos) throws InterruptedException {
        long left = nanos;
        lock.lockInterruptibly();
        try {
            while (changes == seen && left > 0) {
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #await}, but that an interrupt does not end it. For a run that ends, whose interrupt is spent. */
    boolean awaitThrough(Deadline deadline, BooleanSupplier condition) {
        while (true) {
            try {
                return await(deadline, condition);
            } catch (InterruptedException e) {
                // One of several that stop this; or one who repeats it, because it takes long.
            }
        }
    }

    /** Waits until the condition holds, which is looked at under the lock. */
    boolean await(Deadline deadline, BooleanSupplier condition) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!condition.getAsBoolean()) {
                if (changed.awaitNanos(deadline.remainingNanos()) <= 0) {
                    return condition.getAsBoolean();
                }
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    // ---- towards leading ----

    void won(LeaderSession session, List<LeaderRole> roles, long asked) {
        if (!roles.isEmpty()) {
            change(session, () -> roles.forEach(role -> seat(role).won(asked, trust())));
        }
    }

    /** The term is written; leads at once, or after the old leader's lease. */
    void termWritten(LeaderSession session, Seat seat, LeaderSession.Term term) {
        change(session, () -> {
            // Where nobody else was elected since this process was, that one has stepped down, and what was waited for
            // then
            // counts: a wait that the loss of the session cut short goes on.
            boolean own = seat.written != null && seat.written.equals(term.earlier());
            boolean waits = config.takeover() == Takeover.AFTER_LEASE;
            if (!own) {
                seat.leadsFrom = seat.wonNanos + (waits ? term.earlierLease().toNanos() : 0);
            }
            seat.written = term.token();
            seat.state = Seat.State.WAITING;
            seat.token = term.token();
        });
    }

    /**
     * The server has confirmed these locks, asked at {@code asked}. Wakes only whoever waits to lead: for all others it stays as
     * it is, twice a second for as long as one leads.
     */
    void confirmed(LeaderSession session, List<Seat> held, long asked) {
        lock.lock();
        try {
            if (session.isRetired()) {
                return;
            }
            boolean awaited = false;
            for (Seat seat : held) {
                seat.trustedUntil = asked + trust().toNanos();
                Leadership leadership = seat.leadership;
                if (leadership != null) {
                    leadership.trustUntil(seat.trustedUntil);
                }
                awaited |= seat.state != Seat.State.LEADING;
            }
            if (awaited) {
                changes++;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Puts those into office whose time has come. */
    void lead(LeaderSession session, Leadership.Fence fence) {
        List<Seat> ready = where(seat -> isReady(seat, System.nanoTime()));
        if (!ready.isEmpty()) {
            change(session, () -> ready.forEach(seat -> lead(seat, fence)));
        }
    }

    private static boolean isReady(Seat seat, long now) {
        return seat.state == Seat.State.WAITING
                && !seat.resigning
                && now - seat.leadsFrom >= 0
                && now - seat.trustedUntil < 0;
    }

    private void lead(Seat seat, Leadership.Fence fence) {
        LeadershipToken token = seat.token;
        if (token != null && isReady(seat, System.nanoTime())) {
            Leadership leadership = new Leadership(seat.role, token, fence, seat.trustedUntil);
            seat.state = Seat.State.LEADING;
            seat.leadership = leadership;
            events.accept(new LeaderEvent.Elected(seat.role, token));
            startBody(seat, leadership);
        }
    }

    /** Has a role's leadership run a body, now or at the next election. */
    void setBody(LeaderRole role, LeaderBody body) {
        change(() -> {
            Seat seat = seat(role);
            if (seat.body != null) {
                throw new IllegalStateException(
                        "role " + role + " has its body already; two of them are one that calls both");
            }
            seat.body = body;
            Leadership leadership = seat.leadership;
            if (leadership != null) {
                startBody(seat, leadership);
            }
        });
    }

    private void startBody(Seat seat, Leadership leadership) {
        LeaderBody body = seat.body;
        if (body != null) {
            BodyRun run = new BodyRun(leadership, body, (ended, thrown) -> bodyEnded(seat, ended, thrown));
            seat.run = run;
            run.start();
        }
    }

    // ---- away from it ----

    private void bodyEnded(Seat seat, BodyRun ended, @Nullable Throwable thrown) {
        Leadership leadership = ended.leadership();
        if (thrown != null && leadership.equals(seat.leadership)) {
            LeaderElection.LOG.log(
                    Level.WARNING, "the body of " + seat.role + " failed, and the role is given up", thrown);
        }
        change(() -> {
            seat.run = null;
            seat.ended = ended;
            boolean leads = leadership.equals(seat.leadership);
            seat.failures = thrown != null && leads ? seat.failures + 1 : 0;
            if (leads) {
                giveUp(seat, "its body has ended");
            }
        });
    }

    /** Waits for the threads of bodies that are done. */
    void joinBodies() {
        for (Seat seat : where(seat -> seat.ended != null)) {
            Objects.requireNonNull(seat.ended).join();
        }
    }

    /** Begins to give roles up by choice: what they do is stopped first. */
    void resign(Predicate<Seat> which, String why) {
        List<Seat> asked = where(seat -> seat.hasLock() && !seat.resigning && which.test(seat));
        if (!asked.isEmpty()) {
            change(() -> asked.stream().filter(Seat::hasLock).forEach(seat -> giveUp(seat, why)));
        }
    }

    private void giveUp(Seat seat, String why) {
        seat.resigning = true;
        endLeadership(seat, why);
    }

    private void endLeadership(Seat seat, String why) {
        Leadership leadership = seat.leadership;
        seat.leadership = null;
        if (leadership != null) {
            leadership.end(why);
        }
        BodyRun run = seat.run;
        if (run != null) {
            run.interrupt(config.bodyTimeout());
        }
    }

    /** The server has the lock back. */
    void released(LeaderSession session, Seat seat) {
        change(session, () -> {
            resigned(seat);
            seat.vacate();
        });
    }

    private void resigned(Seat seat) {
        LeadershipToken token = seat.token;
        if (token != null && seat.state == Seat.State.LEADING) {
            events.accept(new LeaderEvent.Resigned(seat.role, token));
        }
        // The others have a look first; a body that fails again and again makes it longer.
        long pause = config.standbyPollInterval().toNanos() * 2;
        seat.standsBackUntil =
                System.nanoTime() + Math.min(LONGEST_STAND_BACK.toNanos(), pause << Math.min(seat.failures, 10));
    }

    /** The session is over, whatever it had. */
    void lost(String cause) {
        change(() -> {
            for (Seat seat : seats) {
                LeadershipToken token = seat.token;
                boolean led = seat.state == Seat.State.LEADING;
                if (seat.resigning) {
                    resigned(seat);
                } else if (led && token != null) {
                    events.accept(new LeaderEvent.Lost(seat.role, token, cause));
                }
                endLeadership(seat, cause);
                seat.vacate();
            }
        });
    }

    // ---- for the watch ----

    /** When to look again. */
    long nanosToLook(long most) {
        lock.lock();
        try {
            long now = System.nanoTime();
            long least = most;
            for (Seat seat : seats) {
                if (seat.state == Seat.State.LEADING) {
                    least = Math.min(least, Math.max(0, seat.trustedUntil - now));
                }
                BodyRun run = seat.run;
                if (run != null) {
                    least = Math.min(least, run.nanosLeft(now));
                }
            }
            return least;
        } finally {
            lock.unlock();
        }
    }

    /** A leader without an answer of the server in time; null if there is none. */
    @Nullable
    LeaderRole overdue() {
        lock.lock();
        try {
            long now = System.nanoTime();
            for (Seat seat : seats) {
                if (seat.state == Seat.State.LEADING && now - seat.trustedUntil >= 0) {
                    return seat.role;
                }
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** Gives up the bodies that have not ended in time. */
    void giveUpLateBodies() {
        if (where(SeatTable::isLate).isEmpty()) {
            return;
        }
        List<BodyRun> late = new ArrayList<>();
        change(() -> {
            for (Seat seat : seats) {
                BodyRun run = seat.run;
                if (run != null && isLate(seat)) {
                    run.giveUp();
                    late.add(run);
                }
            }
        });
        late.forEach(run -> LeaderElection.LOG.log(Level.WARNING, run.describe()));
    }

    private static boolean isLate(Seat seat) {
        return seat.run != null && seat.run.nanosLeft(System.nanoTime()) == 0;
    }
}
