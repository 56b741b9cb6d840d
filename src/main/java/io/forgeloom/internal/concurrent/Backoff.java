package io.forgeloom.internal.concurrent;

import java.time.Duration;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * How long to wait before the next attempt: random, so that many who failed together do not come back together, and
 * growing, so that they do not wear down what they wait for.
 *
 * <p>The two forms are those of Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). An object
 * of this class is the "decorrelated" form, for a loop that reconnects: each wait is drawn between the base and three
 * times the wait before it, and never below the base, so that a dead server is not hammered. The static
 * {@link #fullJitterNanos} is the "full" form, for a few retries of a transaction: it may draw nearly nothing, which is
 * right there, because the one that won the conflict is usually done already.
 *
 * <p>This class only computes; the caller waits. When to {@link #reset()} is the caller's too: after the connection has
 * been good for a while, not after a connect, or a server that accepts and dies makes a tight loop.
 *
 * <p>One thread at a time.
 */
public final class Backoff {
    private final long baseNanos;
    private final long maxNanos;
    private final RandomGenerator random;

    /** The wait that was handed out last, or the base before the first. */
    private long previousNanos;

    /**
     * With a random seed of its own.
     *
     * @param base the least wait, above zero
     * @param max the greatest wait, at least {@code base}
     * @throws IllegalArgumentException if the bounds are not so
     */
    public Backoff(Duration base, Duration max) {
        this(base, max, new SplittableRandom());
    }

    /**
     * With the randomness of the caller's choice, for tests.
     *
     * @param base the least wait, above zero
     * @param max the greatest wait, at least {@code base}
     * @param random used by one thread at a time
     * @throws IllegalArgumentException if the bounds are not so
     */
    public Backoff(Duration base, Duration max, RandomGenerator random) {
        requireBounds(base, max);
        this.baseNanos = Deadline.saturatedNanos(base);
        this.maxNanos = Deadline.saturatedNanos(max);
        this.random = random;
        this.previousNanos = baseNanos;
    }

    /** {@return the next wait in nanoseconds: between base and max, both included, at most three times the one before} */
    public long nextNanos() {
        // The division keeps three times a very long wait from overflowing.
        long ceiling = previousNanos > maxNanos / 3 ? maxNanos : previousNanos * 3;
        previousNanos = between(baseNanos, ceiling, random);
        return previousNanos;
    }

    /** Forgets the waits so far: the next one is drawn as the first was. */
    public void reset() {
        previousNanos = baseNanos;
    }

    /**
     * A wait in nanoseconds between 0 and the smaller of {@code max} and {@code base} doubled for each attempt after the
     * first, both included.
     *
     * @param base the greatest wait after the first attempt, above zero
     * @param max the greatest wait of all, at least {@code base}
     * @param attempt the attempt that has just failed; the first is 1
     * @param random where the draw comes from
     * @return the wait in nanoseconds
     * @throws IllegalArgumentException if the bounds are not so, or {@code attempt} is below 1
     */
    public static long fullJitterNanos(Duration base, Duration max, int attempt, RandomGenerator random) {
        requireBounds(base, max);
        if (attempt < 1) {
            throw new IllegalArgumentException("attempt is " + attempt + ", but the first attempt is 1");
        }
        long baseNanos = Deadline.saturatedNanos(base);
        long maxNanos = Deadline.saturatedNanos(max);
        int doublings = attempt - 1;
        // Shifting is safe only while the result stays below the sign bit; past that, the maximum is certain anyway.
        boolean beyondMax = doublings >= Long.numberOfLeadingZeros(baseNanos) - 1 || baseNanos << doublings > maxNanos;
        return between(0, beyondMax ? maxNanos : baseNanos << doublings, random);
    }

    private static long between(long least, long greatest, RandomGenerator random) {
        // nextLong excludes its bound, so the greatest value needs one more, where there is one more.
        return greatest == Long.MAX_VALUE ? random.nextLong(least, greatest) : random.nextLong(least, greatest + 1);
    }

    private static void requireBounds(Duration base, Duration max) {
        if (base.isNegative() || base.isZero()) {
            throw new IllegalArgumentException("base is " + base + ", but must be above zero");
        }
        if (max.compareTo(base) < 0) {
            throw new IllegalArgumentException("max is " + max + ", but must be at least base, which is " + base);
        }
    }
}
