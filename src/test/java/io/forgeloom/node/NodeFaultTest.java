package io.forgeloom.node;

import static io.forgeloom.node.NodeFixture.fast;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Processes that are frozen and killed, and a database that is away. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class NodeFaultTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static void awaitSeen(Database database, String... nodes) throws InterruptedException {
        Await.until(
                List.of(nodes) + " seen",
                PATIENCE,
                () -> NodeFixture.seen(database).equals(List.of(nodes)));
    }

    /** How long it takes until it is seen so, in ms. */
    private static long millisUntilSeen(Database database, String... nodes) throws InterruptedException {
        long begun = System.nanoTime();
        awaitSeen(database, nodes);
        return (System.nanoTime() - begun) / 1_000_000;
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void processThatIsFrozenOrKilledIsDeadInTimeAndWhatItWasWhenItIsBack(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        long limit = NodeFixture.DEAD_AFTER.toMillis() + 1_000;
        Queue<String> dead = new ConcurrentLinkedQueue<>();
        try (NodeFixture.Log log = new NodeFixture.Log();
                RecordingStream events = new RecordingStream();
                Database db = NodeFixture.open(server);
                TestProcess process = TestProcess.of(NodeProgram.class)
                        .jvmOptions("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
                        .arguments(server.url(), "other", "50", Long.toString(NodeFixture.DEAD_AFTER.toMillis()))
                        .start()) {
            events.enable(NodeEvents.Dead.class);
            events.onEvent("io.forgeloom.node.Dead", event -> dead.add(event.getString("node")));
            events.startAsync();
            awaitSeen(db, "other active");
            process.sigstop();
            long frozen = millisUntilSeen(db, "other dead");
            process.sigcont();
            awaitSeen(db, "other active");
            Await.until(
                    "a word of it",
                    () -> process.errorLines().stream()
                            .anyMatch(line -> line.contains("node other was silent for ")
                                    && line.endsWith("counted as dead, and is active again")));

            try (NodeFixture a = new NodeFixture(server, fast("a").build())) {
                a.registry.start();
                awaitSeen(db, "other active", "a joining");
                process.sigkill();
                long killed = millisUntilSeen(db, "other dead", "a joining");
                System.out.println("figure: seen dead " + frozen + " ms after SIGSTOP, " + killed
                        + " ms after SIGKILL; dead after " + NodeFixture.DEAD_AFTER.toMillis() + " ms");
                assertTrue(frozen <= limit && killed <= limit, frozen + " ms, " + killed + " ms");
                log.await("WARNING", "node other", "has been silent for", "counts as dead");
                assertEquals("dead", server.query("SELECT status FROM forge_nodes WHERE node_id = 'other'"));
            }
            Await.until("an event", () -> dead.contains("other"));
        }
    }

    /** Frozen while its first heartbeat was under way, a node learns from its second one that it was counted as dead. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void nodeThatMissedTheAnswerToItsFirstHeartbeatSaysThatItWasDead(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        NodeConfig config = fast("unheard").build();
        AtomicBoolean begun = new AtomicBoolean();
        CountDownLatch thawed = new CountDownLatch(1);
        try (NodeFixture.Log log = new NodeFixture.Log();
                Database db = NodeFixture.open(server)) {
            Roll table = new DatabaseRoll(db, config, NodeSelf.of("nodes", config));
            Roll roll = new Roll() {
                @Override
                public Answer beat(UUID incarnation, NodeStatus status, boolean first, Deadline deadline)
                        throws SQLException {
                    // One that fails by itself is not the first.
                    Answer answer = table.beat(incarnation, status, first, deadline);
                    if (begun.compareAndSet(false, true)) {
                        try {
                            thawed.await();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                        throw new SQLException("no answer", "08006");
                    }
                    return answer;
                }

                @Override
                public void leave(UUID incarnation, Deadline deadline) throws SQLException {
                    table.leave(incarnation, deadline);
                }
            };
            try (NodeLoop loop =
                    new NodeLoop("unheard", config, roll, Thread.ofVirtual().factory())) {
                loop.start();
                awaitSeen(db, "unheard dead");
                thawed.countDown();
                log.await("WARNING", "node unheard was silent for", "counted as dead, and is joining again");
                awaitSeen(db, "unheard joining");
                assertEquals(List.of(), log.lines("node unheard is registered"));
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void databaseThatIsAwayAtTheStartAndLaterCostsNoMoreThanTheTime(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        Queue<String> missed = new ConcurrentLinkedQueue<>();
        try (NodeFixture.Log log = new NodeFixture.Log();
                RecordingStream events = new RecordingStream();
                FaultyLink link = FaultyLink.to(server);
                NodeFixture a = new NodeFixture(link, fast("cut-off").build());
                Database db = NodeFixture.open(server)) {
            events.enable(NodeEvents.Missed.class);
            events.onEvent("io.forgeloom.node.Missed", event -> missed.add(event.getString("node")));
            events.startAsync();
            link.refuse(true);
            link.cut();
            long begun = System.nanoTime();
            a.registry.start();
            a.registry.ready();
            assertTrue(System.nanoTime() - begun < 200_000_000L, "the start waits");
            log.await("WARNING", "node cut-off could not say");
            assertEquals(NodeStatus.JOINING, a.registry.status());
            link.heal();
            awaitSeen(db, "cut-off active");
            Await.until("it knows", () -> a.registry.status() == NodeStatus.ACTIVE);

            link.blackhole(true, true);
            Await.until("its own view", () -> a.registry.status() == NodeStatus.DEAD);
            awaitSeen(db, "cut-off dead");
            link.heal();
            link.cut();
            awaitSeen(db, "cut-off active");
            Await.until("it knows", () -> a.registry.status() == NodeStatus.ACTIVE);
            log.await("WARNING", "node cut-off was silent for", "counted as dead, and is active again");
            Await.until("events", () -> Collections.frequency(missed, "cut-off") >= 2);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void stopInABlackholeEndsSoonAndSaysWhatIsLeft(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        try (NodeFixture.Log log = new NodeFixture.Log();
                FaultyLink link = FaultyLink.to(server);
                NodeFixture a = new NodeFixture(
                        link, fast("stuck").deadAfter(Duration.ofSeconds(30)).build())) {
            a.registry.start();
            try (Database db = NodeFixture.open(server)) {
                awaitSeen(db, "stuck joining");
                link.blackhole(true, true);
                // Two intervals: a heartbeat hangs by then.
                Thread.sleep(100);
                long begun = System.nanoTime();
                a.registry.stop();
                long millis = (System.nanoTime() - begun) / 1_000_000;
                System.out.println("figure: stopped in a blackhole in " + millis + " ms");
                assertTrue(millis < 3_500, millis + " ms");
                log.await("WARNING", "node stuck has ended and could not say so");
                assertEquals(List.of("stuck joining"), NodeFixture.seen(db));
            }
            link.cut();
            link.heal();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void databaseThatIsClosedUnderItEndsItWithAWord(TestDatabase server) throws Exception {
        NodeFixture.migrate(server);
        try (NodeFixture.Log log = new NodeFixture.Log();
                NodeFixture a = new NodeFixture(server, fast("last").build())) {
            a.registry.start();
            a.awaitSeen("last joining");
            a.database.close();
            log.await("WARNING", "node last is not heard of any more");
            Await.until("its end", () -> a.registry.status() == NodeStatus.DRAINING);
        }
    }
}
