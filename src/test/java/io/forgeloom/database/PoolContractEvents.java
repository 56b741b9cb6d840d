package io.forgeloom.database;

import io.forgeloom.database.PoolContract.Case;
import io.forgeloom.database.PoolContract.Events;
import io.forgeloom.database.PoolContract.Kind;
import io.forgeloom.database.PoolContract.Times;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** What the pool tells Flight Recorder while a case runs, held against what the case expects. Confined to one thread. */
final class PoolContractEvents implements AutoCloseable {

    private static final String PREFIX = "io.forgeloom.db.client.connection.";

    private final Recording recording = new Recording();

    /** Records from here on. */
    PoolContractEvents() {
        for (Kind kind : Kind.values()) {
            recording.enable(PREFIX + kind.event).withThreshold(Duration.ZERO).withoutStackTrace();
        }
        recording.start();
    }

    /** Ends the recording; kinds of which the case says nothing may have any events. */
    void compare(Case contract) throws IOException {
        recording.stop();
        Map<Kind, List<String>> recorded = read();
        for (Events expected : contract.events()) {
            List<String> found = recorded.getOrDefault(expected.kind(), List.of());
            if (!matches(expected, found)) {
                throw new AssertionError(contract.file() + ":" + expected.line() + ": " + contract.name()
                        + ": expected events " + expected.kind().word() + (expected.ordered() ? " in order " : " ")
                        + expected.values() + ", were: " + found);
            }
        }
    }

    static boolean matches(Events expected, List<String> found) {
        if (expected.ordered()) {
            List<String> all = new ArrayList<>();
            for (Times times : expected.values()) {
                all.addAll(Collections.nCopies(times.least(), times.value()));
            }
            return all.equals(found);
        }
        int matched = 0;
        for (Times times : expected.values()) {
            int occurrences = Collections.frequency(found, times.value());
            if (occurrences < times.least() || occurrences > times.most()) {
                return false;
            }
            matched += occurrences;
        }
        return matched == found.size();
    }

    private Map<Kind, List<String>> read() throws IOException {
        Path file = Files.createTempFile("forgeloom-contract-", ".jfr");
        try {
            recording.dump(file);
            Map<Kind, List<String>> result = new EnumMap<>(Kind.class);
            RecordingFile.readAllEvents(file).stream()
                    .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                    .forEach(event -> kind(event)
                            .ifPresent(kind -> result.computeIfAbsent(kind, none -> new ArrayList<>())
                                    .add(value(kind, event))));
            return result;
        } finally {
            Files.delete(file);
        }
    }

    private static Optional<Kind> kind(RecordedEvent event) {
        String name = event.getEventType().getName();
        for (Kind kind : Kind.values()) {
            if (name.equals(PREFIX + kind.event)) {
                return Optional.of(kind);
            }
        }
        return Optional.empty();
    }

    private static String value(Kind kind, RecordedEvent event) {
        return switch (kind) {
            case WAIT -> event.getString("outcome");
            case CLOSE -> event.getString("reason");
            case CREATE -> event.getString("error") == null ? "OPENED" : "FAILED";
            case USE -> "USED";
            case LEAK -> "LEAKED";
        };
    }

    @Override
    public void close() {
        recording.close();
    }
}
