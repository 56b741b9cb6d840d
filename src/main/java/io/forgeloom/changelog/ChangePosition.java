package io.forgeloom.changelog;

import io.forgeloom.error.ConfigurationException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A place in the log of one database: everything that one snapshot of it sees lies before, and on the way to the next
 * snapshot a number up to which that was read, too. Its text form is to be stored and read again by {@link #parse}. There
 * is no order among positions. Immutable, safe for use by many threads.
 */
public final class ChangePosition {

    /** Cluster, timeline and log. */
    private final String epoch;

    /** How often the log had been trimmed when {@link #previous} was taken. */
    private final long trims;

    /** All that it sees was read. */
    private final Snapshot previous;

    /** Being read: what this one sees and {@link #previous} does not; null between two batches. */
    private final @Nullable Snapshot current;

    /**
     * The highest number that was read when {@link #previous} was finished. A transaction that begins after a snapshot
     * gets higher numbers than all that the snapshot sees: so up to here there are only rows of those that had begun.
     */
    private final long floor;

    /** Of {@link #current}, all up to here was read; 0 = nothing. */
    private final long last;

    ChangePosition(String epoch, long trims, Snapshot previous, @Nullable Snapshot current, long floor, long last) {
        this.epoch = epoch;
        this.trims = trims;
        this.previous = previous;
        this.current = current;
        this.floor = floor;
        this.last = last;
    }

    /**
     * Reads what {@link #toString()} wrote.
     *
     * @throws ConfigurationException if it is something else
     */
    public static ChangePosition parse(String text) {
        String[] parts = text.split("/", -1);
        if (parts.length != 6) {
            throw new ConfigurationException("position", "\"" + text + "\" is not what a position is written as");
        }
        try {
            return new ChangePosition(
                    parts[0],
                    Long.parseLong(parts[1]),
                    Snapshot.parse(parts[2]),
                    parts[3].isEmpty() ? null : Snapshot.parse(parts[3]),
                    Long.parseLong(parts[4]),
                    Long.parseLong(parts[5]));
        } catch (NumberFormatException e) {
            throw new ConfigurationException("position", "\"" + text + "\" has a number that is none");
        }
    }

    String epoch() {
        return epoch;
    }

    long trims() {
        return trims;
    }

    Snapshot previous() {
        return previous;
    }

    @Nullable
    Snapshot current() {
        return current;
    }

    long floor() {
        return floor;
    }

    long last() {
        return last;
    }

    /** On the way to {@code snapshot}, with nothing of it read. */
    ChangePosition towards(Snapshot snapshot) {
        return new ChangePosition(epoch, trims, previous, snapshot, floor, 0);
    }

    /** On the same way, with all read up to {@code seq}. */
    ChangePosition readUpTo(long seq) {
        return new ChangePosition(epoch, trims, previous, current, floor, seq);
    }

    /** At the end of that way. */
    ChangePosition arrived(long trimsThen) {
        Snapshot reached = Objects.requireNonNull(current, "current");
        return new ChangePosition(epoch, trimsThen, reached, null, Math.max(floor, last), 0);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ChangePosition p && toString().equals(p.toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    /** Letters, digits and {@code -/:,}; some 60 characters, and 20 more for each transaction that was running. */
    @Override
    public String toString() {
        return epoch + "/" + trims + "/" + previous + "/" + (current == null ? "" : current) + "/" + floor + "/" + last;
    }
}
