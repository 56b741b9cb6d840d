package io.forgeloom.notify;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.Lifecycle;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one session listening, and publishes what it says. Disconnected, connecting, listening; at any fault back-off and
 * again. Safe for use by many threads.
 */
final class BusLoop {

    // One thread owns the session. It waits in slices, so that a channel that was added is listened to within one, and
    // it publishes a gap into every feed between a connect and the first read. A second thread, the watch, has no part
    // in it but to abort the session when a slice or a question has not come back in time: the driver waits without a
    // limit for the rest of a message that has begun, and where the network is silent.

    private static final System.Logger LOG = System.getLogger("io.forgeloom.notify");

    private enum Phase {
        STOPPED,
        CONNECTING,
        LISTENING,
        WAITING
    }

    private final ConnectionPool pool;
    private final Channels channels;
    private final SoonSender sender;
    private final BusTiming timing;
    private final BackgroundTask task = new BackgroundTask("forgeloom-notify-bus", this::run);
    private final BackgroundTask watch = new BackgroundTask("forgeloom-notify-watch", this::watch);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Written by the bus's thread, under the lock where somebody waits for it.
    private volatile Phase phase = Phase.STOPPED;
    private volatile long generation;

    /** The last generation whose gap is in every stream. */
    private volatile long announced;

    private volatile Set<String> listening = Set.of();
    private volatile @Nullable Instant connectedSince;

    /** The session, while it is one to abort. */
    private volatile @Nullable BusSession session;

    /** {@link System#nanoTime()} by which the thread must be back from the driver; 0 while it is not in it. Written by that thread. */
    private volatile long dueNanos;

    /** Whether the channels may be others than those that are listened to. */
    private volatile boolean stale;

    // Written by the bus's thread alone.
    private final AtomicLong received = new AtomicLong();
    private volatile double queueUsage = -1;
    private volatile long provenNanos;

    /** {@link System#nanoTime()} of the last notification; the bus's thread alone, as what follows. */
    private long heardNanos;

    /** Until when it listened for sure, and why no longer: over a stop, too. Null before the first start. */
    private @Nullable Instant since;

    private String cause = "the bus was started";

    /** Why the last attempt got no session; null if it got one. */
    private @Nullable AcquireException refusal;

    BusLoop(ConnectionPool pool, Channels channels, SoonSender sender, BusTiming timing) {
        this.pool = pool;
        this.channels = channels;
        this.sender = sender;
        this.timing = timing;
    }

    /** One task starts and stops the others, so that of a start and a stop at the same time one holds for all of them. */
    void start() {
        task.start();
    }

    boolean isRunning() {
        return task.state() == Lifecycle.State.RUNNING;
    }

    void stop() {
        task.stop();
    }

    void close() {
        task.close();
        watch.close();
    }

    void channelsChanged() {
        stale = true;
    }

    long generation() {
        return generation;
    }

    boolean awaitGeneration(long wanted, Deadline deadline) throws InterruptedException {
        return await(deadline, () -> announced >= wanted);
    }

    /** Waits while a LISTEN for these channels is under way. An interrupt ends the wait, and its flag is set. */
    void awaitListening(List<String> names, Deadline deadline) {
        try {
            boolean unused = await(
                    deadline, () -> phase == Phase.STOPPED || phase == Phase.WAITING || listening.containsAll(names));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean await(Deadline deadline, BooleanSupplier condition) throws InterruptedException {
        if (condition.getAsBoolean()) {
            return true;
        }
        lock.lockInterruptibly();
        try {
            while (!condition.getAsBoolean()) {
                if (changed.awaitNanos(deadline.remainingNanos()) <= 0) {
                    return condition.getAsBoolean();
                }
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void enter(Phase next, Runnable change) {
        lock.lock();
        try {
            phase = next;
            change.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    BusStats stats() {
        long proven = provenNanos;
        return new BusStats(
                generation,
                connectedSince,
                received.get(),
                queueUsage,
                proven == 0 ? null : Duration.ofNanos(System.nanoTime() - proven),
                sender.sent(),
                sender.pending(),
                sender.dropped());
    }

    // ---- the bus's thread ----

    private void run(BooleanSupplier stop) throws InterruptedException {
        watch.start();
        sender.start();
        try {
            if (since == null) {
                since = Instant.now();
            }
            reconnect(stop);
        } finally {
            enter(Phase.STOPPED, () -> {});
            sender.stop();
            watch.stop();
        }
    }

    private void reconnect(BooleanSupplier stop) throws InterruptedException {
        BusBackoff backoff = new BusBackoff(timing);
        refusal = null;
        boolean starting = false;
        while (!stop.getAsBoolean()) {
            long begun = System.nanoTime();
            long before = generation;
            boolean known = starting;
            String fault = session(stop);
            AcquireException refused = refusal;
            starting = refused != null && BusSession.isStarting(refused);
            boolean listened = generation != before;
            boolean stopped = stop.getAsBoolean() || Thread.currentThread().isInterrupted();
            if (listened) {
                lost(stopped ? "the bus was stopped" : fault, stopped);
            }
            if (stopped || phase == Phase.STOPPED) {
                return;
            }
            Duration pause = starting ? Duration.ZERO : backoff.next(listened, System.nanoTime() - begun);
            if (starting && !known) {
                LOG.log(Level.WARNING, "the notify bus waits for its server to start: " + fault);
            } else if (!listened && !starting) {
                LOG.log(
                        Level.WARNING,
                        "the notify bus could not listen, and tries again in " + pause.toMillis() + " ms: " + fault);
            }
            Thread.sleep(pause);
        }
    }

    /** One session from its opening to its end. Returns why it ended. */
    private String session(BooleanSupplier stop) {
        enter(Phase.CONNECTING, () -> {});
        Phase after = Phase.WAITING;
        AcquireException last = refusal;
        refusal = null;
        try (BusSession opened = BusSession.open(pool, last)) {
            session = opened;
            connect(opened);
            listen(opened, stop);
            return "the bus was stopped";
        } catch (AcquireException e) {
            refusal = e;
            if (e.reason() == AcquireException.Reason.CLOSED) {
                channels.end(new Closed("the database was closed"));
                after = Phase.STOPPED;
            }
            return String.valueOf(e.getMessage());
        } catch (SQLException | RuntimeException e) {
            // Whatever it is: a bus that ended for it would leave its subscribers waiting without a word.
            return e.getMessage() == null ? e.toString() : e.getMessage();
        } finally {
            session = null;
            dueNanos = 0;
            Phase next = after;
            enter(next, () -> {
                listening = Set.of();
                connectedSince = null;
            });
        }
    }

    private void lost(String why, boolean stopped) {
        long now = System.nanoTime();
        long sure = heardNanos - provenNanos > 0 ? heardNanos : provenNanos;
        since = Instant.now().minusNanos(now - sure);
        cause = why;
        if (!stopped) {
            LOG.log(Level.WARNING, "the notify bus lost its session (generation " + generation + "): " + why);
        }
        BusEvents.Disconnect event = new BusEvents.Disconnect();
        event.generation = generation;
        event.cause = why;
        event.commit();
    }

    private void connect(BusSession opened) throws SQLException {
        stale = false;
        Set<String> names = Set.copyOf(channels.names());
        within(timing.answer(), () -> opened.listen(names));
        long next = generation + 1;
        proven();
        heardNanos = provenNanos;
        // Whoever reads the gap finds the generation that it names, and whoever waited for the generation finds the
        // gap.
        generation = next;
        channels.gap(names, new Gap(next, cause, since == null ? Instant.now() : since));
        enter(Phase.LISTENING, () -> {
            listening = names;
            connectedSince = Instant.now();
            announced = next;
        });
        LOG.log(Level.INFO, "the notify bus listens to " + names.size() + " channels (generation " + next + ")");
        BusEvents.Connect event = new BusEvents.Connect();
        event.generation = next;
        event.channels = names.size();
        event.cause = cause;
        event.commit();
    }

    private void listen(BusSession opened, BooleanSupplier stop) throws SQLException {
        long silence = timing.silence().toNanos();
        while (!stop.getAsBoolean()) {
            long quiet = System.nanoTime() - Math.max(heardNanos, provenNanos);
            Duration slice = Duration.ofNanos(
                    Math.clamp(silence - quiet, 1_000_000, timing.slice().toNanos()));
            int count = within(slice.plus(timing.answer()), () -> opened.await(slice, this::receive));
            channels.flush();
            long now = System.nanoTime();
            if (count > 0) {
                received.addAndGet(count);
                heardNanos = now;
            }
            if (stale) {
                listenToMore(opened);
            }
            if (now - Math.max(heardNanos, provenNanos) >= silence
                    || now - provenNanos >= timing.probeInterval().toNanos()) {
                queueUsage = within(timing.answer(), opened::probe);
                proven();
            }
        }
    }

    private void receive(String channel, String payload, int backendPid) {
        if (dueNanos != 0) {
            // Back from the driver: handing on a large batch takes as long as it takes, and no byte comes meanwhile.
            dueNanos = 0;
        }
        channels.publish(channel, payload, backendPid);
    }

    private void listenToMore(BusSession opened) throws SQLException {
        stale = false;
        Set<String> names = Set.copyOf(channels.names());
        Set<String> added = within(timing.answer(), () -> opened.listen(names));
        // Who subscribed before its LISTEN was through.
        channels.gap(added, new Gap(generation, "the channel was added", Instant.now()));
        enter(Phase.LISTENING, () -> listening = names);
    }

    private void proven() {
        provenNanos = System.nanoTime();
    }

    private interface Call<T> {
        T call() throws SQLException;
    }

    /** The watch aborts the session if this takes longer. */
    private <T> T within(Duration limit, Call<T> call) throws SQLException {
        long due = System.nanoTime() + limit.toNanos();
        dueNanos = due == 0 ? 1 : due; // the clock may be below zero
        try {
            return call.call();
        } finally {
            dueNanos = 0;
        }
    }

    // ---- the watch's thread ----

    private void watch(BooleanSupplier stop) throws InterruptedException {
        long seen = 0;
        while (!stop.getAsBoolean()) {
            Thread.sleep(nextLook());
            long due = dueNanos;
            BusSession late = session;
            // Not while something arrives: the driver returns when it has caught up, and after millions in one
            // transaction that takes its time.
            if (late == null
                    || due == 0
                    || System.nanoTime() - due < 0
                    || !late.isSilentFor(timing.answer().dividedBy(2))) {
                seen = 0;
            } else if (seen != due) {
                // After a pause of the whole process nothing is late but this process: the thread gets a moment.
                seen = due;
            } else {
                LOG.log(Level.WARNING, "the notify bus has no answer from its session, which is cut");
                late.abort();
                seen = 0;
            }
        }
    }

    /** Whatever begins after this look has at least the time of an answer: until then there is nothing to see. */
    private Duration nextLook() {
        long due = dueNanos;
        long answer = timing.answer().toNanos();
        long least = timing.watchInterval().toNanos();
        return Duration.ofNanos(Math.clamp(due == 0 ? answer : due - System.nanoTime(), least, answer));
    }
}
