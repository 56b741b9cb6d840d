package io.forgeloom.leader;

import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Three processes that compete for one role, each with a network of its own to a primary and a standby, and one fault after
 * the other. Confined to one thread.
 */
final class ElectionFaults implements AutoCloseable {

    enum Kind {
        KILLED,
        RESIGNED,
        PAUSED,
        BLACKHOLE,
        RESET,
        BACKEND_TERMINATED,
        SERVER_RESTARTED,
        PROMOTED
    }

    /** In these the server drops the session of a leader that lives, and may have freed its lock before that one knows. */
    private static final Set<Kind> DROPPING =
            EnumSet.of(Kind.RESET, Kind.BACKEND_TERMINATED, Kind.SERVER_RESTARTED, Kind.PROMOTED);

    static final Duration LEASE = Duration.ofMillis(1_000);
    private static final Duration VALIDATE = Duration.ofMillis(200);
    private static final Duration NOTICED = VALIDATE.plusMillis(100);

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration NOW = Duration.ofMillis(50);

    private record Inflicted(Kind kind, long nanos) {}

    /** The place of a process; there is a new one after each kill. */
    private static final class Slot implements AutoCloseable {

        private final String name;
        private final List<FaultyLink> links = new ArrayList<>();
        private final List<String> options;
        private final History history;
        private final Map<Cell, Long> counts = new EnumMap<>(Cell.class);
        private NodeProcess node;
        private int started;
        private long lostNanos;

        Slot(String name, List<PostgresServer> servers, Takeover takeover, History history) {
            this.name = name;
            this.history = history;
            servers.forEach(server -> links.add(FaultyLink.to(server)));
            options = new ArrayList<>(List.of(
                    "takeover=" + takeover,
                    "lease=" + LEASE.toMillis(),
                    "check=300",
                    "validate=" + VALIDATE.toMillis(),
                    "poll=100",
                    "pause=10"));
            links.forEach(link -> options.add("url=" + link.url()));
            node = NodeProcess.start(name + "-1", options);
            started = 1;
        }

        void kill() throws InterruptedException {
            node.process().sigkill();
            collect();
            node.close();
            node = NodeProcess.start(name + "-" + ++started, options);
        }

        void collect() {
            history.add(node.reigns());
            for (Cell cell : Cell.values()) {
                counts.merge(cell, node.log().get(cell), Long::sum);
            }
        }

        @Override
        public void close() {
            node.close();
            links.forEach(FaultyLink::close);
        }
    }

    private final PostgresCluster cluster;
    private final SplittableRandom random;
    private final Takeover takeover;
    private final History history = new History();
    private final List<Slot> slots = new ArrayList<>();
    private final List<Inflicted> inflicted = new ArrayList<>();
    private final Map<Kind, Integer> done = new EnumMap<>(Kind.class);
    private final Standstills standstills = new Standstills();

    ElectionFaults(PostgresCluster cluster, Takeover takeover, SplittableRandom random) throws SQLException {
        this.cluster = cluster;
        this.takeover = takeover;
        this.random = random;
        Node.migrate(cluster.primary());
        cluster.primary().execute(ElectionNode.TABLES);
        List<PostgresServer> servers = new ArrayList<>(List.of(cluster.primary()));
        servers.addAll(cluster.replicas());
        for (String name : List.of("a", "b", "c")) {
            slots.add(new Slot(name, servers, takeover, history));
        }
    }

    /** One fault, and all is well again. */
    void inflict(Kind kind) throws InterruptedException, SQLException {
        Slot believed = settle();
        // By then it knows if the last fault has cost it the role.
        Thread.sleep(NOTICED.plusMillis(random.nextInt(100)));
        Slot leader = believed.node.led(NOW) ? believed : settle();
        boolean any = done.containsKey(kind) && random.nextInt(5) == 0;
        Slot target = any ? slots.get(random.nextInt(slots.size())) : leader;
        done.merge(kind, 1, Integer::sum);
        inflicted.add(new Inflicted(kind, System.nanoTime()));
        PostgresServer primary = cluster.primary();
        switch (kind) {
            case KILLED -> target.kill();
            case RESIGNED -> target.node.resign();
            case PAUSED -> {
                target.node.pause();
                Thread.sleep(upToTwoLeases(kind));
                target.node.resume();
            }
            case BLACKHOLE -> {
                boolean also = random.nextBoolean();
                target.links.forEach(link -> link.blackhole(true, also));
                Thread.sleep(upToTwoLeases(kind));
                target.links.forEach(FaultyLink::heal);
                target.lostNanos = System.nanoTime();
            }
            case RESET -> target.links.forEach(FaultyLink::cut);
            case BACKEND_TERMINATED ->
                primary.execute("SELECT pg_terminate_backend(backend_pid) FROM forge_leaders WHERE role = '"
                        + ElectionNode.ROLE + "'");
            case SERVER_RESTARTED -> {
                end(primary);
                primary.start();
            }
            case PROMOTED -> {
                end(primary);
                cluster.replicas().getFirst().promote();
                cluster.rejoin(primary);
            }
        }
    }

    private void end(PostgresServer server) throws InterruptedException {
        if (random.nextBoolean()) {
            server.stop();
        } else {
            server.kill();
        }
    }

    /** Longer than one the first time, when the leader is the target: so that the role changes hands meanwhile. */
    private Duration upToTwoLeases(Kind kind) {
        if (done.getOrDefault(kind, 0) == 1) {
            return LEASE.multipliedBy(4).dividedBy(3);
        }
        return Duration.ofMillis(random.nextLong(2 * LEASE.toMillis()));
    }

    /** Waits until there are three processes and one leads. */
    private Slot settle() throws InterruptedException {
        for (Slot slot : slots) {
            NodeProcess unused = slot.node.awaitReady();
            // By then the server has ended, by its own clock, what it could.
            if (slot.lostNanos != 0 && System.nanoTime() - slot.lostNanos > 2 * LEASE.toNanos()) {
                slot.lostNanos = 0;
                slot.links.forEach(FaultyLink::cutLost);
            }
        }
        long begun = System.nanoTime();
        while (System.nanoTime() - begun < PATIENCE.toNanos()) {
            for (Slot slot : slots) {
                if (slot.node.led(NOW)) {
                    return slot;
                }
            }
            Thread.sleep(2);
        }
        StringBuilder told = new StringBuilder();
        for (Slot slot : slots) {
            List<String> lines = slot.node.process().errorLines();
            told.append(System.lineSeparator()).append(slot.node.name()).append(": ");
            told.append(String.join(
                    System.lineSeparator(), lines.subList(Math.max(0, lines.size() - 20), lines.size())));
        }
        throw new AssertionError("nobody leads after " + PATIENCE.toSeconds() + " s, last fault "
                + inflicted.getLast().kind() + "; " + told);
    }

    private Duration tolerance(long nanos) {
        boolean dropped = inflicted.stream()
                .filter(fault -> fault.nanos() <= nanos)
                .reduce((earlier, later) -> later)
                .map(fault -> DROPPING.contains(fault.kind()))
                .orElse(false);
        // A leader cannot notice while its machine stands still.
        return takeover == Takeover.IMMEDIATE && dropped ? standstills.prolonged(NOTICED, nanos) : Duration.ZERO;
    }

    /** Ends all processes and looks at everything that they did. */
    History judge() throws InterruptedException, SQLException {
        Slot unused = settle();
        for (Slot slot : slots) {
            slot.node.process().sigkill();
            slot.collect();
        }
        history.judgeReigns(this::tolerance);
        try (Connection connection = cluster.primary().connect()) {
            history.judgeDatabase(connection);
        }
        return history;
    }

    /** After the judgement. */
    long count(Cell cell) {
        return slots.stream()
                .mapToLong(slot -> slot.counts.getOrDefault(cell, 0L))
                .sum();
    }

    String describe() {
        return takeover + " " + done + ": " + history.reigns() + " reigns, overlaps " + history.overlaps()
                + ", the longest "
                + history.longestOverlap().toMillis() + " ms; writes " + count(Cell.WRITES) + ", refused "
                + count(Cell.WRITES_REFUSED) + ", failed " + count(Cell.WRITES_FAILED) + "; stale writes accepted while"
                + " nobody else was elected " + count(Cell.STALE_WRITES_ACCEPTED) + ", refused "
                + count(Cell.STALE_WRITES_REFUSED);
    }

    @Override
    public void close() {
        standstills.close();
        slots.forEach(Slot::close);
    }
}
