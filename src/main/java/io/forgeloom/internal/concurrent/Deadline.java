package io.forgeloom.internal.concurrent;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * The instant at which a wait ends, as an absolute reading of a monotonic nanosecond clock.
 *
 * <p>A timeout that is handed from wait to wait grows with each of them; a deadline is taken once, where the caller's
 * budget begins, and every wait below it asks what remains. It is a local value: it means nothing to another process,
 * and it does not move with the wall clock.
 *
 * <p>Safe for use by many threads (immutable).
 */
public final class Deadline {
    /**
     * About 73 years. Two deadlines of one clock are then never further apart than half the range of a long, so that
     * their difference, the only comparison that {@link System#nanoTime()} allows, cannot overflow.
     */
    private static final long FARTHEST_NANOS = Long.MAX_VALUE / 4;

    private static final LongSupplier SYSTEM_CLOCK = System::nanoTime;

    private final long atNanos;
    private final LongSupplier nanoClock;

    private Deadline(long atNanos, LongSupplier nanoClock) {
        this.atNanos = atNanos;
        this.nanoClock = nanoClock;
    }

    /**
     * A deadline on the clock of this JVM, {@link System#nanoTime()}.
     *
     * @param timeout from now; zero or negative is a deadline that has passed; more than about 73 years counts as that
     * @return the deadline
     */
    public static Deadline after(Duration timeout) {
        return after(timeout, SYSTEM_CLOCK);
    }

    /**
     * A deadline on a clock of the caller's, for tests of time.
     *
     * @param timeout as in {@link #after(Duration)}
     * @param nanoClock monotonic, in nanoseconds, of any origin
     * @return the deadline
     */
    public static Deadline after(Duration timeout, LongSupplier nanoClock) {
        long nanos = Math.min(saturatedNanos(timeout), FARTHEST_NANOS);
        // Wraps on purpose: nanoTime may be anywhere in its range, and only differences are ever compared.
        return new Deadline(nanoClock.getAsLong() + Math.max(nanos, 0), nanoClock);
    }

    /**
     * {@return what is left, in nanoseconds; 0 once expired, never negative}
     *
     * <p>Mind the APIs, JDBC's among them, for which a timeout of 0 means forever.
     */
    public long remainingNanos() {
        return Math.max(atNanos - nanoClock.getAsLong(), 0);
    }

    /** {@return what is left; {@link Duration#ZERO} once expired} */
    public Duration remaining() {
        return Duration.ofNanos(remainingNanos());
    }

    /** {@return whether nothing is left; once true, it stays true} */
    public boolean expired() {
        return remainingNanos() == 0;
    }

    /**
     * {@return the one of the two that passes first; this one if they pass together}
     *
     * @param other a deadline of the same clock
     * @throws IllegalArgumentException if the two read different clocks
     */
    public Deadline earlier(Deadline other) {
        if (!nanoClock.equals(other.nanoClock)) {
            throw new IllegalArgumentException("deadlines of two different clocks have no order");
        }
        return atNanos - other.atNanos <= 0 ? this : other;
    }

    @Override
    public String toString() {
        return "Deadline[in " + remaining() + "]";
    }

    /** A duration in nanoseconds, the nearest long where it has none. */
    static long saturatedNanos(Duration duration) {
        try {
            return duration.toNanos();
        } catch (ArithmeticException tooLong) {
            return duration.isNegative() ? Long.MIN_VALUE : Long.MAX_VALUE;
        }
    }
}
