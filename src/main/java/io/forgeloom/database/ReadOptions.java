package io.forgeloom.database;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How a read is run: after which commit, and whether it may be run again elsewhere. Immutable, safe for use by many
 * threads.
 *
 * <pre>{@code
 * ReadOptions.after(position).waitAtMost(Duration.ofSeconds(1)).notRepeatable()
 * }</pre>
 *
 * @param after what the read must show; null for whatever the replica has. Defaults to null
 * @param waitAtMost how long to wait for a replica to get there, {@link Duration#ZERO} to a day. Then the read goes to the
 *     primary; so it does at once with ZERO = off, unless the first replicas that are asked have it. No connection is held
 *     meanwhile. Defaults to 100 ms, which a replica that follows at all keeps as a rule
 * @param repeatable whether the function may be called a second time, on another server, if the connection died or the
 *     replica cancelled it for the sake of its recovery before the function saw a row. Defaults to true
 */
public record ReadOptions(@Nullable CommitPosition after, Duration waitAtMost, boolean repeatable) {

    /** Every default: from any replica, as it is. */
    public static final ReadOptions DEFAULTS = new ReadOptions(null, Duration.ofMillis(100), true);

    /**
     * Checks each option.
     *
     * @throws io.forgeloom.error.ConfigurationException naming the option, the value and the bound
     */
    public ReadOptions {
        requireBetween("waitAtMost", waitAtMost, Duration.ZERO, Duration.ofDays(1));
    }

    /** A read that shows everything that was committed up to {@code position}; all else as by default. */
    public static ReadOptions after(CommitPosition position) {
        return new ReadOptions(Objects.requireNonNull(position, "position"), DEFAULTS.waitAtMost, true);
    }

    /** The same with another {@link #waitAtMost()}. */
    public ReadOptions waitAtMost(Duration limit) {
        return new ReadOptions(after, limit, repeatable);
    }

    /** The same for a function that is to be called once at most. */
    public ReadOptions notRepeatable() {
        return new ReadOptions(after, waitAtMost, false);
    }
}
