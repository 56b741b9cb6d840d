package io.forgeloom.testing.chaos;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Who was not killed needs in the end what it needed in the beginning: threads, sessions, memory. It ends without leaving
 * anything, and no virtual thread of it was ever pinned for long.
 */
final class LeftoversChecker extends Checker {

    private static final long HEAP = 24L << 20;
    private static final int PLATFORM = 6;

    /** Bus and elections keep three; heartbeat, wake-ups, a consumer and trimming take one each for a moment. */
    private static final int SESSIONS = 3 + 4;

    /** Bodies of leaders, and what the one that leads does beside the others. */
    private static final int LEADING = 2;

    LeftoversChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        Map<String, Line> starts = new HashMap<>();
        history().lines("footprint").forEach(line -> {
            if (line.get("when").equals("start")) {
                starts.put(line.node(), line);
            } else {
                compare(starts.get(line.node()), line);
            }
        });
        history().lines("pinned").filter(line -> !Footprint.isFirstUse(line)).forEach(line -> {
            long from = line.nanos() - 2_000_000_000L - line.number("ms") * 1_000_000;
            if (history().stopped(line.slot(), from, line.nanos()) == 0) {
                violated("a virtual thread was pinned for " + line.get("ms") + " ms", line);
            }
        });
        history().lines("ready").forEach(line -> {
            if (!history().wasKilled(line.node())
                    && history().lines("ended").noneMatch(end -> end.node().equals(line.node()))) {
                violated(line.node() + " did not end as it should", line);
            }
        });
        history()
                .lines("left")
                .filter(line -> line.number("sessions") > 0)
                .forEach(line -> violated("sessions are left of processes that have ended", line));
    }

    private void compare(@Nullable Line start, Line end) {
        if (start == null) {
            return;
        }
        if (end.number("heap") > start.number("heap") + HEAP) {
            violated("more heap than after the start", start, end);
        }
        if (end.number("sessions") > SESSIONS) {
            violated("more sessions than after the start", start, end);
        }
        if (end.number("platform") > start.number("platform") + PLATFORM) {
            violated("more platform threads than after the start", start, end);
        }
        Map<String, Integer> before = kinds(start);
        kinds(end).forEach((kind, count) -> {
            if (count > before.getOrDefault(kind, 0) + (kind.startsWith("forgeloom-leader") ? LEADING : 0)) {
                violated("more threads " + kind + " than after the start", start, end);
            }
        });
    }

    private static Map<String, Integer> kinds(Line line) {
        Map<String, Integer> kinds = new HashMap<>();
        for (String pair : line.get("threads").split(",")) {
            int colon = pair.lastIndexOf(':');
            if (colon > 0) {
                kinds.put(pair.substring(0, colon), Integer.parseInt(pair.substring(colon + 1)));
            }
        }
        return kinds;
    }
}
