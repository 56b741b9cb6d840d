package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeInfo;
import io.forgeloom.node.NodeRegistry;
import io.forgeloom.node.NodeStatus;
import java.util.List;
import java.util.concurrent.BlockingQueue;

/** A process that the others know of. */
final class Registering {

    private Registering() {}

    /** Is there until an element of {@code until} ends it. */
    static void run(Database db, Runnable open, BlockingQueue<String> until) throws InterruptedException {
        // @start region="register"
        NodeConfig config = NodeConfig.builder().version("1.4.2").build();
        try (NodeRegistry registry = NodeRegistry.of(db, config)) {
            registry.start(); // joining
            open.run();
            registry.ready(); // active
            until.take(); // until the program ends
            registry.drain(); // the others send nothing here any more; closing takes it off the list
        }
        // @end
    }

    /** Who works. */
    static List<NodeInfo> active(NodeRegistry registry) {
        return registry.nodes().stream()
                .filter(node -> node.status() == NodeStatus.ACTIVE)
                .toList();
    }
}
