package io.forgeloom.notify;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The waits between connects: none after a loss in good health, then 100 ms, since a server that restarts drops whoever
 * comes while it shuts down, then 500 ms doubling to 30 s, each between a half and the whole of that, so that a server that accepts and drops sees no more than eleven in a minute. Forgotten after 30 s of
 * listening, not by a connect: one that dies at once would make a tight loop. Confined to one thread.
 */
final class BusBackoff {

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
        Duration early = timing.firstPause().dividedBy(5);
        Duration doubled =
                ceiling.isZero() ? early : ceiling.equals(early) ? timing.firstPause() : ceiling.multipliedBy(2);
        ceiling = doubled.compareTo(timing.longestPause()) < 0 ? doubled : timing.longestPause();
        long most = bound.toNanos();
        return most == 0
                ? Duration.ZERO
                : Duration.ofNanos(ThreadLocalRandom.current().nextLong(most / 2, most + 1));
    }
}
