package io.forgeloom;

import static io.forgeloom.ForgeFixture.ROLE;
import static io.forgeloom.ForgeFixture.assertNothingLeft;
import static io.forgeloom.ForgeFixture.config;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.node.NodeInfo;
import io.forgeloom.node.NodeStatus;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.Subscription;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Everything opened by one call, seen from inside and outside, and gone after another. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ForgeTest {

    private static Set<String> threads() {
        return ThreadLeaks.alive().stream()
                .map(thread -> thread.substring(thread.indexOf('"') + 1, thread.lastIndexOf('"')))
                .collect(Collectors.toSet());
    }

    @Test
    void startedRuntimeIsReadyAndItsEndLeavesNothing(TestDatabase server) throws Exception {
        ForgeConfig config = config(server)
                .migrations(MigrationSource.list(
                        Map.of("0001_price.sql", "CREATE TABLE elsewhere.price (id text PRIMARY KEY)")))
                .channels("prices")
                .nodeId("one")
                .build();
        try (Forge forge = Forge.start(config);
                Subscription prices = forge.bus().subscribe("prices")) {
            assertEquals(List.of(), forge.health().reasons());
            assertTrue(forge.health().ready() && forge.health().live() && forge.isLive());
            // At once, and to others.
            assertEquals(
                    List.of("one"),
                    forge.nodes().nodes().stream().map(NodeInfo::nodeId).toList());
            Await.until("seen as active", () -> "active".equals(server.query("SELECT status FROM forge_nodes")));

            Await.until("leads", () -> forge.stats().leads().equals(Set.of(ROLE, LeaderRole.LOG_COMPACTOR)));
            assertEquals(
                    "2",
                    server.query("SELECT count(*) FROM forge_leaders WHERE node_id = 'one' AND resigned_at IS NULL"));
            ForgeStats stats = forge.stats();
            assertEquals("one", stats.nodeId());
            assertEquals(NodeStatus.ACTIVE, stats.node());
            assertTrue(stats.bus().isConnected());
            assertEquals(
                    Set.of("leader-election", "notify-bus"),
                    Set.copyOf(stats.primary().dedicated()),
                    stats::toString);

            forge.changes().track("elsewhere.price", TrackOptions.DEFAULTS);
            forge.database().inTransaction(tx -> {
                try (Statement insert = tx.connection().createStatement()) {
                    insert.execute("INSERT INTO elsewhere.price VALUES ('tea'); NOTIFY prices, 'tea'");
                }
                return null;
            });
            Await.until(
                    "the word",
                    () -> prices.take() instanceof Notification told
                            && told.payload().equals("tea"));
            assertTrue(threads().containsAll(Set.of("forgeloom-notify-bus", "forgeloom-node", "forgeloom-leader")));
            assertEquals(2, ForgeFixture.locks(server));
            assertFalse(forge.config().toString().isEmpty());
        }
        assertNothingLeft(server);
        assertEquals("2", server.query("SELECT count(*) FROM forge_leaders WHERE resigned_at IS NOT NULL"));
    }

    @Test
    void partsLieInTheSchemaThatWasNamed(TestDatabase server) throws Exception {
        ForgeConfig config = config(server)
                .schema(new io.forgeloom.database.Identifier("Forge Things"))
                .build();
        try (Forge forge = Forge.start(config)) {
            Await.until("leads", () -> !forge.stats().leads().isEmpty());
            assertEquals("1", server.query("SELECT count(*) FROM \"Forge Things\".forge_nodes"));
            assertEquals("f", server.query("SELECT to_regclass('forge_nodes') IS NOT NULL"));
        }
        assertEquals("0", server.query("SELECT count(*) FROM \"Forge Things\".forge_nodes"));
    }

    // ---- health ----

    @Test
    void serverThatIsGoneIsNotReadyAndAlive(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Forge forge = Forge.start(config(link).build())) {
            link.refuse(true);
            link.cut();
            Await.until("the bus notices", () -> !forge.stats().bus().isConnected());
            ForgeHealth gone = forge.health();
            assertTrue(gone.live());
            assertFalse(gone.ready());
            assertEquals(2, gone.reasons().size(), gone::toString);
            assertTrue(gone.reasons().get(0).startsWith("the primary does not answer: "), gone::toString);
            assertEquals("the bus is not connected", gone.reasons().get(1));

            link.heal();
            Await.until("ready again", () -> forge.health().ready());
        }
    }

    @Test
    void drainingAndClosedAreNotReady(TestDatabase server) throws Exception {
        Forge forge = Forge.start(config(server).build());
        try (forge) {
            forge.drain();
            assertEquals(List.of("the node is draining"), forge.health().reasons());
            assertTrue(forge.health().live());
            Await.until("told", () -> "draining".equals(server.query("SELECT status FROM forge_nodes")));
        }
        ForgeHealth closed = forge.health();
        assertFalse(closed.live() || closed.ready() || forge.isLive());
        assertEquals("the runtime is closed", closed.reasons().getFirst());
        assertEquals(NodeStatus.DRAINING, forge.stats().node());
        assertEquals(Set.of(), forge.stats().leads());
    }

    @Test
    void partThatEndedByItselfIsNotLive(TestDatabase server) throws Exception {
        try (Forge forge = Forge.start(config(server).build())) {
            forge.bus().stop();
            ForgeHealth health = forge.health();
            assertFalse(health.live());
            assertEquals(
                    List.of("a part of the runtime has ended by itself", "the bus is not connected"), health.reasons());
        }
    }

    @Test
    void idleCloseTakesLessThanASecond(TestDatabase server) throws Exception {
        long worst = 0;
        for (int i = 0; i < 3; i++) {
            Forge forge = Forge.start(config(server).build());
            Await.until("leads", () -> !forge.stats().leads().isEmpty());
            long begun = System.nanoTime();
            forge.close();
            worst = Math.max(worst, ForgeFixture.millisSince(begun));
        }
        System.out.println("figure: idle close " + worst + " ms at worst of 3 (bound 1000)");
        assertTrue(Duration.ofMillis(worst).compareTo(Duration.ofSeconds(1)) <= 0, worst + " ms");
    }
}
