package io.forgeloom.database;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.internal.concurrent.Deadline;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The part of the primary's connections that reads may use which no replica may serve, so that replicas that fall behind
 * do not take the primary down with them. Safe for use by many threads.
 */
final class ReadShare {

    // One fair semaphore. A permit is taken before the connection, so that nobody waits for one with the other in hand
    // that somebody needs, and travels with the session: SessionPool gives it back where the session's place becomes
    // free, which is one of two methods, called exactly once for each lease, whoever calls it. So a backend that is
    // still
    // at work for a client that is gone counts until it is ended.
    //
    // Closing: one permit more is released. Whoever gets it finds the share closed, passes it on and fails.

    /** Where the pool that is handed out comes in: what to do over the cap. */
    record Door(ReadShare share, OverCap overCap) {

        ConnectionHandle lease(Deadline deadline) {
            return share.lease(deadline, overCap);
        }

        Optional<Connection> tryLease() {
            return share.tryLease();
        }
    }

    private final ConnectionPool primary;
    private final int size;
    private final int maxWaiters;
    private final BooleanSupplier primaryAnswers;
    private final Supplier<List<ConnectionPool>> fallbacks;
    private final Semaphore permits;
    private final AtomicInteger waiters = new AtomicInteger();
    private volatile boolean closed;

    /**
     * @param fallbacks the pools of the replicas that answer, the least lagging one first
     */
    ReadShare(
            ConnectionPool primary,
            int size,
            int maxWaiters,
            BooleanSupplier primaryAnswers,
            Supplier<List<ConnectionPool>> fallbacks) {
        this.primary = primary;
        this.size = size;
        this.maxWaiters = maxWaiters;
        this.primaryAnswers = primaryAnswers;
        this.fallbacks = fallbacks;
        this.permits = new Semaphore(size, true);
    }

    /** How many connections of the primary such reads use now. */
    int inUse() {
        return size - permits.availablePermits();
    }

    /** How many reads wait for one, beside those that wait in the primary's own queue. */
    int waiting() {
        return waiters.get();
    }

    private ConnectionHandle lease(Deadline deadline, OverCap overCap) {
        long begin = System.nanoTime();
        boolean mayBeStale = overCap instanceof OverCap.ReadStale;
        ConnectionHandle stale = mayBeStale && !primaryAnswers.getAsBoolean() ? leaseStale(deadline) : null;
        if (stale != null) {
            return stale;
        }
        if (!tryPermit()) {
            stale = mayBeStale ? leaseStale(deadline) : null;
            if (stale != null) {
                return stale;
            }
            if (overCap instanceof OverCap.Fail) {
                throw over(begin);
            }
            awaitPermit(deadline, begin);
        }
        boolean leased = false;
        try {
            if (closed) {
                throw primary.refusals().refusal(Reason.CLOSED, begin, null);
            }
            ConnectionHandle connection = primary.lease(deadline, this);
            leased = true;
            return connection;
        } finally {
            if (!leased) {
                giveBack();
            }
        }
    }

    private Optional<Connection> tryLease() {
        if (!tryPermit()) {
            return Optional.empty();
        }
        Optional<Connection> connection = Optional.empty();
        try {
            connection = primary.tryAcquire(this);
            return connection;
        } finally {
            if (connection.isEmpty()) {
                giveBack();
            }
        }
    }

    /** The semaphore's own tryAcquire() overtakes those who wait. */
    private boolean tryPermit() {
        return !permits.hasQueuedThreads() && permits.tryAcquire();
    }

    private void awaitPermit(Deadline deadline, long begin) {
        if (waiters.incrementAndGet() > maxWaiters) {
            waiters.decrementAndGet();
            throw primary.refusals().queueFull(begin);
        }
        PoolEvents.Wait event = PoolEvents.beginWait();
        String outcome = "READ_SHARE_ACQUIRED";
        try {
            if (!permits.tryAcquire(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
                outcome = Reason.READ_SHARE.name();
                throw over(begin);
            }
        } catch (InterruptedException e) {
            outcome = Reason.INTERRUPTED.name();
            Thread.currentThread().interrupt();
            throw primary.refusals().refusal(Reason.INTERRUPTED, begin, e);
        } finally {
            waiters.decrementAndGet();
            if (event != null) {
                event.end(primary.name(), outcome);
            }
        }
    }

    private AcquireException over(long begin) {
        return primary.refusals()
                .readShareUsed(
                        begin,
                        "no replica may serve reads, and reads use all " + size
                                + " connections of the primary that they may (maxPrimaryReadShare), " + waiters.get()
                                + " more reads wait");
    }

    private @Nullable ConnectionHandle leaseStale(Deadline deadline) {
        for (ConnectionPool replica : fallbacks.get()) {
            try {
                return replica.lease(deadline);
            } catch (AcquireException e) {
                if (e.reason() != Reason.SERVER_DOWN) {
                    throw e;
                }
                // It went down this instant; the next one may answer.
            }
        }
        return null;
    }

    /** By whoever holds a permit, or ends the use of a session that does. */
    void giveBack() {
        permits.release();
    }

    /** Refuses those who wait, and everyone after them. */
    void close() {
        closed = true;
        permits.release();
    }
}
