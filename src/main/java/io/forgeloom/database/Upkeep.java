package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * What a pool does to its free sessions while nobody looks: closes those that are not needed or too old, tries those that
 * lay still for long, and reports connections that are held for too long. One virtual thread, which sleeps between its
 * rounds; it takes a session only if nobody waits for one. Safe for use by many threads.
 */
final class Upkeep implements AutoCloseable {

    private static final long LONGEST_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** Rounds in the shortest of the periods that are switched on: how late a session may be noticed. */
    private static final int ROUNDS = 4;

    private final ConnectionPool pool;
    private final SessionPool sessions;
    private final Duration connectTimeout;
    private final long idleTimeoutNanos;
    private final long keepaliveNanos;
    private final long leakThresholdNanos;
    private final long pauseNanos;
    private final BackgroundTask task;

    Upkeep(ConnectionPool pool, SessionPool sessions, DatabaseConfig config) {
        this.pool = pool;
        this.sessions = sessions;
        this.connectTimeout = config.connectTimeout();
        this.idleTimeoutNanos = config.idleTimeout().toNanos();
        this.keepaliveNanos = config.keepaliveInterval().toNanos();
        this.leakThresholdNanos = config.leakThreshold().toNanos();
        long lifetime = config.maxLifetime().toNanos();
        this.pauseNanos = LongStream.of(idleTimeoutNanos, keepaliveNanos, leakThresholdNanos, lifetime)
                .filter(period -> period > 0)
                .map(period -> Math.min(Math.max(1_000_000, period / ROUNDS), LONGEST_PAUSE_NANOS))
                .min()
                .orElse(0);
        this.task = new BackgroundTask("forgeloom-upkeep-" + pool.name(), this::run);
    }

    /** Begins, if anything is switched on. */
    void start() {
        if (pauseNanos > 0) {
            task.start();
        }
    }

    /** Whether acquisitions note where they happen. */
    boolean looksForLeaks() {
        return leakThresholdNanos > 0;
    }

    private void run(BooleanSupplier stopRequested) throws InterruptedException {
        while (!stopRequested.getAsBoolean()) {
            TimeUnit.NANOSECONDS.sleep(pauseNanos);
            closeSpent(stopRequested);
            tryThoseThatLayStill(stopRequested);
            reportLeaks();
        }
    }

    private void closeSpent(BooleanSupplier stopRequested) {
        while (!stopRequested.getAsBoolean()) {
            long now = System.nanoTime();
            PooledSession spent = sessions.takeIdle(session -> session.isExpired(now)
                    || (idleTimeoutNanos > 0
                            && now - session.lastUsedNanos >= idleTimeoutNanos
                            && sessions.isAboveMinimum()));
            if (spent == null) {
                return;
            }
            sessions.dispose(spent, spent.isExpired(now) ? CloseReason.EXPIRED : CloseReason.IDLE);
        }
    }

    private void tryThoseThatLayStill(BooleanSupplier stopRequested) {
        long round = System.nanoTime();
        while (keepaliveNanos > 0 && !stopRequested.getAsBoolean()) {
            PooledSession still = sessions.takeIdle(session -> round - session.lastTriedNanos() >= keepaliveNanos);
            if (still == null) {
                return;
            }
            boolean alive = false;
            try {
                alive = pool.isAlive(still, Deadline.after(connectTimeout));
            } finally {
                if (alive) {
                    sessions.give(still);
                } else {
                    pool.suspect();
                    sessions.dispose(still, CloseReason.DEAD);
                }
            }
        }
    }

    private void reportLeaks() {
        if (leakThresholdNanos == 0) {
            return;
        }
        for (PooledSession session : sessions.inUse()) {
            Throwable acquiredAt = session.acquiredAt;
            Thread holder = session.holder;
            long held = System.nanoTime() - session.heldSinceNanos;
            if (acquiredAt != null && holder != null && held >= leakThresholdNanos) {
                session.acquiredAt = null;
                PoolEvents.Leak event = new PoolEvents.Leak();
                event.pool = pool.name();
                event.session = session.number;
                event.holder = holder;
                event.commit();
                String now = Arrays.stream(holder.getStackTrace())
                        .map(frame -> System.lineSeparator() + "\tat " + frame)
                        .collect(Collectors.joining());
                ConnectionPool.LOG.log(
                        Level.WARNING,
                        pool.name() + ": connection #" + session.number + " is held for " + held / 1_000_000
                                + " ms by \"" + holder.getName() + "\", longer than leakThreshold ("
                                + leakThresholdNanos / 1_000_000 + " ms); its thread "
                                + (holder.isAlive() ? "is now" + now : "has ended"),
                        acquiredAt);
            }
        }
    }

    /** Returns when the thread has ended. */
    @Override
    public void close() {
        task.close();
    }
}
