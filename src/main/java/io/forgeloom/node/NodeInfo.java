package io.forgeloom.node;

import java.time.Duration;
import java.time.Instant;

/**
 * One node as the database knows it. Immutable, safe for use by many threads.
 *
 * @param nodeId its name, of which there is one at a time
 * @param status what it said last, or {@link NodeStatus#DEAD} if that is too long ago
 * @param serviceName of its {@link io.forgeloom.database.Database#serviceName() database}
 * @param host the name of its machine
 * @param pid its process id there
 * @param version of its program; empty if it did not say
 * @param startedAt when it registered, by the database's clock
 * @param heartbeatAt when it was heard of last, by the database's clock
 * @param silence how long ago that was when the database was asked
 */
public record NodeInfo(
        String nodeId,
        NodeStatus status,
        String serviceName,
        String host,
        long pid,
        String version,
        Instant startedAt,
        Instant heartbeatAt,
        Duration silence) {}
