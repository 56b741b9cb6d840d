package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class SeatTest {

    /**
     * An answer may have been long on its way. The winner trusts itself from before it asked; whoever led before may have done so
     * until just before the answer, and is waited for from there.
     */
    @Test
    void slowAnswerShortensTrustAndNotTheWaitForTheOldLeader() {
        Seat seat = new Seat(LeaderRole.SCHEDULER);
        long answered = System.nanoTime();
        long asked = answered - Duration.ofSeconds(1).toNanos();
        seat.won(asked, Duration.ofSeconds(2));
        assertEquals(Duration.ofSeconds(2).toNanos(), seat.trustedUntil - asked);
        assertTrue(seat.wonNanos - answered >= 0);
    }
}
