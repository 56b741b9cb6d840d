package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A read after a commit's position shows that commit; no read is older than {@code maxLag}; and no user's read is tried on a
 * replica that has been down for a while.
 */
final class ReadsChecker extends Checker {

    /** Exact to a quarter of it, and what confirms a commit tells of it a moment later. */
    static final Duration OLDEST =
            ChaosNode.MAX_LAG.multipliedBy(5).dividedBy(4).plusMillis(200);

    /** By then each node has met the death of a server, or was told of it. */
    static final Duration KNOWN = Duration.ofSeconds(3);

    /** By slot: when which number was confirmed. */
    private final Map<String, TreeMap<Long, Line>> beats = new HashMap<>();

    ReadsChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        history()
                .lines("beat")
                .forEach(line -> beats.computeIfAbsent(line.slot(), slot -> new TreeMap<>())
                        .put(line.nanos(), line));
        Map<String, Line> down = new HashMap<>();
        for (Line line : history().lines()) {
            switch (line.event()) {
                case "down" -> down.put(line.get("server"), line);
                case "up" -> down.remove(line.get("server"));
                case "unread" -> checkServer(line, down.get(line.get("server")));
                case "read" -> checkRead(line);
                default -> {}
            }
        }
    }

    private void checkServer(Line line, @Nullable Line down) {
        if (down != null && line.number("begin") - down.nanos() > KNOWN.toNanos()) {
            violated("a read was tried on a server that had been down for " + KNOWN.toMillis() + " ms", down, line);
        }
    }

    private void checkRead(Line line) {
        if (line.get("what").equals("own")) {
            if (!line.get("found").equals("1")) {
                violated("a read after the position of its own commit does not show it", line);
            }
            return;
        }
        long bound = line.number("begin") - OLDEST.toNanos();
        for (String pair : line.get("found").split(",")) {
            String[] found = pair.split(":");
            TreeMap<Long, Line> confirmed = beats.get(found[0]);
            Map.Entry<Long, Line> due = confirmed == null ? null : confirmed.floorEntry(bound);
            if (due != null && due.getValue().number("k") > Long.parseLong(found[1])) {
                violated(
                        "a read shows what was outdated " + OLDEST.toMillis() + " ms before it began",
                        due.getValue(),
                        line);
            }
        }
    }
}
