package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** A node that is gone or frozen is listed as dead in time, and one that is well as active. */
final class NodesChecker extends Checker {

    private static final long NOTICED_NANOS =
            ChaosNode.DEAD_AFTER.plusSeconds(1).toNanos();

    /** After a fault of the servers nobody could say anything for a while. */
    private static final long SETTLED_NANOS = Duration.ofSeconds(10).toNanos();

    private final Map<String, Line> killed = new HashMap<>();
    private final Map<String, Line> ready = new HashMap<>();
    private long over = Long.MAX_VALUE;

    NodesChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        history().lines("killed").forEach(line -> killed.put(line.get("name"), line));
        history().lines("ready").forEach(line -> ready.put(line.node(), line));
        over = history().lines("quiet").mapToLong(Line::nanos).findFirst().orElse(Long.MAX_VALUE);
        history().lines("nodes").forEach(this::checkList);
    }

    private void checkList(Line line) {
        Map<String, String> list = new HashMap<>();
        for (String pair : line.get("list").split(",")) {
            int colon = pair.indexOf(':');
            if (colon > 0) {
                list.put(pair.substring(0, colon), pair.substring(colon + 1));
            }
        }
        long asked = line.number("asked");
        list.forEach((node, status) -> {
            if (!status.equals("DEAD")) {
                checkAlive(node, asked, line);
            }
        });
        ready.forEach((node, since) -> {
            boolean due = since.nanos() < asked - SETTLED_NANOS
                    && line.nanos() < over
                    && !killed.containsKey(node)
                    && history().calm(Line.slot(node), asked - SETTLED_NANOS, line.nanos());
            if (due && !list.getOrDefault(node, "missing").equals("ACTIVE")) {
                violated(node + " is well, and listed as " + list.get(node), line);
            }
        });
    }

    private void checkAlive(String node, long asked, Line line) {
        Line kill = killed.get(node);
        if (kill != null && asked - kill.nanos() > NOTICED_NANOS) {
            violated(node + " was killed, and is not listed as dead", kill, line);
        }
        for (History.Fault fault : history().faults()) {
            boolean frozen = fault.kind() == Kind.PAUSE && fault.victim().equals(Line.slot(node));
            boolean thisOne = kill == null || kill.nanos() > fault.begin();
            if (frozen && thisOne && asked - fault.begin() > NOTICED_NANOS && line.nanos() < fault.end()) {
                violated(node + " was frozen, and is not listed as dead", line);
            }
        }
    }
}
