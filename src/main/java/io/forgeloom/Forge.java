package io.forgeloom;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseHealth;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.node.NodeRegistry;
import io.forgeloom.node.NodeStatus;
import io.forgeloom.notify.NotifyBus;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The runtime: everything opened in order, closed in reverse.
 *
 * <pre>{@code
 * try (Forge forge = Forge.start(ForgeConfig.builder(url).migrations(MigrationSource.resources(Main.class, "db")).build())) {
 *     forge.database().inTransaction(transaction -> …);
 * }
 * }</pre>
 *
 * <p>Safe for use by many threads.
 */
public final class Forge implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger("io.forgeloom");

    /** What a close may take beside its timeout and the bodies of leaders; later somebody waits for itself. */
    private static final Duration CUT = Duration.ofSeconds(10);

    /** How long bus and node have to connect, of what is left of the start's time. */
    private static final Duration READY = Duration.ofSeconds(30);

    private final ForgeConfig config;
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Thread closer = Thread.ofVirtual().name("forgeloom-close").unstarted(this::closeParts);
    private final CountDownLatch closing = new CountDownLatch(1);

    /** Of the first close; set before its thread is started. */
    private Deadline closeDeadline = Deadline.after(Duration.ZERO);

    // Each is set by its step; null where a start did not get there. Final in effect once start has returned.
    private @Nullable Database database;
    private @Nullable NotifyBus bus;
    private @Nullable NodeRegistry nodes;
    private @Nullable ChangeLog changes;
    private @Nullable LeaderElection election;

    private Forge(ForgeConfig config) {
        this.config = config;
    }

    /**
     * Opens the runtime and waits until it is ready: the servers were checked, the migrations are applied, the bus listens, the
     * node is on the list, and it campaigns for its roles. All steps share one deadline, {@link ForgeConfig.Builder#startTimeout}.
     * That it passes, or an interrupt, ends the start with nothing left over, also where the server is silent: each step runs on
     * a virtual thread of its own, {@code forgeloom-start-STEP}, in a scope that waits for it.
     *
     * @throws ForgeStartException naming the step that failed, or that was at work at the deadline; nothing is left open
     * @throws io.forgeloom.error.ConfigurationException if the pool is too small to work at all
     * @throws InterruptedException if this thread was interrupted; nothing is left open
     */
    public static Forge start(ForgeConfig config) throws InterruptedException {
        return start(config, step -> {});
    }

    /** For tests: {@code before} is called before each step, and may throw. */
    static Forge start(ForgeConfig config, Consumer<String> before) throws InterruptedException {
        String warning = config.connectionNeeds().judge(config.database().poolSize());
        if (!warning.isEmpty()) {
            LOG.log(Level.WARNING, warning);
        }
        Forge forge = new Forge(config);
        Deadline deadline = Deadline.after(config.startTimeout());
        String step = "";
        try {
            for (Step next : forge.steps(deadline)) {
                step = next.name;
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
                before.accept(step);
                next.run(deadline, config.startTimeout());
            }
            return forge;
        } catch (Throwable e) { // Errors too: whatever was opened must not outlive it.
            boolean interrupted = Thread.interrupted() || e instanceof InterruptedException;
            try {
                forge.close();
            } catch (RuntimeException closing) {
                e.addSuppressed(closing);
            }
            if (interrupted) {
                InterruptedException told = new InterruptedException("interrupted in step \"" + step + "\"");
                told.initCause(e);
                throw told;
            }
            if (e instanceof Error error) {
                throw error;
            }
            throw new ForgeStartException(step, e);
        }
    }

    /** One thing that a start does. */
    private record Step(String name, Action action) {

        private interface Action {
            void run() throws Exception;
        }

        /** Not on the caller's thread: if that is a platform thread, an interrupt does not reach its sockets. */
        void run(Deadline deadline, Duration limit) throws Throwable {
            try (TaskScope scope = TaskScope.open("forgeloom-start", deadline)) {
                scope.fork("forgeloom-start-" + name, () -> {
                    action.run();
                    return null;
                });
                scope.join();
            } catch (ExecutionException e) {
                throw e.getCause() == null ? e : e.getCause();
            } catch (TimeoutException e) {
                TimeoutException told = new TimeoutException("it was not done when startTimeout, " + limit
                        + ", was over; raise that where the step needs longer");
                told.initCause(e);
                throw told;
            }
        }
    }

    private List<Step> steps(Deadline deadline) {
        return List.of(
                new Step("database", () -> database = Database.open(config.database())),
                new Step("migrations", () -> config.migrate(database().primary())),
                new Step("bus", () -> {
                    bus = NotifyBus.of(database(), config.channels().toArray(String[]::new));
                    bus.start();
                }),
                new Step("node", () -> {
                    nodes = NodeRegistry.of(database(), config.node());
                    nodes.start();
                }),
                new Step("changes", () -> changes = config.changeLog(database(), bus())),
                new Step("election", this::elect),
                new Step("ready", () -> awaitReady(deadline)));
    }

    private void elect() {
        List<LeaderRole> roles = new ArrayList<>(config.roles());
        ChangeLog log = changes();
        Duration retention = config.retention();
        if (retention.isPositive()) {
            roles.add(LeaderRole.LOG_COMPACTOR);
        }
        if (roles.isEmpty()) {
            return;
        }
        election = LeaderElection.of(database(), bus(), config.leader(), roles.toArray(LeaderRole[]::new));
        if (retention.isPositive()) {
            election.whileLeader(LeaderRole.LOG_COMPACTOR, leadership -> log.retain(retention));
        }
        election.start();
    }

    /** Ends a moment before the deadline, to say more than that it has passed, and after half a minute at the latest. */
    private void awaitReady(Deadline deadline) throws InterruptedException, TimeoutException {
        Duration left = deadline.remaining().multipliedBy(9).dividedBy(10);
        Duration limit = left.compareTo(READY) < 0 ? left : READY;
        Deadline ready = Deadline.after(limit);
        nodes().ready();
        if (!bus().awaitGeneration(1, ready.remaining())) {
            throw new TimeoutException("the bus did not connect within " + limit.toMillis() + " ms; startTimeout is "
                    + config.startTimeout());
        }
        if (!nodes().awaitRegistered(ready.remaining())) {
            throw new TimeoutException(
                    "the node was not registered within " + limit.toMillis() + " ms; startTimeout is "
                            + config.startTimeout()
                            + nodes().problem().map(why -> ": " + why).orElse(""));
        }
    }

    // ---- the parts ----

    /** Pools, transactions, reads from replicas. */
    public Database database() {
        return opened(database);
    }

    /** LISTEN and NOTIFY. Channels may be added. */
    public NotifyBus bus() {
        return opened(bus);
    }

    /** This node, and the others. */
    public NodeRegistry nodes() {
        return opened(nodes);
    }

    /** The log of row changes; trimmed by whichever node leads {@code log_compactor}. */
    public ChangeLog changes() {
        return opened(changes);
    }

    /** The election for {@link ForgeConfig.Builder#roles}; empty where there is no role to campaign for. */
    public Optional<LeaderElection> election() {
        return Optional.ofNullable(election);
    }

    private static <T> T opened(@Nullable T part) {
        if (part == null) {
            throw new IllegalStateException("not opened yet");
        }
        return part;
    }

    // ---- how it stands ----

    /**
     * Asks every server at the same time, for at most 3 s, and says whether this process should go on and whether requests
     * should come here. For liveness alone {@link #isLive()} does.
     *
     * @throws InterruptedException if this thread was interrupted
     */
    public ForgeHealth health() throws InterruptedException {
        List<String> reasons = new ArrayList<>();
        boolean live = isLive();
        if (!live) {
            reasons.add(closed.get() ? "the runtime is closed" : "a part of the runtime has ended by itself");
        }
        DatabaseHealth servers = database().health();
        if (!servers.isReady()) {
            reasons.add("the primary does not answer: "
                    + servers.servers().getFirst().problem());
        }
        if (!bus().stats().isConnected()) {
            reasons.add("the bus is not connected");
        }
        NodeStatus status = nodes().status();
        if (status != NodeStatus.ACTIVE) {
            reasons.add("the node is " + status.name().toLowerCase(Locale.ROOT)
                    + nodes().problem().map(why -> ": " + why).orElse(""));
        }
        return new ForgeHealth(live, reasons.isEmpty(), reasons, servers);
    }

    /** Whether the process should go on, see {@link ForgeHealth#live()}. No I/O, no lock. */
    public boolean isLive() {
        return !closed.get()
                && bus().isRunning()
                && nodes().isRunning()
                && election().map(LeaderElection::isRunning).orElse(true);
    }

    /** Figures of this process. No I/O. */
    public ForgeStats stats() {
        return new ForgeStats(
                nodes().nodeId(),
                nodes().status(),
                database().primary().stats(),
                database().replicas(),
                bus().stats(),
                election().stream()
                        .flatMap(e -> e.roles().stream().filter(e::isLeader))
                        .collect(Collectors.toSet()));
    }

    /** What it was started with. */
    public ForgeConfig config() {
        return config;
    }

    /** Takes no new work, as far as the others are told; {@link #health()} says that it is not ready. Before a {@link #close()}, while a load balancer looks away. */
    public void drain() {
        nodes().drain();
    }

    // ---- the end ----

    /** As {@link #close(Duration)} with the database's {@code closeTimeout}. */
    @Override
    public void close() {
        close(config.database().closeTimeout());
    }

    /**
     * Ends everything in reverse, by one deadline: roles are given up, so that others lead at once; the node leaves the list; the bus
     * ends its subscriptions; the database waits up to what is left of {@code timeout} for the connections in use, see {@link
     * Database#close(Duration)}. What has not ended at the deadline, since its server is silent, loses its connections, and ends.
     * Bodies of leaders have {@code bodyTimeout} to end, and one that does not is logged and left; every other thread has
     * ended when this returns. Whoever closes a second time waits for the first. An interrupt does not shorten the farewells,
     * and stays set. Not to be called by the body of a leader.
     */
    public void close(Duration timeout) {
        boolean first = closed.compareAndSet(false, true);
        if (first) {
            closeDeadline = Deadline.after(timeout);
            closer.start(); // Not this thread: nobody interrupts that one.
            closing.countDown();
        }
        Deadline limit =
                Deadline.after(timeout.plus(config.leader().bodyTimeout()).plus(CUT));
        boolean interrupted = false;
        while (true) {
            try {
                if (!closing.await(limit.remainingNanos(), TimeUnit.NANOSECONDS) || !closer.join(limit.remaining())) {
                    LOG.log(Level.WARNING, "the close of " + this + " goes on after more than " + timeout);
                }
                break;
            } catch (InterruptedException e) {
                interrupted = true;
                if (!first) {
                    break;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** By the closer's thread. The scope waits for the parts; at its deadline the end of their connections frees them. */
    private void closeParts() {
        try (TaskScope scope = TaskScope.open("forgeloom-close", closeDeadline)) {
            scope.fork("forgeloom-close-parts", () -> {
                close("election", election);
                close("node", nodes);
                close("bus", bus);
                return null;
            });
            try {
                scope.join();
            } catch (TimeoutException | ExecutionException | InterruptedException e) {
                LOG.log(Level.WARNING, "closing " + this + " takes too long, and its connections are cut", e);
                closeDatabase();
            }
        }
        closeDatabase();
    }

    private void closeDatabase() {
        Database opened = database;
        if (opened != null) {
            close("database", () -> opened.close(closeDeadline.remaining()));
        }
    }

    /** One that fails does not keep the others open. */
    private static void close(String name, @Nullable AutoCloseable part) {
        if (part == null) {
            return;
        }
        try {
            part.close();
        } catch (Exception e) {
            LOG.log(Level.WARNING, "closing the " + name + " failed", e);
        }
    }

    @Override
    public String toString() {
        return "Forge[" + config.database().serviceName() + "]";
    }
}
