package io.forgeloom.changelog;

import io.forgeloom.error.ConfigurationException;
import java.util.Arrays;

/**
 * Which transactions had ended at one moment: PostgreSQL's {@code pg_snapshot}, with xids of 64 bits that never wrap, and
 * which may have begun. Immutable, safe for use by many threads.
 *
 * <p>The {@code xmax} of a snapshot is one more than the highest xid that has <i>ended</i>: from there on transactions may
 * be running, too, up to {@link #next()}, and none of them is among those that it lists.
 */
final class Snapshot {

    /** Sees nothing. */
    static final Snapshot NOTHING = new Snapshot(1, 1, new long[0], 1);

    private final long xmin;
    private final long xmax;

    /** Those that ran between the two, ascending. */
    private final long[] running;

    private final long next;

    private Snapshot(long xmin, long xmax, long[] running, long next) {
        this.xmin = xmin;
        this.xmax = xmax;
        this.running = running;
        this.next = next;
    }

    /** Reads {@code xmin:xmax:xip,xip,…:next}; without the last, it is {@code xmax}. */
    static Snapshot parse(String text) {
        String[] parts = text.split(":", -1);
        try {
            long[] running = parts[2].isEmpty()
                    ? new long[0]
                    : Arrays.stream(parts[2].split(","))
                            .mapToLong(Long::parseLong)
                            .toArray();
            Snapshot snapshot = new Snapshot(
                    Long.parseLong(parts[0]),
                    Long.parseLong(parts[1]),
                    running,
                    Long.parseLong(parts[parts.length == 3 ? 1 : 3]));
            if (parts.length <= 4 && snapshot.isValid()) {
                return snapshot;
            }
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            // Said below.
        }
        throw new ConfigurationException("position", "\"" + text + "\" is no snapshot, as 100:105:101,103:106");
    }

    private boolean isValid() {
        long before = xmin - 1;
        for (long xid : running) {
            if (xid <= before || xid >= xmax) {
                return false;
            }
            before = xid;
        }
        return xmin > 0 && xmax >= xmin && next >= xmax;
    }

    /** All below it had ended. */
    long xmin() {
        return xmin;
    }

    /** None from here on had ended. */
    long xmax() {
        return xmax;
    }

    /** None from here on had begun. */
    long next() {
        return next;
    }

    /** Those that ran between the two, ascending; not to be written to. */
    long[] running() {
        return running;
    }

    /** Whether the transaction had ended; what it did is seen if it committed. */
    boolean sees(long xid) {
        return xid < xmin || (xid < xmax && Arrays.binarySearch(running, xid) < 0);
    }

    /** Those that ran here and that {@code later} sees. */
    long[] endedBy(Snapshot later) {
        return Arrays.stream(running).filter(later::sees).toArray();
    }

    /** Whether one that ran here, at most {@code highest}, is seen by {@code later}. */
    boolean anyEndedBy(Snapshot later, long highest) {
        return Arrays.stream(running).anyMatch(xid -> xid <= highest && later.sees(xid));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Snapshot s
                && xmin == s.xmin
                && xmax == s.xmax
                && next == s.next
                && Arrays.equals(running, s.running);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(xmin * 31 + xmax) * 31 + Arrays.hashCode(running);
    }

    /** Whether both see the same. */
    boolean seesAs(Snapshot other) {
        return xmin == other.xmin && xmax == other.xmax && Arrays.equals(running, other.running);
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        return sql() + ":" + next;
    }

    /** As PostgreSQL writes it. */
    String sql() {
        StringBuilder text =
                new StringBuilder().append(xmin).append(':').append(xmax).append(':');
        for (int i = 0; i < running.length; i++) {
            text.append(i == 0 ? "" : ",").append(running[i]);
        }
        return text.toString();
    }
}
