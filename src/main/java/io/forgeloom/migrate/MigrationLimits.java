package io.forgeloom.migrate;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;

/**
 * How long a run waits for what.
 *
 * @param lockWait for another run to end
 * @param lockTimeout for a lock of the database, in a transaction
 * @param retryTimeout how long a file that met a lock timeout is begun again
 * @param statementTimeout of a statement in a transaction
 * @param looseStatementTimeout of a statement without one
 * @param idleTimeout how long the server keeps the session, and the lock with it, of a process that says nothing
 */
record MigrationLimits(
        Duration lockWait,
        Duration lockTimeout,
        Duration retryTimeout,
        Duration statementTimeout,
        Duration looseStatementTimeout,
        Duration idleTimeout) {

    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final Duration DAY = Duration.ofDays(1);

    static final MigrationLimits DEFAULT = new MigrationLimits(
            Duration.ofSeconds(300),
            Duration.ofSeconds(5),
            Duration.ofMinutes(5),
            Duration.ofMinutes(5),
            Duration.ofMinutes(30),
            Duration.ofMinutes(1));

    MigrationLimits {
        ConfigurationException.requireBetween("lockWait", lockWait, Duration.ZERO, DAY);
        // 0 would be forever to the server.
        ConfigurationException.requireBetween("lockTimeout", lockTimeout, MILLISECOND, DAY);
        ConfigurationException.requireBetween("retryTimeout", retryTimeout, Duration.ZERO, DAY);
        ConfigurationException.requireBetween("statementTimeout", statementTimeout, MILLISECOND, DAY);
        ConfigurationException.requireBetween("looseStatementTimeout", looseStatementTimeout, MILLISECOND, DAY);
        ConfigurationException.requireBetween("idleTimeout", idleTimeout, MILLISECOND, DAY);
    }
}
