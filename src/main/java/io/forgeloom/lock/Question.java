package io.forgeloom.lock;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/** One round trip with a limit. */
@FunctionalInterface
interface Question<T> {

    T ask(Connection connection) throws SQLException;

    /**
     * Asks, and gives up after {@code limit}, which ends the session (class 08). An interrupt that is pending would close
     * the socket of a virtual thread at the first byte and lose the lock for nothing, so it is put off for the round trip;
     * one that arrives during it does end the session there: that is the JDK's rule.
     */
    static <T> T within(Duration limit, Connection connection, Question<T> question) throws SQLException {
        boolean interrupted = Thread.interrupted();
        try {
            int before = connection.getNetworkTimeout();
            // 0 is forever to JDBC.
            connection.setNetworkTimeout(Runnable::run, Math.clamp(limit.toMillis(), 1, Integer.MAX_VALUE));
            try {
                return question.ask(connection);
            } finally {
                // Also after an error that the session survives; the driver closes one that gave no answer.
                if (!connection.isClosed()) {
                    connection.setNetworkTimeout(Runnable::run, before);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
