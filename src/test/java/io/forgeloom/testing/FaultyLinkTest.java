package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@WithDatabase
@Tag("slow")
class FaultyLinkTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private @Nullable FaultyLink opened;

    private FaultyLink link() {
        assert opened != null;
        return opened;
    }

    @BeforeEach
    void open(TestDatabase database) {
        opened = FaultyLink.to(database);
    }

    @AfterEach
    void closeLeavesNothingAtTheServer(TestDatabase database) throws Exception {
        link().close();
        assertEquals(0, link().connections());
        database.assertNoConnections(PATIENCE);
    }

    @Test
    void healthyLinkPassesAndCounts(TestDatabase database) throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement()) {
            assertEquals(database.name(), connection.getCatalog());
            link().awaitConnections(1, PATIENCE);
            long before = link().bytesToClient();
            statement.execute("SELECT repeat('x', 1000000)");
            assertTrue(link().bytesToClient() - before > 1_000_000);
            assertTrue(link().bytesToServer() > 0);
        }
        link().awaitConnections(0, PATIENCE);
        assertEquals(1, link().accepted());
        assertThrows(AssertionError.class, () -> link().awaitConnections(1, Duration.ofMillis(20)));
    }

    @Test
    void delayIsAddedInBothDirections() throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT 1");
            link().delay(Duration.ofMillis(50));
            long started = System.nanoTime();
            statement.execute("SELECT 1");
            assertTrue(System.nanoTime() - started >= 100_000_000);
        }
    }

    @Test
    void cutIsAResetForTheClientAndAnEndForTheServer(TestDatabase database) throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement();
                Socket raw = new Socket(link().host(), link().port())) {
            link().awaitConnections(2, PATIENCE);
            raw.setSoTimeout((int) PATIENCE.toMillis());
            link().cut();
            // An orderly end would be -1.
            assertEquals(
                    "Connection reset",
                    assertThrows(SocketException.class, raw.getInputStream()::read)
                            .getMessage());
            assertState("08", assertThrows(SQLException.class, () -> statement.execute("SELECT 1")));
            database.assertNoConnections(PATIENCE);
            link().connect().close();
        }
    }

    @Test
    void refusedConnectionsAreTakenAgainOnTheSamePort() throws Exception {
        try (Connection existing = link().connect();
                Statement statement = existing.createStatement()) {
            link().refuse(true);
            SQLException refused = assertThrows(SQLException.class, link()::connect);
            assertTrue(refused.getCause() instanceof ConnectException, refused.toString());
            statement.execute("SELECT 1");
            link().refuse(false);
            link().connect().close();
        }
    }

    @Test
    void droppedConnectionsAreAcceptedFirst() throws Exception {
        link().acceptAndDrop(true);
        try (Socket raw = new Socket(link().host(), link().port())) {
            raw.setSoTimeout((int) PATIENCE.toMillis());
            assertEquals(-1, raw.getInputStream().read());
        }
        assertEquals(1, link().accepted());
        link().acceptAndDrop(false);
        link().connect().close();
    }

    @Test
    void blackholeSwallowsWhatIsThereAndLetsNewConnectionsThrough(TestDatabase database) throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement()) {
            link().blackhole(true, false);
            connection.setNetworkTimeout(Runnable::run, 200);
            assertTimedOut(assertThrows(SQLException.class, () -> statement.execute("SELECT 1")));
            link().heal();
            link().connect().close();
        }
        // The client has closed its end, and the server does not know.
        link().awaitConnections(1, PATIENCE);
        Await.until("one session", () -> database.connections().size() == 1);
    }

    @Test
    void silentLinkTakesNewConnectionsAndSaysNothing() throws Exception {
        try (Connection existing = link().connect();
                Statement statement = existing.createStatement()) {
            link().blackhole(false, true);
            try (Socket raw = new Socket(link().host(), link().port())) {
                raw.setSoTimeout(200);
                raw.getOutputStream().write(new byte[] {0, 0, 0, 8, 4, (byte) 0xd2, 0x16, 0x2f});
                assertThrows(SocketTimeoutException.class, raw.getInputStream()::read);
            }
            statement.execute("SELECT 1");
            link().heal();
            link().connect().close();
        }
    }

    @Test
    void stallStopsInsideAMessage() throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT 1");
            long before = link().bytesToClient();
            link().stallInsideMessage(7);
            connection.setNetworkTimeout(Runnable::run, 200);
            assertTimedOut(assertThrows(SQLException.class, () -> statement.execute("SELECT repeat('x', 100)")));
            assertEquals(7, link().bytesToClient() - before);
        }
    }

    @Test
    void stallCountsFromTheCallAlthoughTheLastAnswerHasJustPassed() throws Exception {
        for (int round = 1; round <= 50; round++) {
            try (Connection connection = link().connect();
                    Statement statement = connection.createStatement()) {
                statement.execute("SELECT 1");
                link().stallInsideMessage(7);
                long expected = link().bytesToClient() + 7;
                Thread asker = Thread.ofVirtual()
                        .start(() -> assertThrows(SQLException.class, () -> statement.execute("SELECT 2")));
                long deadline = System.nanoTime() + PATIENCE.toNanos();
                while (link().bytesToClient() != expected && deadline - System.nanoTime() > 0) {
                    Thread.sleep(1);
                }
                long passed = link().bytesToClient();
                link().cut();
                asker.join();
                assertEquals(expected, passed, "round " + round);
            }
        }
    }

    @Test
    void closeEndsThreadsEvenInTheMiddleOfADelay() throws Exception {
        try (Connection connection = link().connect();
                Statement statement = connection.createStatement()) {
            link().delay(Duration.ofMinutes(5));
            connection.setNetworkTimeout(Runnable::run, 200);
            assertTimedOut(assertThrows(SQLException.class, () -> statement.execute("SELECT 1")));
            long started = System.nanoTime();
            link().close();
            assertTrue(System.nanoTime() - started < Duration.ofSeconds(5).toNanos());
            assertThrows(IOException.class, () -> new Socket(link().host(), link().port()).close());
        }
    }

    private static void assertTimedOut(SQLException error) {
        assertTrue(error.getCause() instanceof SocketTimeoutException, error.toString());
    }

    private static void assertState(String prefix, SQLException error) {
        assertFalse(error.getSQLState() == null || !error.getSQLState().startsWith(prefix), error.toString());
    }
}
