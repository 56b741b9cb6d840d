package io.forgeloom.database;

import java.time.Duration;

/**
 * How far a replica was behind the primary when both were last asked. Immutable, safe for use by many threads.
 *
 * <p>It is measured on the clock of this process alone, against positions of the primary's log that it was seen to have
 * reached: what a replica has received, and has replayed of that, would say nothing once it is cut off from the primary.
 *
 * @param time for how long the primary had had something that the replica had not replayed; zero if it had replayed all,
 *     however long ago the primary wrote last. Exact to the time between two looks at the primary: a quarter of
 *     {@link ReplicaOptions#maxLag()}, or {@link ReplicaOptions#probeInterval()} without that bound; and to a sixteenth of
 *     itself
 * @param atLeast whether it may be more than {@code time}: what the primary had written when this process first asked it is
 *     not replayed, and nobody here knows since when that was there
 * @param bytes of log that the primary had written and the replica had not replayed
 * @param age how old this is by now; it grows while one of the two cannot be asked, and counts as lag for the bound
 */
public record ReplicaLag(Duration time, boolean atLeast, long bytes, Duration age) {

    /** How far behind the replica may be by now, if it has replayed nothing since; with {@link #atLeast} even more. */
    public Duration atMost() {
        return time.plus(age);
    }

    @Override
    public String toString() {
        return (atLeast ? "at least " : "") + time.toMillis() + " ms and " + bytes + " bytes behind the primary, "
                + age.toMillis() + " ms ago";
    }
}
