package io.forgeloom.node;

import io.forgeloom.internal.concurrent.Deadline;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Where a node answers for itself. The thread of its heartbeats alone. */
interface Roll {

    /**
     * What came of a heartbeat.
     *
     * @param recorded false if another process has the name
     * @param silence how long nothing was heard of this incarnation before; null if it was new there
     * @param dead who was found to be dead meanwhile, and not by others before
     */
    record Answer(boolean recorded, @Nullable Duration silence, List<Silent> dead) {}

    /** A node of which nothing was heard for too long. */
    record Silent(String nodeId, String serviceName, String host, long pid, Duration silence) {}

    /**
     * One heartbeat.
     *
     * @param first whether it takes the name, whoever has it; otherwise only from one that is dead
     */
    Answer beat(UUID incarnation, NodeStatus status, boolean first, Deadline deadline) throws SQLException;

    /** The node is no more, if the name is still this incarnation's. */
    void leave(UUID incarnation, Deadline deadline) throws SQLException;
}
