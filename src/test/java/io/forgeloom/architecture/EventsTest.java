package io.forgeloom.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.forgeloom.database.Database;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.Threshold;
import jdk.jfr.ValueDescriptor;
import org.junit.jupiter.api.Test;

/** The table of docs/events.md has each event of the library, with its threshold and its fields, and no other. */
class EventsTest {

    private static final Path CLASSES = Repository.ROOT.resolve("target/classes");
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| `(io\\.forgeloom\\.[^`]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]*) \\|$");
    private static final Pattern WORD = Pattern.compile("`([^`]+)`");

    /** Fields that the recorder gives to every event. */
    private static final Set<String> EVERY = Set.of("startTime", "duration", "eventThread", "stackTrace");

    @Test
    void theTableIsWhatTheClassesSay() throws Exception {
        Map<String, String> classes = new TreeMap<>();
        for (Class<? extends Event> type : events()) {
            Threshold threshold = type.getAnnotation(Threshold.class);
            EventType event = EventType.getEventType(type);
            List<String> fields = event.getFields().stream()
                    .map(ValueDescriptor::getName)
                    .filter(name -> !EVERY.contains(name))
                    .toList();
            classes.put(event.getName(), row(threshold == null ? "every one" : threshold.value(), fields));
            assertFalse(event.getLabel().isBlank(), event.getName());
        }
        assertFalse(classes.isEmpty(), "no events in " + CLASSES);
        Map<String, String> document = new TreeMap<>();
        ROW.matcher(Files.readString(Repository.ROOT.resolve("docs/events.md")))
                .results()
                .forEach(
                        found -> document.put(found.group(1), row(found.group(3).strip(), words(found))));
        assertEquals(lines(classes), lines(document));
    }

    private static String row(String recorded, List<String> fields) {
        return recorded + ": " + String.join(", ", fields);
    }

    private static List<String> words(MatchResult row) {
        return WORD.matcher(row.group(4)).results().map(word -> word.group(1)).toList();
    }

    private static String lines(Map<String, String> rows) {
        return rows.entrySet().stream()
                .map(row -> row.getKey() + " " + row.getValue())
                .collect(Collectors.joining("\n"));
    }

    private static List<Class<? extends Event>> events() throws IOException, ClassNotFoundException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(CLASSES.resolve("io"))) {
            files = all.filter(file -> file.toString().endsWith(".class")).toList();
        }
        List<Class<? extends Event>> events = new ArrayList<>();
        for (Path file : files) {
            String name = CLASSES.relativize(file)
                    .toString()
                    .replace(file.getFileSystem().getSeparator(), ".");
            // By the library's own loader, which is not to run their initializers.
            Class<?> type = Class.forName(
                    name.substring(0, name.length() - ".class".length()), false, Database.class.getClassLoader());
            if (Event.class.isAssignableFrom(type)) {
                events.add(type.asSubclass(Event.class));
            }
        }
        return events;
    }
}
