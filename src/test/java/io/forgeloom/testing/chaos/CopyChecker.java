package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * A copy that is kept by what the log says is the table in the end; of each row the changes come in their order, each once; and
 * who looks often enough is never told that it is too late.
 */
final class CopyChecker extends Checker {

    /** A sixtieth of a retention below an hour stays in any case; a little less, since the look takes time. */
    private static final Duration GRACE =
            ChaosNode.RETENTION.dividedBy(60).multipliedBy(9).dividedBy(10);

    private final Map<String, Line> copied = new HashMap<>();
    private final Map<String, Map<String, Line>> seen = new HashMap<>();
    private final Map<String, Map<String, Long>> numbers = new HashMap<>();

    CopyChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        for (Line line : history().lines()) {
            switch (line.event()) {
                case "copied" -> {
                    copied.put(line.node(), line);
                    seen.put(line.node(), new HashMap<>());
                    numbers.put(line.node(), new HashMap<>());
                }
                case "followed" -> checkOrder(line);
                case "resync" -> checkResync(line);
                case "copy" -> checkCopy(line);
                default -> {}
            }
        }
    }

    private void checkOrder(Line line) {
        for (String pair : line.get("rows").split(",")) {
            String[] row = pair.split(":");
            Long before = numbers.get(line.node()).put(row[0], Long.parseLong(row[1]));
            Line earlier = seen.get(line.node()).put(row[0], line);
            if (before != null && earlier != null && before >= Long.parseLong(row[1])) {
                violated("row " + row[0] + " was at " + before + " and comes with " + row[1], earlier, line);
            }
        }
    }

    private void checkResync(Line line) {
        Line since = copied.get(line.node());
        if (!line.get("who").equals("copy") || since == null) {
            return;
        }
        if (line.get("cause").equals("OTHER_HISTORY")) {
            if (!history().promoted(since.nanos(), line.nanos())) {
                violated("told of another history, and nothing was promoted", since, line);
            }
        } else if (line.number("idle") < GRACE.toMillis()) {
            violated("told that rows were trimmed, having looked " + line.get("idle") + " ms before", since, line);
        }
    }

    private void checkCopy(Line line) {
        Map<String, String> copy = new HashMap<>();
        for (String pair : line.get("is").split(",")) {
            if (!pair.isEmpty()) {
                String[] row = pair.split(":");
                copy.put(row[0], row[1]);
            }
        }
        Map<String, String> table = history().state().followed;
        if (!copy.equals(table)) {
            Map<String, String> different = new HashMap<>(table);
            different.entrySet().removeIf(row -> row.getValue().equals(copy.get(row.getKey())));
            violated("the copy is not the table; the table has, for one, " + different, line);
        }
    }
}
