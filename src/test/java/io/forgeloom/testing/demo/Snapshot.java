package io.forgeloom.testing.demo;

import io.forgeloom.database.PoolStats;
import io.forgeloom.testing.demo.Events.Event;
import io.forgeloom.testing.demo.Outage.ServerState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The demo at one moment: all that a view shows. Immutable.
 *
 * @param elapsedNanos since the load began
 * @param totalNanos that the load is to run
 * @param perSecond commits in the last second
 * @param history commits in equal parts of the whole run, up to now
 * @param serverStateNanos how long the server is in its state
 * @param latest the last event, null before the first
 */
record Snapshot(
        long elapsedNanos,
        long totalNanos,
        long committed,
        long perSecond,
        List<Long> history,
        long errors,
        long unknown,
        long declined,
        long runAgain,
        PoolStats pool,
        ServerState server,
        long serverStateNanos,
        @Nullable Event latest) {}
