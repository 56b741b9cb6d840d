package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.SqlState;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The pauses between two connects that fail. */
class RetryPausesTest {

    private static SQLException failed(IOException cause) {
        return new SQLException("The connection attempt failed.", "08001", cause);
    }

    private static void assertWithin(long least, long most, SQLException failure, Duration outage) {
        RetryPauses pauses = new RetryPauses();
        for (int i = 0; i < 1_000; i++) {
            long millis = pauses.nextNanos(failure, outage.toNanos()) / 1_000_000;
            assertTrue(millis >= least && millis <= most, millis + " ms after " + outage + ": " + failure);
        }
    }

    @Test
    void whereNobodyListensOrTheServerStartsTheyAreShortForAMinute() {
        SQLException refused = failed(new ConnectException("Connection refused"));
        SQLException starting = new SQLException("the database system is starting up", SqlState.CANNOT_CONNECT_NOW);
        for (SQLException failure : new SQLException[] {refused, starting}) {
            assertWithin(25, 75, failure, Duration.ZERO);
            assertWithin(25, 75, failure, Duration.ofSeconds(9));
            assertWithin(90, 120, failure, Duration.ofSeconds(59));
            assertWithin(150, 1_000, failure, Duration.ofSeconds(61));
        }
    }

    @Test
    void aServerThatDropsIsTriedMoreRarelyAfterTenSeconds() {
        SQLException dropped = failed(new SocketException("Connection reset"));
        SQLException refusedByName = new SQLException("password authentication failed", "28P01");
        for (SQLException failure : new SQLException[] {dropped, refusedByName}) {
            assertWithin(50, 150, failure, Duration.ofSeconds(9));
            assertWithin(150, 1_000, failure, Duration.ofSeconds(11));
        }
    }
}
