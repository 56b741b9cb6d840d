package io.forgeloom.testing.demo;

import io.forgeloom.database.PoolStats;
import io.forgeloom.database.ReplicaStatus;
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
 * @param reads what the readers did so far
 * @param bus what the subscribers found so far; {@link BusFindings#NONE} if there are none
 * @param listening whether the bus is connected
 * @param leader how the election stands; {@link LeaderFindings#NONE} if there is none
 * @param changes how far the copy is that follows the change log; {@link ChangeFindings#NONE} if there is none
 * @param runtime how the whole runtime stands; {@link RuntimeFindings#NONE} if there is none
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
        Reads reads,
        BusFindings bus,
        boolean listening,
        LeaderFindings leader,
        ChangeFindings changes,
        RuntimeFindings runtime,
        @Nullable Event latest) {

    /**
     * The reads up to now.
     *
     * @param count of all reads that were answered
     * @param perSecond in the last second
     * @param replicas none if nobody reads
     */
    record Reads(long count, long perSecond, long onPrimary, long stale, long failed, List<Replica> replicas) {}

    /**
     * One replica now.
     *
     * @param status as the database has it
     * @param reads that it answered
     */
    record Replica(ReplicaStatus status, long reads) {}
}
