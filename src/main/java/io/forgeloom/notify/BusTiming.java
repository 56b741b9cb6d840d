package io.forgeloom.notify;

import java.time.Duration;

/**
 * How long the bus waits for what; tests have a faster one. Immutable, safe for use by many threads.
 *
 * @param slice as long as the bus's thread stays in the driver at a time
 * @param silence after which the server is asked
 * @param answer how long it may take to answer, and how long a message that has begun may take to end
 * @param probeInterval the queue's usage is asked for so often also where it is never silent
 * @param watchInterval between two looks at whether an answer is late; it takes two
 * @param firstPause between the fourth connect in a row and the fifth; it doubles
 * @param longestPause the end of that
 * @param healthy as long as a session must have listened for the pauses to be forgotten
 */
record BusTiming(
        Duration slice,
        Duration silence,
        Duration answer,
        Duration probeInterval,
        Duration watchInterval,
        Duration firstPause,
        Duration longestPause,
        Duration healthy) {

    static final BusTiming DEFAULTS = new BusTiming(
            Duration.ofMillis(250),
            Duration.ofSeconds(2),
            Duration.ofSeconds(1),
            Duration.ofSeconds(15),
            Duration.ofMillis(100),
            Duration.ofMillis(500),
            Duration.ofSeconds(30),
            Duration.ofSeconds(30));

    /** All of it so many times faster. */
    BusTiming dividedBy(int divisor) {
        return new BusTiming(
                slice.dividedBy(divisor),
                silence.dividedBy(divisor),
                answer.dividedBy(divisor),
                probeInterval.dividedBy(divisor),
                watchInterval.dividedBy(divisor),
                firstPause.dividedBy(divisor),
                longestPause.dividedBy(divisor),
                healthy.dividedBy(divisor));
    }
}
