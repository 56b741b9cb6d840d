package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The arithmetic of lag: no server, and a clock that may begin anywhere. */
class PrimaryLogTest {

    private static final long SECOND = Duration.ofSeconds(1).toNanos();

    /** Close to where nanoTime() overflows. */
    private static final long BEGIN = Long.MAX_VALUE - 3 * SECOND;

    private final PrimaryLog log = new PrimaryLog();

    private void add(long lsn, long second) {
        log.add(lsn, BEGIN + second * SECOND);
    }

    private ReplicaLag behind(long replayed, long askedSecond, long nowSecond) {
        ReplicaLag lag = log.behind(replayed, BEGIN + askedSecond * SECOND, BEGIN + nowSecond * SECOND);
        assertNotNull(lag);
        return lag;
    }

    @Test
    void nothingIsKnownBeforeThePrimaryAnswered() {
        assertNull(log.behind(100, BEGIN, BEGIN));
    }

    @Test
    void idlePrimaryIsNoLagHoweverLongItIsIdle() {
        for (int second = 0; second <= 3600; second++) {
            add(100, second);
        }

        assertEquals(new ReplicaLag(Duration.ZERO, false, 0, Duration.ZERO), behind(100, 3600, 3600));
        assertEquals(1, log.size());
    }

    @Test
    void timeIsTheAgeOfTheOldestSampleThatIsNotReplayed() {
        for (int second = 0; second <= 10; second++) {
            add(100 + 10 * second, second);
        }

        assertEquals(new ReplicaLag(Duration.ofSeconds(10), true, 110, Duration.ZERO), behind(90, 10, 10));
        assertEquals(new ReplicaLag(Duration.ofSeconds(5), false, 55, Duration.ZERO), behind(145, 10, 10));
        assertEquals(new ReplicaLag(Duration.ZERO, false, 1, Duration.ZERO), behind(199, 10, 10));
        assertEquals(new ReplicaLag(Duration.ZERO, false, 0, Duration.ZERO), behind(250, 10, 10));
    }

    @Test
    void repeatedPositionHasTheAgeOfItsFirstSight() {
        add(100, 0);
        add(200, 1);
        add(200, 8);

        assertEquals(Duration.ofSeconds(8), behind(100, 9, 9).atMost());
    }

    @Test
    void measurementIsAsOldAsTheOlderOfTheTwoAnswers() {
        add(100, 0);
        add(200, 4);

        assertEquals(Duration.ofSeconds(3), behind(200, 5, 7).age());
        assertEquals(Duration.ofSeconds(5), behind(200, 2, 7).age());
        assertEquals(Duration.ofSeconds(6), behind(100, 2, 8).age());
        // In all, the age of what it has not replayed, or of what is known.
        assertEquals(Duration.ofSeconds(4), behind(100, 6, 8).atMost());
    }

    @Test
    void whatThePrimaryLostIsNoLag() {
        add(100, 0);
        add(500, 1);
        add(300, 2);

        assertEquals(new ReplicaLag(Duration.ZERO, false, 0, Duration.ZERO), behind(300, 2, 2));
        assertEquals(new ReplicaLag(Duration.ZERO, false, 200, Duration.ZERO), behind(100, 2, 2));
    }

    @Test
    void memoryIsBoundedForDaysOfLagThatStayExactToASixteenth() {
        long step = Duration.ofMillis(25).toNanos();
        int samples = 3 * 24 * 3600 * 40;
        for (int i = 0; i < samples; i++) {
            log.add(i, BEGIN + i * step);
        }

        assertTrue(log.size() <= PrimaryLog.CAPACITY, "" + log.size());
        long now = BEGIN + (samples - 1) * step;
        for (int i = 1; i < samples; i += 997) {
            ReplicaLag lag = log.behind(i - 1, now, now);
            assertNotNull(lag);
            long exact = now - BEGIN - i * step;
            long found = lag.time().toNanos();
            assertTrue(found <= exact && found >= exact - exact / 16 - step, found + " for " + exact);
            assertEquals(samples - i, lag.bytes());
        }
    }

    @Test
    void samplesAllAtOnceAreStillBounded() {
        for (int i = 0; i < 10 * PrimaryLog.CAPACITY; i++) {
            log.add(i, BEGIN + i);
        }

        assertTrue(log.size() <= PrimaryLog.CAPACITY);
        assertEquals(0, behind(10 * PrimaryLog.CAPACITY, 1, 1).bytes());
    }
}
