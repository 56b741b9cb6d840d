package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeadlineTest {
    private final AtomicLong now = new AtomicLong();
    private final LongSupplier clock = now::get;

    @Test
    void remainingShrinksWithTheClockAndStaysAtZero() {
        var deadline = Deadline.after(Duration.ofNanos(10), clock);
        assertEquals(10, deadline.remainingNanos());
        now.addAndGet(9);
        assertEquals(1, deadline.remainingNanos());
        assertFalse(deadline.expired());
        now.addAndGet(1);
        assertEquals(0, deadline.remainingNanos());
        assertTrue(deadline.expired());
        now.addAndGet(1_000);
        assertEquals(Duration.ZERO, deadline.remaining());
        assertTrue(deadline.expired());
    }

    @Test
    void zeroAndNegativeTimeoutsHaveExpired() {
        assertTrue(Deadline.after(Duration.ZERO, clock).expired());
        assertTrue(Deadline.after(Duration.ofSeconds(-1), clock).expired());
        var longAgo = Deadline.after(Duration.ofSeconds(Long.MIN_VALUE), clock);
        assertTrue(longAgo.expired());
        now.addAndGet(1_000);
        assertTrue(longAgo.expired());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, Long.MAX_VALUE - 100})
    void clockMayStartAnywhereAndWrap(long origin) {
        now.set(origin);
        var deadline = Deadline.after(Duration.ofNanos(1_000), clock);
        now.addAndGet(999);
        assertEquals(1, deadline.remainingNanos());
        now.addAndGet(1);
        assertTrue(deadline.expired());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE})
    void hugeTimeoutIsFarAwayAndNotOverflowed(long origin) {
        now.set(origin);
        var forever = Deadline.after(ChronoUnit.FOREVER.getDuration(), clock);
        assertTrue(forever.remaining().toDays() > 70 * 365, forever.toString());
        now.addAndGet(Duration.ofDays(365).toNanos());
        assertTrue(forever.remaining().toDays() > 69 * 365, forever.toString());
    }

    @Test
    void earlierPicksTheOneThatPassesFirst() {
        now.set(Long.MAX_VALUE - 5); // So that one deadline lies before the wrap of the clock and one after it.
        var soon = Deadline.after(Duration.ofNanos(1), clock);
        var late = Deadline.after(Duration.ofNanos(100), clock);
        var never = Deadline.after(ChronoUnit.FOREVER.getDuration(), clock);
        assertSame(soon, soon.earlier(late));
        assertSame(soon, late.earlier(soon));
        assertSame(late, late.earlier(never));
        assertSame(late, never.earlier(late));
    }

    @Test
    void deadlineOfThePastIsEarlierThanTheFarthestOne() {
        var past = Deadline.after(Duration.ofNanos(1), clock);
        now.addAndGet(Duration.ofDays(365).toNanos());
        var never = Deadline.after(ChronoUnit.FOREVER.getDuration(), clock);
        assertSame(past, past.earlier(never));
        assertSame(past, never.earlier(past));
    }

    @Test
    void deadlinesOfDifferentClocksAreNotCompared() {
        var other = Deadline.after(Duration.ofSeconds(1), () -> 0);
        assertThrows(
                IllegalArgumentException.class,
                () -> Deadline.after(Duration.ofSeconds(1), clock).earlier(other));
    }

    @Test
    void withoutAClockItReadsTheClockOfTheJvm() {
        var deadline = Deadline.after(Duration.ofHours(1));
        assertTrue(deadline.remainingNanos() > Duration.ofMinutes(59).toNanos());
        assertTrue(deadline.remainingNanos() <= Duration.ofHours(1).toNanos());
        assertSame(deadline, deadline.earlier(Deadline.after(Duration.ofHours(2))));
    }
}
