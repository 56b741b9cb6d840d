package io.forgeloom.node;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import java.time.Duration;

/** A node in a process of its own, active until it is ended: URL, node id, interval and silence in ms. */
final class NodeProgram {

    private NodeProgram() {}

    public static void main(String[] args) throws InterruptedException {
        NodeConfig config = NodeConfig.builder()
                .nodeId(args[1])
                .heartbeatInterval(Duration.ofMillis(Long.parseLong(args[2])))
                .deadAfter(Duration.ofMillis(Long.parseLong(args[3])))
                .build();
        try (Database database = Database.open(
                        DatabaseConfig.builder(args[0]).poolSize(2).build());
                NodeRegistry registry = NodeRegistry.of(database, config)) {
            registry.start();
            registry.ready();
            Thread.sleep(Duration.ofMinutes(10));
        }
    }
}
