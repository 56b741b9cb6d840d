package io.forgeloom.notify;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The waits between connects: none after a loss in good health, then 50 and 100 ms, since a server that restarts drops
 * whoever comes while it shuts down, then 500 ms doubling to 30 s, each between a half and the whole of that, so that a
 * server that accepts and drops sees eleven in a minute at most. Forgotten after 30 s of listening, not by a connect: one
 * that dies at once would make a tight loop. Confined to one thread.
 */
final class BusBackoff {

    /** The first bounds, as parts of the first pause that is doubled. */
    private static final int[] EARLY = {10, 5, 1};

    private final BusTiming timing;

    /** Zero: the next attempt is at once. */
    private Duration ceiling = Duration.ZERO;

    BusBackoff(BusTiming timing) {
        this.timing = timing;
    }

    /**
     * How long to wait now.
     *
     * @param listened whether the last attempt came to listen
     * @param nanos how long it and the listening lasted
     */
    Duration next(boolean listened, long nanos) {
        if (listened && nanos >= timing.healthy().toNanos()) {
            ceiling = Duration.ZERO;
        }
        Duration bound = ceiling;
        ceiling = after(bound);
        long most = bound.toNanos();
        return most == 0
                ? Duration.ZERO
                : Duration.ofNanos(ThreadLocalRandom.current().nextLong(most / 2, most + 1));
    }

    private Duration after(Duration bound) {
        Duration first = timing.firstPause();
        for (int divisor : EARLY) {
            Duration early = first.dividedBy(divisor);
            if (bound.compareTo(early) < 0) {
                return early;
            }
        }
        Duration doubled = bound.multipliedBy(2);
        return doubled.compareTo(timing.longestPause()) < 0 ? doubled : timing.longestPause();
    }
}
