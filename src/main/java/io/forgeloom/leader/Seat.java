package io.forgeloom.leader;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where one role stands in this process. Guarded by the lock of {@link SeatTable}, but for {@link #leadership}, which any
 * thread reads.
 */
final class Seat {

    enum State {
        /** Another process has the lock, or nobody. */
        STANDBY,
        /** This session has the lock, and the term is not written: an old leader's transaction keeps the row. */
        WON,
        /** The term is written, and the time of the old leader is waited for. */
        WAITING,
        LEADING
    }

    final LeaderRole role;

    State state = State.STANDBY;

    /** While it leads, and not while it gives that up. */
    volatile @Nullable Leadership leadership;

    /** {@link System#nanoTime()} after the lock was won: the time of an old leader is waited for from here. From {@code WON} on. */
    long wonNanos;

    /** Until when the server keeps the lock for sure, counted from before it was asked for; from {@code WON} on. */
    long trustedUntil;

    /** From {@code WAITING} on. */
    @Nullable
    LeadershipToken token;

    /** The last one that this process has written; null before the first. */
    @Nullable
    LeadershipToken written;

    /** When a winner may lead; from {@code WAITING} on, and after a loss. */
    long leadsFrom;

    /** Whether the role is being given up by choice. */
    boolean resigning;

    /** Until when others come first. */
    long standsBackUntil = System.nanoTime();

    /** What a leader does; null where nobody said. */
    @Nullable
    LeaderBody body;

    /** The body at work; also one that has not ended yet although the leadership has. */
    @Nullable
    BodyRun run;

    /** The last body that said that it was done: its thread may have a moment left. */
    @Nullable
    BodyRun ended;

    /** How many bodies in a row have failed. */
    int failures;

    Seat(LeaderRole role) {
        this.role = role;
    }

    boolean hasLock() {
        return state != State.STANDBY;
    }

    /** Whether a body is at work that may still end in time. */
    boolean isBodyAwaited() {
        return run != null && !run.isGivenUp();
    }

    /** Whether to try the lock now: not beside an old body, for none runs twice. */
    boolean campaigns(long now) {
        return state == State.STANDBY && run == null && now - standsBackUntil >= 0;
    }

    /** Whether the lock is to be given back now: as soon as the body has ended, or its time for that has. */
    boolean isToBeReleased() {
        BodyRun working = run;
        return hasLock() && resigning && (working == null || working.isGivenUp());
    }

    void won(long asked, Duration trust) {
        state = State.WON;
        wonNanos = System.nanoTime();
        trustedUntil = asked + trust.toNanos();
        token = null;
    }

    /** The lock is gone or given back. */
    void vacate() {
        state = State.STANDBY;
        leadership = null;
        token = null;
        resigning = false;
    }
}
