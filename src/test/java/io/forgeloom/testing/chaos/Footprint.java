package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;

/** What a process needs: threads, sessions, memory; and threads that were pinned. */
final class Footprint {

    static final Duration PINNED = Duration.ofMillis(20);

    private static final int MOST_FRAMES = 40;

    private static final Pattern NAME = Pattern.compile("\"([^\"]+)\"");

    private Footprint() {}

    /** Tells of each thread that was pinned for longer than it may, from now on. */
    static void watchPinned(Teller teller) {
        RecordingStream stream = new RecordingStream();
        stream.enable("jdk.VirtualThreadPinned").withThreshold(PINNED).withStackTrace();
        stream.onEvent(
                "jdk.VirtualThreadPinned",
                event -> teller.tell(
                        "pinned",
                        "ms",
                        event.getDuration().toMillis(),
                        "thread",
                        thread(event),
                        "reason",
                        reason(event),
                        "stack",
                        stack(event)));
        stream.startAsync();
    }

    private static String thread(RecordedEvent event) {
        return event.getThread() == null
                ? "-"
                : String.valueOf(event.getThread().getJavaName());
    }

    /** Which JDK 21 does not tell. */
    private static String reason(RecordedEvent event) {
        return event.hasField("pinnedReason") ? String.valueOf(event.getString("pinnedReason")) : "-";
    }

    /** The first use of a class loads and initialises it, once in the life of a process, which pins on every JDK. */
    static boolean isFirstUse(Line pinned) {
        String stack = pinned.get("stack");
        return stack.contains("<clinit>")
                || stack.contains("ClassLoader.loadClass")
                || pinned.get("reason", "").startsWith("Waited_for_initialization")
                || pinned.get("reason", "").startsWith("VM_call_to_");
    }

    private static String stack(RecordedEvent event) {
        if (event.getStackTrace() == null) {
            return "-";
        }
        return event.getStackTrace().getFrames().stream()
                .limit(MOST_FRAMES)
                .map(frame -> frame.getMethod().getType().getName() + "."
                        + frame.getMethod().getName() + ":" + frame.getLineNumber())
                .collect(Collectors.joining("<"));
    }

    /** Takes a second or so. */
    static void tell(Forge forge, Teller teller, String when) throws InterruptedException {
        Runtime memory = Runtime.getRuntime();
        long used = Long.MAX_VALUE;
        Map<String, Integer> threads = threads();
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(100);
            used = Math.min(used, memory.totalMemory() - memory.freeMemory());
            // Somebody asks something all the time: what is there each time stays.
            Map<String, Integer> now = threads();
            threads.keySet().retainAll(now.keySet());
            now.forEach((kind, count) -> threads.computeIfPresent(kind, (same, before) -> Math.min(before, count)));
        }
        teller.tell(
                "footprint",
                "when",
                when,
                "heap",
                used,
                "sessions",
                forge.database().primary().stats().total(),
                "platform",
                Thread.getAllStackTraces().size(),
                "threads",
                threads.entrySet().stream()
                        .map(kind -> kind.getKey() + ":" + kind.getValue())
                        .collect(Collectors.joining(",")));
    }

    /** Of the product, by kind: how many there are. */
    private static Map<String, Integer> threads() {
        Map<String, Integer> kinds = new TreeMap<>();
        for (String one : ThreadLeaks.alive()) {
            Matcher name = NAME.matcher(one);
            if (name.find()) {
                kinds.merge(name.group(1).replaceAll("-?[0-9]+", ""), 1, Integer::sum);
            }
        }
        return kinds;
    }
}
