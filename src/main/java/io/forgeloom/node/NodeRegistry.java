package io.forgeloom.node;

import io.forgeloom.database.Database;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.Lifecycle;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Makes this process known to all others on the same database, and says which of them are there.
 *
 * <p>{@link #start()} returns at once; the first heartbeat registers the node as {@link NodeStatus#JOINING},
 * {@link #ready()} says that it works, {@link #drain()} that it is about to end, and {@link #stop()} takes it off the list.
 * The database must stay open for longer. At rest it is one statement in each {@link NodeConfig#heartbeatInterval()}.
 *
 * <p>Safe for use by many threads.
 */
public final class NodeRegistry implements AutoCloseable {

    private final NodeSelf self;
    private final DatabaseRoll roll;
    private final NodeLoop loop;

    private NodeRegistry(Database database, NodeConfig config) {
        this.self = NodeSelf.of(database.serviceName(), config);
        this.roll = new DatabaseRoll(database, config, self);
        this.loop = new NodeLoop(self.nodeId(), config, roll, Thread.ofVirtual().factory());
    }

    /** As {@link #of(Database, NodeConfig)} with every default. */
    public static NodeRegistry of(Database database) {
        return of(database, NodeConfig.DEFAULTS);
    }

    /** A registry that is not started. */
    public static NodeRegistry of(Database database, NodeConfig config) {
        return new NodeRegistry(Objects.requireNonNull(database, "database"), Objects.requireNonNull(config, "config"));
    }

    // ---- lifecycle ----

    /**
     * Begins to say that this node is there, and returns without waiting for anything, the database included. While started
     * does nothing; after a stop it starts again, as one that joins.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    public void start() {
        loop.start();
    }

    /** It works now: joining is over. Said to the others at once. Nothing happens once {@link #drain()} was called. */
    public void ready() {
        loop.ready();
    }

    /** It takes no new work from now on. Said to the others at once; only a stop and a new start end it. */
    public void drain() {
        loop.drain();
    }

    /** Whether it was started and its thread lives; whether the database hears it is another matter. No I/O. */
    public boolean isRunning() {
        return loop.state() == Lifecycle.State.RUNNING;
    }

    /**
     * Takes this node off the list and ends every thread; takes a moment, and 2 s if the database does not answer. The node is
     * then left on the list, to be seen as dead.
     */
    public void stop() {
        loop.stop();
    }

    /** As {@link #stop()}, for good. */
    @Override
    public void close() {
        loop.close();
    }

    /**
     * Waits until the server has recorded a heartbeat of this run.
     *
     * @return whether it has
     */
    public boolean awaitRegistered(Duration timeout) throws InterruptedException {
        return loop.awaitRegistered(Deadline.after(timeout));
    }

    /** Why the last heartbeat was not recorded; empty if it was, or none was sent. No I/O. */
    public Optional<String> problem() {
        return Optional.ofNullable(loop.problem());
    }

    // ---- who is there ----

    /** The name of this node, also for {@link NodeConfig.Builder#nodeId} and its like in other places. */
    public String nodeId() {
        return self.nodeId();
    }

    /**
     * How the others see this node, as far as it can know: no I/O. {@link NodeStatus#JOINING} until it was registered,
     * {@link NodeStatus#DEAD} when it could not say anything for {@link NodeConfig#deadAfter()} or another process has taken
     * its name, {@link NodeStatus#DRAINING} after a stop.
     */
    public NodeStatus status() {
        return loop.status();
    }

    /**
     * Asks the database for all nodes, by service name and node id; the dead are among them for a day. One round trip, two for
     * the first time.
     *
     * @throws ConfigurationException if there is no {@code forge_nodes}
     * @throws DatabaseException if it could not be asked
     */
    public List<NodeInfo> nodes() {
        return roll.list();
    }

    /**
     * As {@link #nodes()}, for whoever is not a node itself. Two round trips.
     *
     * @param config whose schema counts
     * @throws ConfigurationException if there is no {@code forge_nodes}
     * @throws DatabaseException if it could not be asked
     */
    public static List<NodeInfo> nodes(Database database, NodeConfig config) {
        return database.<List<NodeInfo>, RuntimeException>withConnection(
                connection -> NodeTable.find(connection, config.schema()).list(connection));
    }

    @Override
    public String toString() {
        return "NodeRegistry[" + nodeId() + ", " + NodeLoop.text(status()) + "]";
    }
}
