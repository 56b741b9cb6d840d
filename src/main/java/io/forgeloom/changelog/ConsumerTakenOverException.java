package io.forgeloom.changelog;

import io.forgeloom.error.ForgeException;
import java.io.Serial;

/**
 * Another process, or this one at another place, consumes under that name now, or the consumer was dropped: what was to be
 * committed must be rolled back, and this one ends. Safe for use by many threads.
 */
public final class ConsumerTakenOverException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final String consumer;

    ConsumerTakenOverException(String consumer) {
        super(
                "consumer " + consumer
                        + ": another one has taken over under that name, or it was dropped; roll back and end",
                null);
        this.consumer = consumer;
    }

    /** The name. */
    public String consumer() {
        return consumer;
    }
}
