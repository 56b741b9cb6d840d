package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;

/** Breaks replicas of a cluster under a load of readers, mends them, and measures what the readers noticed. */
final class ReplicaFaults {

    static final int READERS = 6;
    static final int POOL = 8;
    static final Duration PAUSE = Duration.ofMillis(10);
    private static final Duration SHARE_WINDOW = Duration.ofMillis(700);

    /**
     * Longest read of those that began when the replica was out: what a busy machine may add to milliseconds, and less
     * than the second that a server that hangs costs at least.
     */
    private static final long UNDISTURBED_MILLIS = 950;

    /** Of those that were under way in a server that hangs: noticed, asked, asked again. */
    private static final long HANGING_MILLIS = 3_500;

    private final PostgresCluster cluster;

    ReplicaFaults(PostgresCluster cluster) {
        this.cluster = cluster;
    }

    /** What breaks, and for how long it may be noticed and felt. */
    record Fault(String name, Step breaks, Step mends, long outMillis, long longestMillis) {}

    @FunctionalInterface
    interface Step {
        void run(FaultyLink link, PostgresServer server) throws Exception;
    }

    static final Fault BLACKHOLE = new Fault(
            "blackhole",
            (link, server) -> link.blackhole(true, true),
            (link, server) -> link.heal(),
            3_000,
            HANGING_MILLIS);
    static final Fault RESET = new Fault(
            "reset and refused",
            (link, server) -> {
                link.refuse(true);
                link.cut();
            },
            (link, server) -> link.refuse(false),
            1_000,
            1_000);
    static final Fault STOP = new Fault(
            "SIGSTOP", (link, server) -> server.pause(), (link, server) -> server.resume(), 3_000, HANGING_MILLIS);
    static final Fault KILL =
            new Fault("SIGKILL", (link, server) -> server.sigkill(), (link, server) -> server.start(), 1_000, 1_500);
    static final Fault RESTART =
            new Fault("restart", (link, server) -> server.stop(), (link, server) -> server.start(), 1_000, 1_500);

    @FunctionalInterface
    interface Scenario {
        void run() throws Exception;
    }

    /** Runs all at the same time; fails with all their failures. */
    static void together(Map<String, Scenario> scenarios) throws InterruptedException {
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
    final class Linked implements AutoCloseable {
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
    void suffers(int first, Map<Integer, Fault> faults, Duration length) throws Exception {
        try (Linked linked = new Linked(first);
                Database db = linked.open()) {
            Map<Integer, Long> broken = new LinkedHashMap<>();
            Map<Integer, Long> out = new ConcurrentHashMap<>();
            Map<Integer, Long> mended = new LinkedHashMap<>();
            Map<Integer, Long> back = new LinkedHashMap<>();
            ReadLoad load = new ReadLoad(db, READERS, PAUSE);
            long allBack;
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
                awaitBack(db, faults.keySet(), back);
                allBack = System.nanoTime();
                Thread.sleep(SHARE_WINDOW);
                end = System.nanoTime();
            }
            faults.forEach((i, fault) -> {
                assertNotNull(out.get(i), fault.name + " was not noticed: " + db.replicas());
                long allOut = out.values().stream().mapToLong(o -> o).max().orElse(0);
                String name = db.replicas().get(i).name();
                long after = load.longestMillis(r -> r.begin() - allOut > 0 && r.begin() - mended.get(i) < 0);
                check(
                        fault,
                        name,
                        load,
                        after,
                        new Times(broken.get(i), out.get(i), mended.get(i), back.get(i), allBack, end));
            });
        }
    }

    PostgresServer server(int index) {
        return cluster.replicas().get(index);
    }

    static boolean inRotation(Database db, int index) {
        return db.replicas().get(index).isInRotation();
    }

    private static void awaitBack(Database db, Set<Integer> which, Map<Integer, Long> back)
            throws InterruptedException {
        awaitUntil("all of " + which + " are back", 6_000, () -> {
            for (int i : which) {
                if (inRotation(db, i)) {
                    back.putIfAbsent(i, System.nanoTime());
                }
            }
            return back.keySet().containsAll(which);
        });
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
    private record Times(long broken, long out, long mended, long back, long allBack, long end) {}

    private static void check(Fault fault, String name, ReadLoad load, long after, Times times) {
        List<ReadLoad.Read> lost =
                load.lost().stream().filter(r -> r.server().equals(name)).toList();
        long longest = load.longestMillis(r -> r.server().equals(name));
        double share = load.share(name, times.allBack, times.end);
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

    static void awaitUntil(String what, long millis, BooleanSupplier condition) throws InterruptedException {
        long begin = System.nanoTime();
        while (!condition.getAsBoolean()) {
            assertTrue((System.nanoTime() - begin) / 1_000_000 < millis, what + ": not within " + millis + " ms");
            Thread.sleep(1);
        }
    }
}
