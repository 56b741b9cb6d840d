package io.forgeloom.testing.chaos;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** The pool is bounded, by its own count and by the server's, and refuses in time and with a reason. */
final class PoolChecker extends Checker {

    /**
     * Over one the pool asks about the others, over one whether this is the primary; and since it is named among the replicas,
     * too, there is a pool that finds out that it is none, with a session to ask over.
     */
    private static final int BESIDE = 1 + 1 + ChaosNode.REPLICA_POOL + 1;

    /** The machine has other things to do. */
    private static final Duration SLACK = Duration.ofSeconds(1);

    /** Until the server has noticed, or was told, that the client of a session is gone. */
    private static final Duration ORPHANS = Duration.ofSeconds(15);

    PoolChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        Map<String, Line> before = new HashMap<>();
        history().lines("pool").forEach(line -> {
            Line last = before.put(line.node(), line);
            // The numbers are read one after the other: once may be by chance.
            if (isOver(line) && last != null && isOver(last)) {
                violated("more sessions than maxSize, twice in a row", last, line);
            }
        });
        Map<String, Line> counted = new HashMap<>();
        history().lines("sessions").forEach(line -> {
            Line last = counted.put(line.get("name"), line);
            // A start tries several servers at once, and a session that was closed is there for a moment.
            if (last != null && isTooMany(last) && isTooMany(line)) {
                violated("the server has more sessions than maxSize and " + BESIDE + ", twice in a row", last, line);
            }
        });
        history().lines("refused").forEach(this::checkRefusal);
    }

    private static boolean isOver(Line line) {
        return line.number("total") > line.number("max");
    }

    private boolean isTooMany(Line line) {
        return line.number("count") > ChaosNode.POOL + BESIDE
                && history().calm(Line.slot(line.get("name")), line.nanos() - ORPHANS.toNanos(), line.nanos());
    }

    private void checkRefusal(Line line) {
        long took = line.number("ms");
        long from = line.nanos() - took * 1_000_000;
        long stopped = history().stopped(line.slot(), from, line.nanos()) / 1_000_000;
        if (took > ChaosNode.POOL_TIMEOUT.plus(SLACK).toMillis() + stopped) {
            violated("refused after " + took + " ms, and the timeout is " + ChaosNode.POOL_TIMEOUT.toMillis(), line);
        }
        if (line.get("why").isEmpty()) {
            violated("refused without a reason", line);
        }
    }
}
