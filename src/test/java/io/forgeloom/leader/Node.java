package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.TestServer;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A process as an election sees it: a database, a bus and an election of its own. */
final class Node implements AutoCloseable {

    static final Duration PATIENCE = Duration.ofSeconds(10);
    static final LeaderRole ROLE = LeaderRole.SCHEDULER;

    final Database database;
    final NotifyBus bus;
    final LeaderElection election;
    final LeaderRole role;
    final BlockingQueue<LeaderEvent> events = new LinkedBlockingQueue<>();

    private Node(TestServer server, LeaderConfig config, LeaderRole... roles) throws InterruptedException {
        database = Database.open(DatabaseConfig.builder(server.url())
                .poolSize(6)
                .serviceName("node")
                .build());
        bus = NotifyBus.of(database);
        role = roles[0];
        election = LeaderElection.of(database, bus, config, roles);
        election.onEvent(events::add);
        bus.start();
        assertTrue(bus.awaitGeneration(1, PATIENCE));
    }

    static void migrate(TestServer server) {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(2).build())) {
            Migrator.builder(db.primary()).build().migrate();
        }
    }

    /** Not started. */
    static Node of(TestServer server, LeaderConfig config, LeaderRole... roles) throws InterruptedException {
        return new Node(server, config, roles.length == 0 ? new LeaderRole[] {ROLE} : roles);
    }

    static Node started(TestServer server, LeaderConfig config, LeaderRole... roles) throws InterruptedException {
        Node node = of(server, config, roles);
        node.election.start();
        return node;
    }

    Leadership leads() throws InterruptedException {
        return election.awaitLeadership(role, PATIENCE).orElseThrow();
    }

    LeaderEvent event() throws InterruptedException {
        LeaderEvent event = events.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        if (event == null) {
            throw new AssertionError("no event");
        }
        return event;
    }

    @Override
    public void close() {
        election.close();
        bus.close();
        database.close();
    }
}
