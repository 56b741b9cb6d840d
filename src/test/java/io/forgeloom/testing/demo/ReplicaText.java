package io.forgeloom.testing.demo;

import io.forgeloom.database.ReplicaLag;
import io.forgeloom.database.ReplicaStatus;
import java.util.Locale;

/** How both views say what a replica is doing. */
final class ReplicaText {

    private ReplicaText() {}

    static String state(ReplicaStatus status) {
        return status.state().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    static String share(long reads, long all) {
        return String.format(Locale.ROOT, "%.0f %%", 100.0 * reads / Math.max(1, all));
    }

    /** With a gap before it; nothing if it is not known. */
    static String lag(ReplicaStatus status) {
        ReplicaLag lag = status.lag();
        return lag == null
                ? ""
                : String.format(Locale.ROOT, "  lag %,d ms, %,d kB", lag.time().toMillis(), lag.bytes() / 1024);
    }
}
