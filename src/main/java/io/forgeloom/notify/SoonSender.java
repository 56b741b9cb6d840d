package io.forgeloom.notify;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Sends wake-ups, many in one statement: a NOTIFY in a transaction holds a lock of the whole cluster over its commit, and
 * here one commit does it for all that came in a few milliseconds. Holds a connection only while it sends. Safe for use by
 * many threads.
 */
final class SoonSender {

    /** What is to be sent; the same twice is once. */
    record WakeUp(String channel, String payload) {}

    /** How long the first of a batch waits for others. */
    private static final Duration GATHER = Duration.ofMillis(5);

    /** As many different ones wait at most: what a long outage may cost in memory. */
    static final int MOST_PENDING = 65_536;

    /** So many go into one statement: after an outage there may be far more than one could send in time. */
    static final int MOST_AT_ONCE = 1_000;

    private static final Duration FIRST_RETRY = Duration.ofMillis(50);
    private static final Duration LAST_RETRY = Duration.ofSeconds(2);
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    /** Nothing here outlives a crash, so its commit need not wait for the disk, nor have writers share their flushes. */
    private static final String SEND = """
            SELECT pg_catalog.set_config('synchronous_commit', 'off', true),
                   pg_catalog.count(pg_catalog.pg_notify(w.channel, w.payload))
            FROM ROWS FROM (pg_catalog.unnest(CAST(? AS text[])), pg_catalog.unnest(CAST(? AS text[])))
                 WITH ORDINALITY AS w (channel, payload, number)
            """;

    /** The class of SQLSTATE for values that cannot be. */
    private static final String DATA_EXCEPTION = "22";

    private static final System.Logger LOG = System.getLogger("io.forgeloom.notify");

    private final ConnectionPool pool;
    private final BackgroundTask task = new BackgroundTask("forgeloom-notify-send", this::run);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition added = lock.newCondition();

    // The callers add to one set, which the sender takes as a whole once all of the one before was sent: nothing that
    // grows with the number of those that wait is done under the lock that a caller may wait for.

    /** Guarded by the lock. */
    private Set<WakeUp> pending = new LinkedHashSet<>();

    /** What was taken and not sent yet; its thread alone, and {@link #close} after that. */
    private final Deque<WakeUp> taken = new ArrayDeque<>();

    /** The size of what was taken. */
    private volatile int takenCount;

    /** Guarded by the lock. */
    private boolean closed;

    private final AtomicLong sent = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();

    SoonSender(ConnectionPool pool) {
        this.pool = pool;
    }

    void start() {
        task.start();
    }

    void stop() {
        task.stop();
    }

    /** Sends what waits, for a second at most, and then no more. */
    void close() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        task.close();
        Deadline deadline = Deadline.after(LAST_WORDS);
        try {
            for (List<WakeUp> last = next(); !last.isEmpty(); last = next()) {
                sendOrDrop(last, deadline.remaining());
                done(last);
            }
        } catch (SQLException | AcquireException e) {
            LOG.log(Level.WARNING, pending() + " wake-ups were not sent before the bus was closed: " + e.getMessage());
        }
    }

    /** Never waits for I/O, nor for anything that takes longer the more there are. */
    void add(WakeUp wakeUp) {
        boolean tooMany;
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the bus is closed");
            }
            tooMany = pending.size() + takenCount >= MOST_PENDING && !pending.contains(wakeUp);
            if (!tooMany && pending.add(wakeUp) && pending.size() == 1) {
                added.signal();
            }
        } finally {
            lock.unlock();
        }
        if (tooMany && dropped.getAndIncrement() == 0) {
            LOG.log(
                    Level.WARNING,
                    MOST_PENDING + " wake-ups wait to be sent, and more are dropped; the database cannot be reached?");
        }
    }

    long sent() {
        return sent.get();
    }

    long dropped() {
        return dropped.get();
    }

    int pending() {
        lock.lock();
        try {
            return pending.size() + takenCount;
        } finally {
            lock.unlock();
        }
    }

    private void run(BooleanSupplier stop) throws InterruptedException {
        Backoff backoff = new Backoff(FIRST_RETRY, LAST_RETRY);
        while (!stop.getAsBoolean()) {
            if (taken.isEmpty()) {
                awaitAdded();
                Thread.sleep(GATHER);
            }
            try {
                List<WakeUp> batch = next();
                sendOrDrop(batch, LAST_RETRY);
                done(batch);
                backoff.reset();
            } catch (SQLException | AcquireException e) {
                if (Thread.currentThread().isInterrupted()) {
                    return;
                }
                LOG.log(Level.DEBUG, "wake-ups could not be sent and wait: " + e.getMessage());
                Thread.sleep(Duration.ofNanos(backoff.nextNanos()));
            }
        }
    }

    private void awaitAdded() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (pending.isEmpty()) {
                added.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /** The next to be sent, in the order in which they came. They stay taken until they are {@link #done}. */
    private List<WakeUp> next() {
        if (taken.isEmpty()) {
            Set<WakeUp> all;
            lock.lock();
            try {
                all = pending;
                pending = new LinkedHashSet<>();
                takenCount = all.size();
            } finally {
                lock.unlock();
            }
            taken.addAll(all);
        }
        return taken.stream().limit(MOST_AT_ONCE).toList();
    }

    /** Not after a failure: sent twice is no harm, and the server's answer may have been lost. */
    private void done(List<WakeUp> batch) {
        batch.forEach(sent -> taken.removeFirst());
        takenCount = taken.size();
    }

    /** As {@link #send}; one that the server can never take, such as a letter its encoding does not have, stops no other. */
    private void sendOrDrop(List<WakeUp> batch, Duration patience) throws SQLException {
        try {
            send(batch, patience);
        } catch (SQLException e) {
            String state = e.getSQLState();
            if (state == null || !state.startsWith(DATA_EXCEPTION)) {
                throw e;
            }
            if (batch.size() > 1) {
                int half = batch.size() / 2;
                sendOrDrop(batch.subList(0, half), patience);
                sendOrDrop(batch.subList(half, batch.size()), patience);
                return;
            }
            dropped.incrementAndGet();
            LOG.log(
                    Level.WARNING,
                    "a wake-up for channel " + batch.getFirst().channel + " is dropped, which the server refuses: "
                            + e.getMessage());
        }
    }

    private void send(List<WakeUp> batch, Duration patience) throws SQLException {
        Deadline deadline = Deadline.after(patience);
        List<String> names = new ArrayList<>(batch.size());
        List<String> payloads = new ArrayList<>(batch.size());
        for (WakeUp wakeUp : batch) {
            names.add(wakeUp.channel);
            payloads.add(wakeUp.payload);
        }
        try (Connection connection = pool.acquire(patience)) {
            connection.setNetworkTimeout(
                    Runnable::run, (int) Math.max(1, deadline.remaining().toMillis()));
            try (PreparedStatement statement = connection.prepareStatement(SEND)) {
                statement.setArray(1, connection.createArrayOf("text", names.toArray()));
                statement.setArray(2, connection.createArrayOf("text", payloads.toArray()));
                statement.execute();
            }
        }
        sent.addAndGet(batch.size());
    }
}
