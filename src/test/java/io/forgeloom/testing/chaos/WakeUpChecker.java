package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What was given to {@code publishSoon} in a transaction comes after its commit, unless the process died or the subscriber was
 * told of a gap; and never after a rollback.
 */
final class WakeUpChecker extends Checker {

    /** An outage may hold one up for so long. */
    private static final long LATEST_NANOS = Duration.ofSeconds(60).toNanos();

    private static final long EARLY_NANOS = Duration.ofSeconds(1).toNanos();

    /** One that is killed soon after may not have told what it heard. */
    private static final class Subscriber {
        private final Set<String> heard = new HashSet<>();
        private final List<Line> excuses = new ArrayList<>();
        private long from;
        private long until;
        private boolean killed;
    }

    private final Map<String, Subscriber> subscribers = new HashMap<>();

    WakeUpChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        Map<String, Line> refused = new HashMap<>();
        history()
                .lines("tx")
                .filter(line -> line.get("fate").equals("no"))
                .forEach(line -> refused.put(line.node() + "/" + line.get("n"), line));
        history().lines().stream()
                .filter(line -> line.get("sub", "").equals("fast"))
                .forEach(line -> hear(line, refused));
        history()
                .lines("tx")
                .filter(line ->
                        line.get("fate").equals("committed") && !history().wasKilled(line.node()))
                .forEach(line -> subscribers.forEach((node, subscriber) -> requireHeard(line, node, subscriber)));
    }

    private void hear(Line line, Map<String, Line> refused) {
        Subscriber subscriber = subscribers.computeIfAbsent(line.node(), node -> new Subscriber());
        subscriber.until = line.nanos();
        subscriber.killed = history().wasKilled(line.node());
        switch (line.event()) {
            case "subscribed" -> subscriber.from = line.nanos();
            case "soon" -> {
                subscriber.heard.add(line.get("what"));
                Line no = refused.get(line.get("what"));
                if (no != null) {
                    violated("a wake-up of a transaction that was rolled back", no, line);
                }
            }
            case "gap", "lagged" -> subscriber.excuses.add(line);
            default -> {}
        }
    }

    private void requireHeard(Line sent, String node, Subscriber subscriber) {
        long at = sent.nanos();
        long begun = at - sent.number("ms") * 1_000_000;
        boolean there = subscriber.from < begun && at < subscriber.until - (subscriber.killed ? LATEST_NANOS : 0);
        if (!there || subscriber.heard.contains(sent.node() + "/" + sent.get("n"))) {
            return;
        }
        boolean excused = subscriber.excuses.stream()
                .anyMatch(gap -> gap.nanos() > at - EARLY_NANOS && gap.nanos() < at + LATEST_NANOS);
        if (!excused) {
            violated(node + " never heard of this, nor of a gap", sent);
        }
    }
}
