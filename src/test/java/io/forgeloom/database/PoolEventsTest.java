package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a flight recording has of a pool. */
@WithDatabase(expectNoConnections = true)
class PoolEventsTest {

    private static final String NAMES = "io.forgeloom.db.client.connection.";

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

    private static List<String> values(List<RecordedEvent> events, String name, String field) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(NAMES + name))
                .sorted(java.util.Comparator.comparing(RecordedEvent::getEndTime))
                .map(event -> event.getString(field))
                .toList();
    }
}
