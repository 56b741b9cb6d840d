package io.forgeloom.node;

import static io.forgeloom.node.NodeFixture.fast;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.MessageCount;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What a node says of itself, and what is seen of it. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class NodeRegistryTest {

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void nodeJoinsWorksDrainsAndIsGone(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        // So slow that what is seen was said at once.
        NodeConfig config = NodeConfig.builder()
                .nodeId("a")
                .version("1.4.2")
                .heartbeatInterval(Duration.ofMinutes(10))
                .deadAfter(Duration.ofMinutes(30))
                .build();
        try (NodeFixture a = new NodeFixture(server, config)) {
            assertEquals(NodeStatus.JOINING, a.registry.status());
            assertEquals(List.of(), a.registry.nodes());
            a.registry.start();
            a.awaitSeen("a joining");
            NodeInfo joined = a.registry.nodes().getFirst();
            assertEquals("nodes", joined.serviceName());
            assertEquals("1.4.2", joined.version());
            assertEquals(ProcessHandle.current().pid(), joined.pid());
            assertFalse(joined.host().isBlank());
            assertEquals(joined.startedAt(), joined.heartbeatAt());
            assertTrue(joined.silence().compareTo(Duration.ofSeconds(20)) < 0, joined.toString());

            a.registry.ready();
            assertEquals(NodeStatus.ACTIVE, a.registry.status());
            a.awaitSeen("a active");
            NodeInfo active = a.registry.nodes().getFirst();
            assertEquals(joined.startedAt(), active.startedAt());
            assertTrue(active.heartbeatAt().isAfter(joined.heartbeatAt()));

            a.registry.drain();
            a.awaitSeen("a draining");
            a.registry.ready();
            assertEquals(NodeStatus.DRAINING, a.registry.status());

            a.registry.stop();
            assertEquals(List.of(), a.registry.nodes());
            assertEquals(NodeStatus.DRAINING, a.registry.status());
            a.registry.start();
            a.awaitSeen("a joining");
            assertTrue(a.registry.nodes().getFirst().startedAt().isAfter(active.heartbeatAt()));
            a.registry.close();
            assertEquals(List.of(), NodeFixture.seen(a.database));
            assertThrows(IllegalStateException.class, a.registry::start);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void silentNodesAreSeenDeadByAllMarkedByOneAndRemovedAfterADay(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        NodeFixture.insert(server, "fresh", "active", "5 s");
        NodeFixture.insert(server, "old", "dead", "25 h");
        NodeFixture.insert(server, "older, never marked", "draining", "50 h");
        NodeFixture.insert(server, "silent", "active", "16 s");
        try (NodeFixture a = new NodeFixture(server, fast("a").build())) {
            List<String> before = List.of("fresh active", "old dead", "older, never marked dead", "silent dead");
            assertEquals(before, NodeFixture.seen(a.database));
            // Seen without anybody's having written it.
            assertEquals("active", server.query("SELECT status FROM forge_nodes WHERE node_id = 'silent'"));
            a.registry.start();
            Await.until(
                    "removal",
                    () -> NodeFixture.seen(a.database).equals(List.of("a joining", "fresh active", "silent dead")));
            Await.until(
                    "mark",
                    () -> "dead".equals(server.query("SELECT status FROM forge_nodes WHERE node_id = 'silent'")));
        }
    }

    /** Two that find each other dead, and everybody at once where a serializable transaction is the default. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void heartbeatsAreNotInEachOthersWay(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        server.execute("ALTER DATABASE " + server.name() + " SET default_transaction_isolation = 'serializable'");
        List<NodeFixture> nodes = new ArrayList<>();
        try (NodeFixture.Log log = new NodeFixture.Log()) {
            for (int i = 0; i < 4; i++) {
                nodes.add(new NodeFixture(
                        server,
                        fast("crowd-" + i)
                                .heartbeatInterval(Duration.ofMillis(10))
                                .deadAfter(Duration.ofSeconds(15))
                                .build()));
                nodes.getLast().registry.start();
            }
            for (int round = 0; round < 10; round++) {
                server.execute("BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE forge_nodes SET heartbeat_at ="
                        + " clock_timestamp() - interval '1 minute'; COMMIT");
                Await.until(
                        "all joining again",
                        () -> NodeFixture.seen(nodes.getFirst().database).stream()
                                .allMatch(node -> node.endsWith(" joining")));
            }
            assertEquals(List.of(), log.lines("node crowd", "could not say"));
        } finally {
            nodes.forEach(NodeFixture::close);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void heartbeatAtRestIsOneStatement(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        try (MessageCount wire = new MessageCount(server);
                Database db = Database.open(
                        DatabaseConfig.builder(wire.url()).poolSize(1).build());
                NodeRegistry registry = NodeRegistry.of(db, fast("a").build())) {
            registry.start();
            Await.until(
                    "a heartbeat",
                    () -> registry.status() == NodeStatus.JOINING
                            && !registry.nodes().isEmpty());
            // Prepared by then, so that its text is not sent any more.
            Thread.sleep(500);
            List<String> unused = wire.take();
            long begun = System.nanoTime();
            List<String> said = new ArrayList<>();
            Await.until("some heartbeats", () -> {
                Thread.sleep(500);
                said.addAll(wire.take());
                return !said.isEmpty();
            });
            long most = (System.nanoTime() - begun) / 50_000_000 + 2;
            assertTrue(said.size() <= most, said::toString);
            assertTrue(
                    said.stream().allMatch(text -> text.isEmpty() || text.startsWith("INSERT INTO")), said::toString);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void laterOfTwoWithOneNameHasItAndTheEarlierComesBackAfterIt(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        NodeConfig.Builder config = fast("twin").deadAfter(Duration.ofMillis(1_500));
        try (NodeFixture.Log log = new NodeFixture.Log();
                NodeFixture a = new NodeFixture(server, config.version("1").build())) {
            a.registry.start();
            a.registry.ready();
            a.awaitSeen("twin active");
            try (NodeFixture b = new NodeFixture(server, config.version("2").build())) {
                b.registry.start();
                log.await("WARNING", "another process has registered as node twin after this one");
                Await.until("silence of the earlier", () -> a.registry.status() == NodeStatus.DEAD);
                assertEquals("2", b.registry.nodes().getFirst().version());
                assertEquals(List.of("twin joining"), NodeFixture.seen(b.database));
                assertEquals(1, log.lines("node twin after this one").size());
                // The earlier one's end takes nothing from the later one.
                b.registry.stop();
                a.awaitSeen("twin active");
                b.registry.start();
                Await.until(
                        "the later one",
                        () -> "2".equals(a.registry.nodes().getFirst().version()));
                a.registry.stop();
                assertEquals(List.of("twin joining"), NodeFixture.seen(b.database));
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void stopsAtRandomMomentsAndByManyLeaveNoRow(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        NodeConfig config = fast("brief")
                .heartbeatInterval(Duration.ofMillis(10))
                .deadAfter(Duration.ofSeconds(15))
                .build();
        try (NodeFixture.Log log = new NodeFixture.Log();
                NodeFixture a = new NodeFixture(server, config)) {
            for (int i = 0; i < 40; i++) {
                a.registry.start();
                a.registry.ready();
                Thread.sleep(Duration.ofNanos(i * 300_000L));
                List<Thread> stoppers = new ArrayList<>();
                for (int j = 0; j < 3; j++) {
                    stoppers.add(Thread.ofVirtual().name("stopper").start(a.registry::stop));
                }
                for (Thread stopper : stoppers) {
                    stopper.join();
                }
                assertEquals("0", server.query("SELECT count(*) FROM forge_nodes"), "round " + i);
            }
            // No heartbeat was cut off, and no farewell.
            assertEquals(List.of(), log.lines("WARNING", "node brief"));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void roleThatMayWriteRowsAndNoMoreIsANode(TestDatabase server) throws Exception {
        Identifier role = new Identifier(server.name() + "_app");
        Identifier home = new Identifier("forge");
        server.execute("CREATE SCHEMA forge; CREATE ROLE " + role);
        try {
            SystemSchemaFiles.apply(server.url(), home);
            String grants = SystemSchemaFiles.grants()
                    .replaceAll("(?m)^--.*\\R", "")
                    .replace(":\"schema\"", home.quoted())
                    .replace(":\"role\"", role.quoted());
            server.execute(grants);
            Database db = Database.open(DatabaseConfig.builder(server.url() + "&options=-c%20role%3D" + role.name())
                    .poolSize(2)
                    .build());
            try (db;
                    NodeRegistry registry =
                            NodeRegistry.of(db, fast("a").schema(home).build())) {
                server.execute("SET search_path = forge; INSERT INTO forge_nodes VALUES ('b', gen_random_uuid(), 's',"
                        + " 'h', 7, '', 'active', now(), now() - interval '1 minute', 1000), ('c', gen_random_uuid(),"
                        + " 's', 'h', 7, '', 'active', now(), now() - interval '2 days', 1000)");
                registry.start();
                String rows = "SELECT string_agg(node_id || status, ' ' ORDER BY node_id) FROM forge.forge_nodes";
                Await.until("marks", () -> "ajoining bdead".equals(server.query(rows)));
                registry.stop();
                assertEquals("bdead", server.query(rows));
            }
        } finally {
            server.execute("DROP OWNED BY " + role + "; DROP ROLE " + role);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void registryThatIsStartedBeforeTheMigrationsWaitsForThem(TestDatabase server) throws Exception {
        try (NodeFixture.Log log = new NodeFixture.Log();
                NodeFixture a = new NodeFixture(server, fast("early").build())) {
            a.registry.start();
            log.await("WARNING", "node early could not say", "there is no table forge_nodes", "run the migrations");
            assertThrows(ConfigurationException.class, a.registry::nodes);
            NodeFixture.migrate(server);
            a.awaitSeen("early joining");
            assertEquals(
                    1,
                    log.lines("node early could not say", "there is no table").size());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void rowThatOthersHaveLockedCostsHeartbeatsAndNoMore(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        try (NodeFixture.Log log = new NodeFixture.Log();
                NodeFixture a = new NodeFixture(server, fast("locked").build());
                Connection other = server.connect()) {
            a.registry.start();
            a.awaitSeen("locked joining");
            other.setAutoCommit(false);
            other.createStatement().execute("SELECT 1 FROM forge_nodes FOR UPDATE");
            log.await("WARNING", "node locked could not say");
            other.rollback();
            log.await("node locked was silent for", "again");
            a.awaitSeen("locked joining");
        }
    }
}
