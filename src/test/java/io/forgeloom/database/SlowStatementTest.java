package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.pg.ListenSession;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.PreparedStatement;
import java.text.MessageFormat;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The log of slow statements: the SQL and how long it took, never a parameter. */
@WithDatabase(expectNoConnections = true)
@Tag("slow")
class SlowStatementTest {

    private static final Logger LOGGER = Logger.getLogger("io.forgeloom.database");

    private final List<String> logged = new CopyOnWriteArrayList<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord record) {
            // The root's, so that a second is 1,000 ms wherever this runs.
            logged.add(new MessageFormat(record.getMessage(), Locale.ROOT).format(record.getParameters()));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void listen() {
        LOGGER.addHandler(handler);
        LOGGER.setUseParentHandlers(false);
    }

    @AfterEach
    void stopListening() {
        LOGGER.setUseParentHandlers(true);
        LOGGER.removeHandler(handler);
    }

    /** A statement that takes so long, and one that takes no time. */
    private void run(TestDatabase server, Duration threshold, double seconds) {
        try (Database db = Database.open(DatabaseConfig.builder(server.url())
                .slowStatementThreshold(threshold)
                .build())) {
            db.withConnection(c -> {
                try (PreparedStatement statement = c.prepareStatement("SELECT pg_sleep(?), 'parameter ' || ?")) {
                    statement.setDouble(1, seconds);
                    statement.setString(2, "s3cret");
                    statement.executeQuery();
                    statement.setDouble(1, 0);
                    statement.executeQuery();
                }
                return null;
            });
        }
    }

    @Test
    void aStatementOverTheThresholdIsLoggedWithoutItsParameters(TestDatabase server) {
        run(server, Duration.ofSeconds(1), 1.1);
        assertEquals(1, logged.size(), logged.toString());
        String line = logged.get(0);
        assertTrue(line.contains("SELECT pg_sleep(?), 'parameter ' || ?"), line);
        assertTrue(line.matches("primary: slow statement, [\\d,]+ ms: .*"), line);
        assertFalse(line.contains("s3cret"), line);
    }

    /** Waits on a session that listens, for longer than the threshold; taking what then comes needs {@code busy}. */
    private void listen(TestDatabase server, Duration busy) throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
                Database db = Database.open(DatabaseConfig.builder(server.url())
                        .slowStatementThreshold(Duration.ofMillis(700))
                        .build())) {
            db.withConnection(c -> {
                ListenSession session = c.unwrap(ListenSession.class);
                session.send("LISTEN heard");
                Future<?> notifying = threads.submit(() -> {
                    server.execute("SELECT pg_sleep(1); NOTIFY heard");
                    return null;
                });
                // The time of both is under test.
                assertEquals(1, session.await(Duration.ofSeconds(10), (channel, payload, pid) -> spend(busy)));
                return notifying.get();
            });
        }
    }

    private static void spend(Duration time) {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts", e);
        }
    }

    @Test
    void waitingForNotificationsIsNotSlow(TestDatabase server) throws Exception {
        listen(server, Duration.ZERO);
        assertTrue(logged.isEmpty(), logged.toString());
    }

    @Test
    void handingOnNotificationsForLongIsLogged(TestDatabase server) throws Exception {
        listen(server, Duration.ofMillis(800));
        assertEquals(1, logged.size(), logged.toString());
        String line = logged.get(0);
        assertTrue(line.matches("primary: slow statement, [\\d,]+ ms: \\(handing on notifications\\)"), line);
    }

    @Test
    void zeroSwitchesTheLogOff(TestDatabase server) {
        run(server, Duration.ZERO, 0.01);
        assertTrue(logged.isEmpty(), logged.toString());
    }
}
