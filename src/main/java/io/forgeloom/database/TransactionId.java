package io.forgeloom.database;

import io.forgeloom.error.ConfigurationException;
import java.io.Serializable;

/**
 * Names one transaction of one history of a database: PostgreSQL's 64-bit transaction id, and the timeline on which it
 * was given, since after a promotion or a restore the same number may be another transaction. Has a text form,
 * {@code timeline/id}. Immutable, safe for use by many threads.
 *
 * @param timeline the timeline as eight hexadecimal digits
 * @param id the id as {@code pg_current_xact_id()} returns it, at least 3
 */
public record TransactionId(String timeline, long id) implements Serializable {

    /** Checks the form. */
    public TransactionId {
        if (!timeline.matches("[0-9A-F]{8}") || id < 3) {
            throw new ConfigurationException(
                    "transactionId", timeline + "/" + id + " is not eight hexadecimal digits and a number from 3 on");
        }
    }

    /**
     * Reads what {@link #toString()} wrote.
     *
     * @throws ConfigurationException if it is something else
     */
    public static TransactionId parse(String text) {
        int slash = text.indexOf('/');
        try {
            return new TransactionId(text.substring(0, Math.max(slash, 0)), Long.parseLong(text.substring(slash + 1)));
        } catch (NumberFormatException e) {
            throw new ConfigurationException("transactionId", "\"" + text + "\" is not of the form timeline/id");
        }
    }

    @Override
    public String toString() {
        return timeline + "/" + id;
    }
}
