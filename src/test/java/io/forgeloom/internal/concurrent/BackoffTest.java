package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class BackoffTest {
    private static final Duration BASE = Duration.ofMillis(500);
    private static final Duration MAX = Duration.ofSeconds(30);

    /** Draws the greatest value that was asked for, each time. */
    private static final RandomGenerator GREATEST = new Drawing() {
        @Override
        public long nextLong(long least, long bound) {
            return bound - 1;
        }
    };

    /** Draws the least. */
    private static final RandomGenerator LEAST = new Drawing() {
        @Override
        public long nextLong(long least, long bound) {
            return least;
        }
    };

    @Test
    void waitsStayBetweenBaseAndMaxAndAtMostTripleEachTime() {
        var backoff = new Backoff(BASE, MAX, new SplittableRandom(1));
        long previous = BASE.toNanos();
        for (int i = 0; i < 10_000; i++) {
            long next = backoff.nextNanos();
            assertTrue(next >= BASE.toNanos() && next <= MAX.toNanos(), "wait " + i + " is " + next);
            assertTrue(next <= previous * 3, "wait " + i + " is " + next + " after " + previous);
            previous = next;
        }
    }

    @Test
    void greatestDrawsTripleUntilTheMaximum() {
        var backoff = new Backoff(BASE, MAX, GREATEST);
        for (long millis : new long[] {1_500, 4_500, 13_500, 30_000, 30_000}) {
            assertEquals(Duration.ofMillis(millis), Duration.ofNanos(backoff.nextNanos()));
        }
    }

    @Test
    void leastDrawsStayAtTheBase() {
        var backoff = new Backoff(BASE, MAX, LEAST);
        for (int i = 0; i < 5; i++) {
            assertEquals(BASE.toNanos(), backoff.nextNanos());
        }
    }

    @Test
    void resetBeginsAgainAtTheBase() {
        var backoff = new Backoff(BASE, MAX, GREATEST);
        for (int i = 0; i < 5; i++) {
            backoff.nextNanos();
        }
        backoff.reset();
        assertEquals(BASE.toNanos() * 3, backoff.nextNanos());
    }

    @Test
    void equalBoundsGiveThatWait() {
        var backoff = new Backoff(BASE, BASE);
        assertEquals(BASE.toNanos(), backoff.nextNanos());
        assertEquals(BASE.toNanos(), backoff.nextNanos());
    }

    @Test
    void hugeBoundsDoNotOverflow() {
        var forever = ChronoUnit.FOREVER.getDuration();
        var backoff = new Backoff(Duration.ofDays(365 * 200), forever, new SplittableRandom(2));
        for (int i = 0; i < 1_000; i++) {
            assertTrue(backoff.nextNanos() >= Duration.ofDays(365 * 200).toNanos());
        }
        assertEquals(Long.MAX_VALUE - 1, new Backoff(Duration.ofDays(365 * 200), forever, GREATEST).nextNanos());
        for (int attempt = 1; attempt <= 200; attempt++) {
            long nanos = Backoff.fullJitterNanos(Duration.ofNanos(3), forever, attempt, new SplittableRandom(3));
            assertTrue(nanos >= 0, "attempt " + attempt + " waits " + nanos);
        }
    }

    @Test
    void twoBackoffsDoNotWaitAlike() {
        assertNotEquals(new Backoff(BASE, MAX).nextNanos(), new Backoff(BASE, MAX).nextNanos());
    }

    @Test
    void fullJitterDrawsUpToTheDoubledBase() {
        long[] greatestMillis = {10, 20, 40, 80, 100, 100};
        for (int attempt = 1; attempt <= greatestMillis.length; attempt++) {
            assertEquals(
                    Duration.ofMillis(greatestMillis[attempt - 1]),
                    fullJitter(attempt, GREATEST),
                    "attempt " + attempt);
            assertEquals(Duration.ZERO, fullJitter(attempt, LEAST), "attempt " + attempt);
        }
        // Where the shift would reach the sign bit, and where it would wrap to a small number again.
        for (int attempt : new int[] {30, 40, 41, 42, 63, 64, 65, 66, 129, Integer.MAX_VALUE}) {
            assertEquals(Duration.ofMillis(100), fullJitter(attempt, GREATEST), "attempt " + attempt);
        }
    }

    private static Duration fullJitter(int attempt, RandomGenerator random) {
        return Duration.ofNanos(
                Backoff.fullJitterNanos(Duration.ofMillis(10), Duration.ofMillis(100), attempt, random));
    }

    @Test
    void boundsThatMakeNoSenseAreRefusedWithTheirValues() {
        var zero = assertThrows(IllegalArgumentException.class, () -> new Backoff(Duration.ZERO, MAX));
        assertEquals("base is PT0S, but must be above zero", zero.getMessage());
        assertThrows(IllegalArgumentException.class, () -> new Backoff(BASE.negated(), MAX));
        var swapped = assertThrows(IllegalArgumentException.class, () -> new Backoff(MAX, BASE));
        assertEquals("max is PT0.5S, but must be at least base, which is PT30S", swapped.getMessage());
        var attempt = assertThrows(
                IllegalArgumentException.class, () -> Backoff.fullJitterNanos(BASE, MAX, 0, new SplittableRandom()));
        assertEquals("attempt is 0, but the first attempt is 1", attempt.getMessage());
    }

    private abstract static class Drawing implements RandomGenerator {
        @Override
        public long nextLong() {
            throw new AssertionError("only draws between bounds are expected");
        }

        @Override
        public abstract long nextLong(long least, long bound);
    }
}
