package io.forgeloom.changelog;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A named consumer. Immutable, safe for use by many threads.
 *
 * @param whenBehind what becomes of rows that it has not seen when their time is over
 * @param from where a consumer that is new begins; null = behind all that is committed then. Of no effect on one that is known
 */
public record ConsumerOptions(
        WhenBehind whenBehind, @Nullable ChangePosition from) {

    /** What becomes of rows that a consumer has not seen. */
    public enum WhenBehind {
        /** They stay, and the log grows until it comes back or is {@linkplain ChangeLog#dropConsumer dropped}. */
        HOLD,
        /** They go, and the consumer gets a {@link Resync}. */
        EVICT
    }

    /** Holds, and begins now. */
    public static final ConsumerOptions DEFAULTS = new ConsumerOptions(WhenBehind.HOLD, null);

    /** Checks that there is a policy. */
    public ConsumerOptions {
        Objects.requireNonNull(whenBehind, "whenBehind");
    }
}
