package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.PGConnection;

/** What a flight recording has of a pool. */
@WithDatabase(expectNoConnections = true)
class PoolEventsTest {

    private static final String NAMES = "io.forgeloom.db.client.connection.";
    private static final String LEAK = NAMES + "leak";

    @Test
    void waitsUsesOpeningsAndClosingsAreRecorded(TestDatabase server, @TempDir Path folder) throws Exception {
        Path file = folder.resolve("pool.jfr");
        try (Recording recording = new Recording()) {
            for (String name : List.of("wait_time", "use_time", "create_time", "close")) {
                recording.enable(NAMES + name).withThreshold(Duration.ZERO);
            }
            recording.start();
            try (Database db = Database.open(
                    DatabaseConfig.builder(server.url()).poolSize(2).build())) {
                Connection first = db.primary().acquire();
                Connection second = db.primary().acquire();
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(10)));
                second.abort(Runnable::run);
                second.close();
                first.close();
            }
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertEquals(List.of("ACQUIRED", "ACQUIRED", "EXHAUSTED"), values(events, "wait_time", "outcome"));
        assertEquals(List.of("primary", "primary"), values(events, "use_time", "pool"));
        assertEquals(List.of("LOST", "POOL_CLOSED"), values(events, "close", "reason"));
        assertTrue(values(events, "create_time", "pool").contains("primary"));
    }

    @Test
    void everyResetIsRecordedWithWhatItDidAndACleanReleaseIsNone(TestDatabase server) throws Exception {
        List<RecordedEvent> events = new CopyOnWriteArrayList<>();
        try (RecordingStream stream = new RecordingStream()) {
            stream.setReuse(false);
            stream.enable(NAMES + "reset_time").withThreshold(Duration.ZERO);
            stream.onEvent(NAMES + "reset_time", events::add);
            stream.startAsync();
            try (Database db = Database.open(
                    DatabaseConfig.builder(server.url()).poolSize(1).build())) {
                use(db, c -> run(c, "SELECT 1"));
                use(db, c -> run(c, "BEGIN"));
                use(db, c -> c.setReadOnly(true));
                use(db, c -> run(c, "SET work_mem = '1MB'"));
                use(db, c -> c.unwrap(PGConnection.class));
                // Nothing is undone: the session is ended, which the close event tells.
                use(db, c -> run(c, "LOAD 'plpgsql'"));
            }
            try (Database db = Database.open(DatabaseConfig.builder(server.url())
                    .poolSize(1)
                    .sessionReset(SessionReset.always())
                    .build())) {
                use(db, c -> {});
                use(db, c -> {
                    run(c, "SET work_mem = '1MB'");
                    server.execute("SELECT pg_terminate_backend(" + pid(c) + ", 5000)");
                });
            }
            stream.stop();
        }
        assertEquals(
                List.of("ROLLBACK", "JDBC", "TOUCHED", "TOUCHED", "ALWAYS", "ALWAYS"),
                values(events, "reset_time", "kind"));
        assertEquals(
                List.of("CLEAN", "CLEAN", "CLEAN", "CLEAN", "CLEAN", "UNCLEAN"),
                values(events, "reset_time", "outcome"));
        assertEquals(Set.of("primary"), Set.copyOf(values(events, "reset_time", "pool")));
        assertEquals(1, events.get(0).getLong("session"));
        assertTrue(events.stream().allMatch(event -> event.getDuration().isPositive()), events::toString);
    }

    @Test
    void aConnectionThatIsHeldForTooLongIsRecorded(TestDatabase server) throws Exception {
        BlockingQueue<RecordedEvent> events = new LinkedBlockingQueue<>();
        try (RecordingStream stream = new RecordingStream()) {
            stream.setReuse(false);
            stream.enable(LEAK);
            stream.onEvent(LEAK, events::add);
            stream.startAsync();
            try (Database db = Database.open(DatabaseConfig.builder(server.url())
                    .poolSize(1)
                    .leakThreshold(Duration.ofMillis(50))
                    .build())) {
                use(db, c -> {
                    RecordedEvent leak = assertDoesNotThrow(() -> events.poll(10, TimeUnit.SECONDS));
                    assertNotNull(leak, "no event");
                    assertEquals("primary", leak.getString("pool"));
                    assertEquals(1, leak.getLong("session"));
                    assertEquals(
                            Thread.currentThread().threadId(),
                            leak.getThread("holder").getJavaThreadId());
                });
            }
        }
    }

    /** What is done with a connection. */
    @FunctionalInterface
    private interface Work {
        void on(Connection connection) throws SQLException;
    }

    private static void use(Database db, Work work) throws SQLException {
        try (Connection connection = db.primary().acquire()) {
            work.on(connection);
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static int pid(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }

    private static List<String> values(List<RecordedEvent> events, String name, String field) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(NAMES + name))
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .map(event -> event.getString(field))
                .toList();
    }
}
