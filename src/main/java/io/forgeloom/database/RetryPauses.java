package io.forgeloom.database;

import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.pg.PgConnector;
import java.time.Duration;

/**
 * How long an opener waits after a failed connect, by what failed and for how long nothing has succeeded. Confined to one
 * thread.
 */
final class RetryPauses {

    // What waits for a session shall not wait much longer than the server needs, and a process must not hammer. Where
    // nobody listens, or the server says that it starts, an attempt costs the server little or nothing, and one soon
    // will succeed: for as long as a restart takes they stay so close that the bus listens 150 ms after the server
    // accepts. They cost this process the less the longer it lasts, see PgConnector.isStillRefused. A server that takes
    // the connection and fails is at work for each, and nothing says that it will get better.

    private static final Duration RESTART = Duration.ofMinutes(1);
    private static final Duration EARLY = Duration.ofSeconds(10);
    private static final Duration EARLY_PAUSE = Duration.ofMillis(150);

    private final Backoff earlyRestart = new Backoff(Duration.ofMillis(25), Duration.ofMillis(75));
    private final Backoff restart = new Backoff(Duration.ofMillis(90), Duration.ofMillis(120));
    private final Backoff early = new Backoff(Duration.ofMillis(50), EARLY_PAUSE);
    private final Backoff late = new Backoff(EARLY_PAUSE, Duration.ofSeconds(1));

    /**
     * The pause in nanoseconds.
     *
     * @param failure of the last attempt
     * @param outage since the first of the attempts in a row that failed, in nanoseconds
     */
    long nextNanos(Throwable failure, long outage) {
        boolean isEarly = outage < EARLY.toNanos();
        Backoff backoff;
        if (PgConnector.foundNobody(failure) && outage < RESTART.toNanos()) {
            backoff = isEarly ? earlyRestart : restart;
        } else {
            backoff = isEarly ? early : late;
        }
        return backoff.nextNanos();
    }
}
