package io.forgeloom.node;

import io.forgeloom.database.AcquireException;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.Lifecycle;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Says every now and then that the node is there, and at the end that it is not. Safe for use by many threads. */
final class NodeLoop implements Lifecycle {

    // Two threads a run. The task's own one does nothing but wait for the stop, which is an interrupt: that would close
    // the socket of a virtual thread in I/O, and what the server makes of a heartbeat that is cut off might come after
    // the
    // farewell. So the other one talks to the server, all in one order, and is interrupted only if it hangs.

    private static final System.Logger LOG = System.getLogger("io.forgeloom.node");

    /** How long a stop waits for a heartbeat that is under way, and how long the farewell may take. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final String nodeId;
    private final NodeConfig config;
    private final Roll roll;
    private final BackgroundTask task;

    /** Guards the three below, which are what a heartbeat says and when; never held during I/O. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition changed = lock.newCondition();
    private NodeStatus wanted = NodeStatus.JOINING;
    private boolean started;

    /** The last heartbeat that was recorded, from before it was sent; none in this run if {@code heard} is false. */
    private long heardNanos;

    private boolean heard;

    /** Why the last heartbeat was not recorded; null if it was. Not guarded. */
    private volatile @Nullable String problem;

    NodeLoop(String nodeId, NodeConfig config, Roll roll, ThreadFactory threads) {
        this.nodeId = nodeId;
        this.config = config;
        this.roll = roll;
        this.task = new BackgroundTask("forgeloom-node", threads, this::run);
    }

    @Override
    public void start() {
        lock.lock();
        try {
            boolean again = task.state() != State.RUNNING;
            task.start();
            if (again) {
                wanted = NodeStatus.JOINING;
                heard = false;
                problem = null;
                started = true;
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void stop() {
        task.stop();
    }

    @Override
    public void stop(Duration timeout) throws InterruptedException, TimeoutException {
        task.stop(timeout);
    }

    @Override
    public void close() {
        task.close();
    }

    @Override
    public State state() {
        return task.state();
    }

    /** Joining is over, unless draining has begun. */
    void ready() {
        turn(NodeStatus.JOINING, NodeStatus.ACTIVE);
    }

    void drain() {
        turn(NodeStatus.JOINING, NodeStatus.DRAINING);
        turn(NodeStatus.ACTIVE, NodeStatus.DRAINING);
    }

    private void turn(NodeStatus from, NodeStatus to) {
        lock.lock();
        try {
            if (wanted == from) {
                wanted = to;
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    NodeStatus status() {
        State state = task.state();
        lock.lock();
        try {
            if (state != State.RUNNING) {
                return started ? NodeStatus.DRAINING : NodeStatus.JOINING;
            } else if (!heard) {
                return wanted == NodeStatus.ACTIVE ? NodeStatus.JOINING : wanted;
            }
            return unheard().compareTo(config.deadAfter()) > 0 ? NodeStatus.DEAD : wanted;
        } finally {
            lock.unlock();
        }
    }

    /** Until one heartbeat of this run was recorded. */
    boolean awaitRegistered(Deadline deadline) throws InterruptedException {
        lock.lock();
        try {
            while (!heard) {
                long left = deadline.remaining().toNanos();
                if (left <= 0) {
                    return false;
                }
                long unused = changed.awaitNanos(left);
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    @Nullable
    String problem() {
        return problem;
    }

    /** Since the last heartbeat that was recorded, as far as is known here. */
    private Duration unheard() {
        lock.lock();
        try {
            return heard ? Duration.ofNanos(System.nanoTime() - heardNanos) : Duration.ZERO;
        } finally {
            lock.unlock();
        }
    }

    // ---- one run ----

    private void run(BooleanSupplier stop) {
        Stay stay = new Stay();
        Thread beats = Thread.ofVirtual().name("forgeloom-node-beat").start(stay::run);
        try {
            // Ends by itself if the database is closed.
            beats.join();
            return;
        } catch (InterruptedException e) {
            stay.end();
        }
        while (true) {
            try {
                if (beats.join(PATIENCE)) {
                    return;
                }
                beats.interrupt();
            } catch (InterruptedException again) {
                // The same request; what is waited for has its bounds.
            }
        }
    }

    /** From a start to its stop: one incarnation of the node. All but {@link #end} by its own thread. */
    private final class Stay {

        private final UUID incarnation = UUID.randomUUID();

        /** Guarded by the lock. */
        private boolean ending;

        private boolean recorded;
        private boolean superseded;
        private boolean closed;

        /** The kinds of failures since the last heartbeat that was recorded: each is told once. */
        private final Set<String> failures = new HashSet<>();

        void end() {
            lock.lock();
            try {
                ending = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }

        void run() {
            NodeStatus said = NodeStatus.JOINING;
            long next = System.nanoTime();
            while (awaitTick(next, said)) {
                next = System.nanoTime() + config.heartbeatInterval().toNanos();
                said = wanted();
                beat(said);
            }
            leave();
        }

        private NodeStatus wanted() {
            lock.lock();
            try {
                return wanted;
            } finally {
                lock.unlock();
            }
        }

        /** Until the time has come, or there is something new to say. Returns false at the end. */
        private boolean awaitTick(long next, NodeStatus said) {
            lock.lock();
            try {
                while (!ending && !closed && wanted == said && next - System.nanoTime() > 0) {
                    long unused = changed.awaitNanos(next - System.nanoTime());
                }
                return !ending && !closed;
            } catch (InterruptedException e) {
                return false;
            } finally {
                lock.unlock();
            }
        }

        private void beat(NodeStatus said) {
            long begun = System.nanoTime();
            Exception failure;
            try {
                Duration limit = config.deadAfter().dividedBy(3);
                Roll.Answer answer = roll.beat(incarnation, said, !recorded, Deadline.after(limit));
                if (answer.recorded()) {
                    recorded(answer, said, begun);
                } else if (!superseded) {
                    superseded = true;
                    problem = "another process has registered under the same node id";
                    LOG.log(
                            Level.WARNING,
                            "another process has registered as node {0} after this one, which is not shown any more"
                                    + " while that one is there; give each a nodeId of its own",
                            nodeId);
                }
                return;
            } catch (AcquireException e) {
                closed = e.reason() == AcquireException.Reason.CLOSED;
                failure = e;
            } catch (SQLException | RuntimeException e) {
                // Whatever it is: a registry that ended for it would have the node taken for dead.
                failure = e;
            }
            missed(failure);
        }

        private void recorded(Roll.Answer answer, NodeStatus said, long begun) {
            Duration silence = answer.silence();
            if (silence != null) {
                // The answer to a heartbeat may have been lost, of which the server knows nothing.
                Duration unheard = unheard();
                silence = silence.compareTo(unheard) > 0 ? silence : unheard;
            }
            if (silence != null && silence.compareTo(config.deadAfter()) > 0) {
                // Also where it is the first that is known here: the answer to one before may have been lost.
                LOG.log(
                        Level.WARNING,
                        "node {0} was silent for {1} ms and counted as dead, and is {2} again",
                        nodeId,
                        Long.toString(silence.toMillis()),
                        text(said));
            } else if (!recorded) {
                LOG.log(Level.INFO, "node {0} is registered, and {1}", nodeId, text(said));
            } else if (silence == null) {
                LOG.log(Level.WARNING, "node {0} was not registered any more, and is again, {1}", nodeId, text(said));
            } else if (!failures.isEmpty()) {
                LOG.log(
                        Level.INFO,
                        "node {0} was silent for {1} ms, and is heard again",
                        nodeId,
                        Long.toString(silence.toMillis()));
            }
            recorded = true;
            superseded = false;
            failures.clear();
            lock.lock();
            try {
                heardNanos = begun;
                heard = true;
                problem = null;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
            answer.dead().forEach(this::tell);
        }

        private void tell(Roll.Silent node) {
            LOG.log(
                    Level.WARNING,
                    "node {0} ({1}, process {2} on {3}) has been silent for {4} ms, and counts as dead",
                    node.nodeId(),
                    node.serviceName(),
                    Long.toString(node.pid()),
                    node.host(),
                    Long.toString(node.silence().toMillis()));
            NodeEvents.dead(node);
        }

        private void missed(Exception failure) {
            String why = failure.getMessage() == null ? failure.toString() : failure.getMessage();
            problem = why;
            if (closed) {
                LOG.log(Level.WARNING, "node {0} is not heard of any more: {1}", nodeId, why);
                return;
            }
            NodeEvents.missed(nodeId, unheard(), why);
            // Those of one kind that follow would say the same.
            if (failures.add(failure.getClass().getName() + " " + SqlState.of(failure))) {
                LOG.log(
                        Level.WARNING,
                        "node {0} could not say that it is there, tries again every {1} and counts as dead after {2}: {3}",
                        nodeId,
                        config.heartbeatInterval(),
                        config.deadAfter(),
                        why);
            }
        }

        private void leave() {
            // The interrupt of a heartbeat that hung is spent; this has a limit of its own.
            boolean unused = Thread.interrupted();
            if (closed) {
                return;
            }
            try {
                roll.leave(incarnation, Deadline.after(PATIENCE));
            } catch (SQLException | RuntimeException e) {
                LOG.log(
                        Level.WARNING,
                        "node {0} has ended and could not say so; if it was registered, it will count as dead: {1}",
                        nodeId,
                        e.getMessage());
            }
        }
    }

    static String text(NodeStatus status) {
        return status.name().toLowerCase(Locale.ROOT);
    }
}
