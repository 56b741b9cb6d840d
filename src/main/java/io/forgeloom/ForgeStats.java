package io.forgeloom;

import io.forgeloom.database.PoolStats;
import io.forgeloom.database.ReplicaStatus;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.node.NodeStatus;
import io.forgeloom.notify.BusStats;
import java.util.List;
import java.util.Set;

/**
 * Figures of this process, without I/O. What the database knows, {@link io.forgeloom.changelog.ChangeLog#stats()} and
 * {@link io.forgeloom.node.NodeRegistry#nodes()} ask it. Immutable, safe for use by many threads.
 *
 * @param nodeId who this is, to the others
 * @param node what the others are told
 * @param primary the primary's pool
 * @param replicas each replica, with its pool
 * @param bus the notify bus
 * @param leads the roles that this process has now
 */
public record ForgeStats(
        String nodeId,
        NodeStatus node,
        PoolStats primary,
        List<ReplicaStatus> replicas,
        BusStats bus,
        Set<LeaderRole> leads) {

    /** Copies the collections. */
    public ForgeStats {
        replicas = List.copyOf(replicas);
        leads = Set.copyOf(leads);
    }
}
