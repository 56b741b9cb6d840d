package io.forgeloom.database;

import java.time.Duration;

/**
 * How long a pool bears with connections that should have come back. No options: who writes an application has no reason
 * to choose them, and tests would take minutes with {@link #DEFAULTS}. Immutable.
 *
 * @param endedHolder a session that nobody uses and whose holder's thread has ended is taken back after this, if others
 *     wait for one
 * @param cleaning for each answer of the server while a released session is cleaned, and for all of the cleaning where
 *     the driver's connection was unwrapped
 */
record Patience(Duration endedHolder, Duration cleaning) {

    /** 5 s each, as {@link ConnectionPool} says. */
    static final Patience DEFAULTS = new Patience(Duration.ofSeconds(5), Duration.ofSeconds(5));
}
