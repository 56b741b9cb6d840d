package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.ReplicaStatus.State;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Faults of one of two real replicas under a steady load of readers: who loses a read, who waits, how soon the replica
 * is out of the rotation and in it again. What can be broken apart from the others is broken at the same time, each in a
 * database of its own.
 */
@Timeout(120)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class ReplicaFaultTest {

    private static final int READERS = 6;
    private static final int POOL = 8;
    private static final Duration PAUSE = Duration.ofMillis(10);
    private static final Duration SHARE_WINDOW = Duration.ofMillis(700);

    /** Longest read of those that began when the replica was out: what a busy machine may add to milliseconds. */
    private static final long UNDISTURBED_MILLIS = 500;

    /** Of those that were under way in a server that hangs: noticed, asked, asked again. */
    private static final long HANGING_MILLIS = 3_500;

    private static PostgresCluster cluster;

    private final Logger logger = Logger.getLogger("io.forgeloom.database");

    @BeforeAll
    static void startTheServers() throws Exception {
        cluster = PostgresCluster.builder().replicas(4).start();
    }

    @AfterAll
    static void endTheServers() {
        cluster.close();
    }

    /** Each change of a replica is a line. */
    @BeforeEach
    void silenceTheLog() {
        logger.setLevel(Level.OFF);
    }

    @AfterEach
    void restoreTheLog() {
        logger.setLevel(null);
    }

    // ---- the faults ----

    /** What breaks, and for how long it may be noticed and felt. */
    private record Fault(String name, Step breaks, Step mends, long outMillis, long longestMillis) {}

    @FunctionalInterface
    private interface Step {
        void run(FaultyLink link, PostgresServer server) throws Exception;
    }

    private static final Fault BLACKHOLE = new Fault(
            "blackhole",
            (link, server) -> link.blackhole(true, true),
            (link, server) -> link.heal(),
            3_000,
            HANGING_MILLIS);
    private static final Fault RESET = new Fault(
            "reset and refused",
            (link, server) -> {
                link.refuse(true);
                link.cut();
            },
            (link, server) -> link.refuse(false),
            1_000,
            1_000);
    private static final Fault STOP = new Fault(
            "SIGSTOP", (link, server) -> server.pause(), (link, server) -> server.resume(), 3_000, HANGING_MILLIS);
    private static final Fault KILL =
            new Fault("SIGKILL", (link, server) -> server.sigkill(), (link, server) -> server.start(), 1_000, 1_500);
    private static final Fault RESTART =
            new Fault("restart", (link, server) -> server.stop(), (link, server) -> server.start(), 1_000, 1_500);

    @Test
    void aFaultCostsNoMoreThanTheReadsInFlight() throws Exception {
        Map<String, Scenario> all = new LinkedHashMap<>();
        all.put("blackhole", () -> suffers(0, Map.of(0, BLACKHOLE), Duration.ofSeconds(3)));
        all.put("reset", () -> suffers(0, Map.of(1, RESET), Duration.ofSeconds(1)));
        all.put("stop and kill", () -> suffers(2, Map.of(0, STOP, 1, KILL), Duration.ofMillis(2_500)));
        all.put("refusing", this::aReplicaThatOnlyRefusesNewConnectionsLosesNoRead);
        all.put("idle", this::onlyTheFirstUsersMeetAReplicaThatDiedWhileNobodyUsedIt);
        all.put("close", this::closingUnderAFaultKeepsItsDeadline);
        all.put("absent", this::anOptionalReplicaThatIsAbsentAtTheStartComesLater);
        together(all);
    }

    @Test
    void aConflictWithTheReplayPausesAReplicaAndInterruptsDoNot(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("replicas.jfr");
        String name = "io.forgeloom.db.client.replica.state_change";
        try (Recording recording = new Recording()) {
            recording.enable(name);
            recording.start();
            usersAreInterrupted();
            aReadIsCancelledForTheReplay();
            recording.dump(file);
        }
        List<String> changes = new ArrayList<>();
        for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
            // A busy machine may be late with an answer; that is no matter here.
            if (event.getEventType().getName().equals(name)
                    && String.valueOf(event.getString("reason")).matches(".*(session|conflict|cancel).*|it answered.*")
                    && !"SUSPECT".equals(event.getString("from"))) {
                changes.add(event.getString("replica") + " " + event.getString("from") + " " + event.getString("to"));
            }
        }
        assertEquals(List.of("replica-1 IN_ROTATION CONFLICT", "replica-1 CONFLICT IN_ROTATION"), changes);
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void everyFaultInTurnAtRandomTimes() throws Exception {
        SplittableRandom random = new SplittableRandom();
        List<Fault> faults = List.of(BLACKHOLE, RESET, STOP, KILL, RESTART);
        for (int i = 0; i < 3 * faults.size(); i++) {
            Fault fault = faults.get(i % faults.size());
            suffers(0, Map.of(random.nextInt(2), fault), Duration.ofMillis(500 + random.nextInt(8_000)));
        }
    }

    // ---- scenarios ----

    @FunctionalInterface
    private interface Scenario {
        void run() throws Exception;
    }

    /** Runs all at the same time; fails with all their failures. */
    private static void together(Map<String, Scenario> scenarios) throws InterruptedException {
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        scenarios.forEach((name, scenario) ->
                threads.add(Thread.ofVirtual().name("scenario-" + name).start(() -> {
                    try {
                        scenario.run();
                    } catch (Throwable e) {
                        failures.add(new AssertionError(name + ": " + e.getMessage(), e));
                    }
                })));
        for (Thread thread : threads) {
            thread.join();
        }
        if (!failures.isEmpty()) {
            AssertionError all = new AssertionError(failures.size() + " scenarios failed: " + failures);
            failures.forEach(all::addSuppressed);
            throw all;
        }
    }

    /** A database with a link before each of two replicas. */
    private static final class Linked implements AutoCloseable {
        final List<FaultyLink> links;

        Linked() {
            this(0);
        }

        Linked(int first) {
            links = cluster.replicas().subList(first, first + 2).stream()
                    .map(FaultyLink::to)
                    .toList();
        }

        Database open() {
            return open(ReplicaStart.REQUIRED);
        }

        Database open(ReplicaStart atStart) {
            return Database.open(DatabaseConfig.builder(cluster.primary().url())
                    .poolSize(POOL)
                    .replicaPoolSize(POOL)
                    .readFromReplica(true)
                    .replicaUrls(links.stream().map(FaultyLink::url).toList())
                    .replicaOptions(ReplicaOptions.builder().atStart(atStart).build())
                    .build());
        }

        @Override
        public void close() {
            links.forEach(FaultyLink::close);
        }
    }

    /** Breaks some of the two replicas at once, mends them after a while, and measures. */
    private void suffers(int first, Map<Integer, Fault> faults, Duration length) throws Exception {
        try (Linked linked = new Linked(first);
                Database db = linked.open()) {
            Map<Integer, Long> broken = new LinkedHashMap<>();
            Map<Integer, Long> out = new ConcurrentHashMap<>();
            Map<Integer, Long> mended = new LinkedHashMap<>();
            Map<Integer, Long> back = new LinkedHashMap<>();
            ReadLoad load = new ReadLoad(db, READERS, PAUSE);
            long end;
            try (load) {
                awaitUntil("the load is steady", 5_000, () -> load.reads().count() > 60);
                for (var each : faults.entrySet()) {
                    int i = each.getKey();
                    broken.put(i, System.nanoTime());
                    Thread.ofVirtual().start(() -> watchOut(db, i, out));
                    each.getValue().breaks.run(linked.links.get(i), server(first + i));
                }
                Thread.sleep(length);
                for (var each : faults.entrySet()) {
                    each.getValue().mends.run(linked.links.get(each.getKey()), server(first + each.getKey()));
                    mended.put(each.getKey(), System.nanoTime());
                }
                for (int i : faults.keySet()) {
                    awaitUntil("replica " + i + " is back", 6_000, () -> inRotation(db, i));
                    back.put(i, System.nanoTime());
                }
                Thread.sleep(SHARE_WINDOW);
                end = System.nanoTime();
            }
            faults.forEach((i, fault) -> {
                assertNotNull(out.get(i), fault.name + " was not noticed: " + db.replicas());
                long allOut = out.values().stream().mapToLong(o -> o).max().orElse(0);
                String name = db.replicas().get(i).name();
                long after = load.longestMillis(r -> r.begin() - allOut > 0 && r.begin() - mended.get(i) < 0);
                check(fault, name, load, after, new Times(broken.get(i), out.get(i), mended.get(i), back.get(i), end));
            });
        }
    }

    private static PostgresServer server(int index) {
        return cluster.replicas().get(index);
    }

    private static boolean inRotation(Database db, int index) {
        return db.replicas().get(index).isInRotation();
    }

    private static void watchOut(Database db, int index, Map<Integer, Long> out) {
        try {
            awaitUntil("replica " + index + " is out", 10_000, () -> !inRotation(db, index));
            out.put(index, System.nanoTime());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Of one fault, {@link System#nanoTime()}. */
    private record Times(long broken, long out, long mended, long back, long end) {}

    private static void check(Fault fault, String name, ReadLoad load, long after, Times times) {
        List<ReadLoad.Read> lost =
                load.lost().stream().filter(r -> r.server().equals(name)).toList();
        long longest = load.longestMillis(r -> r.server().equals(name));
        double share = load.share(name, times.back, times.end);
        String figures = String.format(
                "%s of %s: %d of %d readers lost a read; out after %d ms, back %d ms after it was reachable, then %.1f %%"
                        + " of the reads; longest read there %d ms, anywhere while it was out %d ms",
                fault.name,
                name,
                lost.size(),
                READERS,
                (times.out - times.broken) / 1_000_000,
                (times.back - times.mended) / 1_000_000,
                100 * share,
                longest,
                after);
        System.out.println("figure: " + figures);
        assertTrue(lost.size() <= READERS, figures);
        assertEquals(
                lost.size(),
                lost.stream().mapToInt(ReadLoad.Read::reader).distinct().count(),
                "twice: " + figures);
        for (ReadLoad.Read read : lost) {
            assertTrue(
                    read.begin() - times.out <= 0, "lost a read that began when it was out: " + read + "; " + figures);
        }
        assertTrue(times.out - times.broken <= fault.outMillis * 1_000_000, figures);
        assertTrue(times.back - times.mended <= 5_000_000_000L, figures);
        assertTrue(longest <= fault.longestMillis, figures);
        assertTrue(after <= UNDISTURBED_MILLIS, figures);
        assertEquals(0.5, share, 0.05, figures);
    }

    private void aReplicaThatOnlyRefusesNewConnectionsLosesNoRead() throws Exception {
        try (Linked linked = new Linked();
                Database db = linked.open();
                ReadLoad load = new ReadLoad(db, READERS, PAUSE)) {
            awaitUntil("the load is steady", 5_000, () -> load.reads().count() > 60);
            Connection old = db.readPool().acquire();
            FaultyLink link = linked.links.get(old.toString().contains("replica-1") ? 0 : 1);
            link.refuse(true);
            Thread.sleep(1_500);
            try (Statement statement = old.createStatement()) {
                statement.execute("SELECT 1");
            }
            old.close();
            link.refuse(false);
            for (int i = 0; i < 2; i++) {
                int index = i;
                awaitUntil("replica " + i + " is there", 5_000, () -> inRotation(db, index));
            }
            assertEquals(List.of(), load.lost());
        }
    }

    private void onlyTheFirstUsersMeetAReplicaThatDiedWhileNobodyUsedIt() throws Exception {
        try (Linked linked = new Linked();
                Database db = linked.open()) {
            try (ReadLoad warm = new ReadLoad(db, 2 * POOL, PAUSE)) {
                awaitUntil("sessions", 5_000, () -> warm.reads().count() > 200);
            }
            Thread.sleep(1_200);
            linked.links.get(0).blackhole(true, true);
            Queue<ReadLoad.Read> reads = new ConcurrentLinkedQueue<>();
            List<Thread> users = new ArrayList<>();
            long begin = System.nanoTime();
            for (int i = 0; i < 60; i++) {
                int user = i;
                users.add(Thread.ofVirtual().start(() -> reads.add(ReadLoad.read(db, user))));
                Thread.sleep(20);
            }
            for (Thread user : users) {
                assertTrue(user.join(Duration.ofSeconds(10)), "stuck");
            }
            long longest = reads.stream().mapToLong(ReadLoad.Read::millis).max().orElse(0);
            long last = reads.stream()
                    .filter(r -> r.millis() > 300)
                    .mapToLong(r -> (r.begin() - begin) / 1_000_000)
                    .max()
                    .orElse(0);
            long waited = reads.stream().filter(r -> r.millis() > 300).count();
            String figures = waited + " of 60 users, 20 ms apart, met a replica that died idle; the last began after "
                    + last + " ms, the longest waited " + longest + " ms, "
                    + reads.stream().filter(ReadLoad.Read::lost).count() + " lost their read";
            System.out.println("figure: " + figures);
            assertTrue(last <= 600 && longest <= 1_600, figures);
        }
    }

    private void closingUnderAFaultKeepsItsDeadline() throws Exception {
        try (Linked linked = new Linked()) {
            Database db = linked.open();
            FaultyLink link = linked.links.get(0);
            try (ReadLoad load = new ReadLoad(db, READERS, PAUSE)) {
                awaitUntil("the load is steady", 5_000, () -> load.reads().count() > 60);
                link.blackhole(true, true);
                awaitUntil("it is noticed", 3_000, () -> !inRotation(db, 0));
                long begin = System.nanoTime();
                db.close(Duration.ofMillis(500));
                long took = (System.nanoTime() - begin) / 1_000_000;
                System.out.println("figure: closed under a blackhole after " + took + " ms, with a deadline of 500 ms");
                assertTrue(took <= 1_500, "closed after " + took + " ms");
                awaitUntil("sockets to the replica are closed", 1_000, () -> socketsTo(link.port()) == 0);
            }
        }
    }

    /** Sockets of this machine that some process still has open, to a port of this machine; 0 where that is not to be had. */
    private static long socketsTo(int port) {
        String remote = String.format(":%04X", port);
        long count = 0;
        for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
            try {
                count += Files.readAllLines(Path.of(table)).stream()
                        .map(line -> line.strip().split("\\s+"))
                        .filter(column -> column.length > 9 && column[2].endsWith(remote) && !column[9].equals("0"))
                        .count();
            } catch (java.io.IOException e) {
                return 0;
            }
        }
        return count;
    }

    private void anOptionalReplicaThatIsAbsentAtTheStartComesLater() throws Exception {
        try (Linked linked = new Linked()) {
            linked.links.get(0).blackhole(true, true);
            linked.links.get(1).refuse(true);
            long begin = System.nanoTime();
            try (Database db = linked.open(ReplicaStart.OPTIONAL)) {
                long took = (System.nanoTime() - begin) / 1_000_000;
                assertTrue(took < 3_000, "the start took " + took + " ms");
                assertEquals("primary", db.readPool().name());
                assertEquals(
                        List.of(State.DOWN, State.DOWN),
                        db.replicas().stream().map(ReplicaStatus::state).toList());
                linked.links.forEach(FaultyLink::heal);
                awaitUntil("both are there", 5_000, () -> inRotation(db, 0) && inRotation(db, 1));
                assertTrue(db.readPool().name().startsWith("replica-"));
                for (int i = 0; i < 4; i++) {
                    ReadLoad.Read read = ReadLoad.read(db, i);
                    assertTrue(!read.lost(), read.toString());
                }
            }
        }
    }

    private void usersAreInterrupted() throws Exception {
        try (Linked linked = new Linked();
                Database db = linked.open()) {
            for (int round = 0; round < 5; round++) {
                try (ReadLoad load = new ReadLoad(db, POOL, Duration.ZERO)) {
                    awaitUntil("reads", 5_000, () -> load.reads().count() > 10);
                    load.interrupt();
                }
            }
        }
    }

    private void aReadIsCancelledForTheReplay() throws Exception {
        cluster.primary().execute("CREATE TABLE IF NOT EXISTS conflict (id int)");
        cluster.primary().execute("INSERT INTO conflict SELECT generate_series(1, 100)");
        cluster.awaitReplayed(Duration.ofSeconds(10));
        server(0).execute("ALTER SYSTEM SET max_standby_streaming_delay = 0");
        server(0).query("SELECT pg_reload_conf()");
        try (Linked linked = new Linked();
                Database db = linked.open()) {
            ConnectionPool first = db.readPool();
            ConnectionPool pool = first.name().equals("replica-1") ? first : db.readPool();
            Queue<String> states = new ConcurrentLinkedQueue<>();
            Thread reader = Thread.ofVirtual().start(() -> {
                try (Connection connection = pool.acquire();
                        Statement statement = connection.createStatement()) {
                    statement.execute("SELECT count(pg_sleep(0.2)) FROM conflict");
                    states.add("answered");
                } catch (java.sql.SQLException e) {
                    states.add(String.valueOf(e.getSQLState()));
                }
            });
            Thread.sleep(100);
            // Waits for no snapshot on the primary; its exclusive lock is what the replica must give way to.
            cluster.primary().execute("DROP TABLE conflict");
            awaitUntil("the conflict is seen", 5_000, () -> !inRotation(db, 0));
            long begin = System.nanoTime();
            assertEquals(State.CONFLICT, db.replicas().get(0).state());
            awaitUntil("it is back", 5_000, () -> inRotation(db, 0));
            long out = (System.nanoTime() - begin) / 1_000_000;
            reader.join();
            assertEquals(List.of("40001"), List.copyOf(states));
            assertTrue(out >= 900 && out < 2_000, "out for " + out + " ms");
        } finally {
            server(0).execute("ALTER SYSTEM RESET max_standby_streaming_delay");
            server(0).query("SELECT pg_reload_conf()");
        }
    }

    private static void awaitUntil(String what, long millis, BooleanSupplier condition) throws InterruptedException {
        long begin = System.nanoTime();
        while (!condition.getAsBoolean()) {
            assertTrue((System.nanoTime() - begin) / 1_000_000 < millis, what + ": not within " + millis + " ms");
            Thread.sleep(1);
        }
    }
}
