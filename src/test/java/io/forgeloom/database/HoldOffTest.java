package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.SqlState;
import java.net.ConnectException;
import java.net.SocketException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Which failures make the pool leave a server in peace. */
class HoldOffTest {

    private final AtomicLong clock = new AtomicLong(-5);
    private final HoldOff holdOff = new HoldOff(clock::get);

    private boolean activeAfter(SQLException failure) {
        holdOff.failed(failure);
        return holdOff.isActive();
    }

    @Test
    void whoRefusesOrAnswersIsAskedAgain() {
        assertFalse(activeAfter(new SQLException("refused", "08001", new ConnectException("Connection refused"))));
        assertFalse(activeAfter(new SQLException("the database system is starting up", SqlState.CANNOT_CONNECT_NOW)));
        assertFalse(activeAfter(new SQLException("sorry, too many clients already", "53300")));
    }

    @Test
    void whoDropsIsNotAskedUntilAConnectOfAnyoneSucceeds() {
        assertTrue(activeAfter(new SQLException("dropped", "08001", new SocketException("Connection reset"))));
        assertTrue(activeAfter(new SQLException("refused", "08001", new ConnectException("Connection refused"))));
        holdOff.succeeded();
        assertFalse(holdOff.isActive());
    }

    // ---- sessions that are lost soon after their login ----

    private static final SQLException DROPPED =
            new SQLException("dropped", "08001", new SocketException("Connection reset"));

    private void later(Duration time) {
        clock.addAndGet(time.toNanos());
    }

    /** Logs in, and is lost soon. */
    private boolean activeAfterALoss() {
        later(Duration.ofMillis(1));
        holdOff.succeeded();
        long opened = clock.get();
        later(Duration.ofMillis(20));
        holdOff.lost(opened);
        assertFalse(holdOff.isActive(), "connects succeed");
        return holdOff.isActiveForOrphans();
    }

    @Test
    void oneLossSaysNothingAndALoginDoesNotEndWhatTheSecondBegan() {
        assertFalse(activeAfterALoss());
        assertTrue(activeAfterALoss());
        holdOff.succeeded();
        assertTrue(holdOff.isActiveForOrphans());
        later(Duration.ofSeconds(1));
        assertFalse(holdOff.isActiveForOrphans());
    }

    @Test
    void thePauseGrowsWithEachLossAndWithEachConnectThatFails() {
        activeAfterALoss();
        activeAfterALoss();
        holdOff.failed(DROPPED);
        activeAfterALoss();
        later(Duration.ofMillis(3_900));
        assertTrue(holdOff.isActiveForOrphans());
        later(Duration.ofMillis(200));
        assertFalse(holdOff.isActiveForOrphans());
    }

    @Test
    void whereConnectsFailAfterOneLossALoginEndsIt() {
        activeAfterALoss();
        for (int i = 0; i < 5; i++) {
            holdOff.failed(DROPPED);
            assertTrue(holdOff.isActiveForOrphans());
        }
        holdOff.succeeded();
        assertFalse(holdOff.isActiveForOrphans());
    }

    /** A machine's clock is no small number. */
    @Test
    void whatCountsIsTheAgeWheneverThatIs() {
        for (long start : new long[] {
            Duration.ofDays(100).toNanos(), -Duration.ofDays(100).toNanos(), Long.MAX_VALUE
        }) {
            clock.set(start);
            holdOff.succeeded();
            later(HoldOff.EARLY);
            assertFalse(activeAfterALoss());
            assertTrue(activeAfterALoss());
            later(HoldOff.EARLY);
        }
    }

    @Test
    void manyLossesOfOneBlowAreOne() {
        long opened = clock.get();
        for (int i = 0; i < 20; i++) {
            later(Duration.ofMillis(1));
            holdOff.lost(opened + i % 2);
        }
        assertFalse(holdOff.isActiveForOrphans());
    }

    @Test
    void sessionsThatHaveLivedAreLostForOtherReasons() {
        long opened = clock.get();
        for (int i = 0; i < 20; i++) {
            later(HoldOff.EARLY);
            holdOff.lost(opened);
            opened = clock.get();
        }
        assertFalse(holdOff.isActiveForOrphans());
    }

    @Test
    void aLoginAfterWhichNothingIsLostEndsIt() {
        for (int i = 0; i < 10; i++) {
            activeAfterALoss();
        }
        holdOff.succeeded();
        later(HoldOff.EARLY.minusMillis(1));
        assertTrue(holdOff.isActiveForOrphans());
        // The first one after the last loss counts.
        holdOff.succeeded();
        later(Duration.ofMillis(1));
        assertFalse(holdOff.isActiveForOrphans());
        // And it is forgotten.
        assertFalse(activeAfterALoss());
    }
}
