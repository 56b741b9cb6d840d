package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The pauses of the bus between two connects. */
class BusBackoffTest {

    private static final long MINUTE = Duration.ofMinutes(1).toNanos();

    @Test
    void inNoMinuteThereAreMoreThanElevenConnects() {
        for (int run = 0; run < 10_000; run++) {
            BusBackoff backoff = new BusBackoff(BusTiming.DEFAULTS);
            int connects = 0;
            // The first pause is before the first connect; a connect that is dropped takes no time.
            for (long now = backoff.next(true, MINUTE).toNanos(); now <= MINUTE; now += next(backoff)) {
                connects++;
            }
            assertTrue(connects >= 9 && connects <= 11, connects + " connects");
        }
    }

    private static long next(BusBackoff backoff) {
        return backoff.next(false, 0).toNanos();
    }

    @Test
    void threeConnectsFallIntoTheFirstFifthOfASecond() {
        BusBackoff backoff = new BusBackoff(BusTiming.DEFAULTS);
        assertEquals(Duration.ZERO, backoff.next(true, 0));
        assertTrue(next(backoff) <= 50_000_000);
        assertTrue(next(backoff) <= 100_000_000);
        assertTrue(next(backoff) >= 250_000_000);
    }

    @Test
    void onlyHalfAMinuteOfListeningMakesThePausesShortAgain() {
        BusBackoff backoff = new BusBackoff(BusTiming.DEFAULTS);
        for (int i = 0; i < 20; i++) {
            backoff.next(false, 0);
        }
        assertTrue(backoff.next(true, Duration.ofSeconds(29).toNanos()).compareTo(Duration.ofSeconds(15)) >= 0);
        assertTrue(backoff.next(false, MINUTE).compareTo(Duration.ofSeconds(15)) >= 0);
        assertEquals(Duration.ZERO, backoff.next(true, Duration.ofSeconds(30).toNanos()));
    }
}
