package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.SqlState;
import java.net.ConnectException;
import java.net.SocketException;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** Which failures make the pool leave a server in peace. */
class HoldOffTest {

    private final HoldOff holdOff = new HoldOff();

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
}
