package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.PgConnector;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * When to leave a server in peace that takes connections and drops them. Every connect of a pool counts, whoever makes it;
 * who connects for the pool's own sake, to end a backend or to ask about silent sessions, waits until somebody's has
 * succeeded, or tries rarely. Safe for use by many threads.
 */
final class HoldOff {

    // Only what shows no server counts: nobody who refuses is worn out by being asked, and who answers with an error is
    // there. After each number of failures the pause is longer than that of the notify bus, whose own connects move it
    // on: beside a bus there is one connect of this kind in an outage, and without one there are six in a minute.

    private static final long FIRST = Duration.ofSeconds(1).toNanos();
    private static final int LAST_DOUBLING = 5;

    /** So many in a row, and the {@link System#nanoTime()} until which to wait. */
    private record Drops(int count, long until) {}

    private final AtomicReference<@Nullable Drops> drops = new AtomicReference<>();

    /** A connect succeeded, or an answer came. */
    void succeeded() {
        if (drops.get() != null) {
            drops.set(null);
        }
    }

    /** A connect failed, or a session without having answered. */
    void failed(SQLException failure) {
        String state = SqlState.of(failure);
        boolean dropped = (state == null || state.startsWith("08")) && !PgConnector.foundNobody(failure);
        if (dropped) {
            long now = System.nanoTime();
            drops.updateAndGet(before -> {
                int count = before == null ? 0 : before.count;
                return new Drops(count + 1, now + (FIRST << Math.min(count, LAST_DOUBLING)));
            });
        }
    }

    boolean isActive() {
        Drops now = drops.get();
        return now != null && System.nanoTime() - now.until < 0;
    }
}
