package io.forgeloom.database;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the server for a read. Who is in rotation is an array that is replaced as a whole when a replica enters or
 * leaves, so that a choice is one read, one increment and no allocation. Safe for use by many threads.
 */
final class ReadRouter {

    private final boolean readFromReplica;
    private final List<Replica> replicas;

    /** The primary as reads get it that no replica may serve. */
    private final ConnectionPool fallback;

    /** As {@link #fallback}, but never a replica over its bound. */
    private final ConnectionPool upToDate;

    private final @Nullable ReadShare share;
    /** The state of the choice. */
    private final AtomicInteger next;

    /** Guards the replacement of {@link #inRotation}; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile Replica[] inRotation = {};

    ReadRouter(ConnectionPool primary, List<Replica> replicas, LagWatch lagWatch, DatabaseConfig config) {
        this.readFromReplica = config.readFromReplica();
        this.replicas = List.copyOf(replicas);
        ReplicaOptions options = config.replicaOptions();
        this.next = switch (options.choice()) {
            case ReplicaChoice.RoundRobin roundRobin -> new AtomicInteger();
        };
        // Where the primary is the way of all reads, as a rule, there is nothing to limit.
        if (options.maxPrimaryReadShare() == 0 || !readFromReplica) {
            this.share = null;
            this.fallback = primary;
            this.upToDate = primary;
        } else {
            ReadShare capped = new ReadShare(
                    primary,
                    options.maxPrimaryReadShare(),
                    config.maxWaiters(),
                    lagWatch::primaryAnswers,
                    this::leastLagging);
            OverCap overCap = options.overCap();
            this.share = capped;
            this.fallback = primary.behind(new ReadShare.Door(capped, overCap));
            this.upToDate = overCap instanceof OverCap.ReadStale
                    ? primary.behind(new ReadShare.Door(capped, OverCap.waitForPrimary()))
                    : fallback;
        }
        for (Replica replica : this.replicas) {
            replica.onChange(this::rebuild);
        }
        rebuild();
    }

    private void rebuild() {
        lock.lock();
        try {
            // Read under the lock: of two changes at the same time, the later one sees both.
            inRotation = replicas.stream().filter(Replica::isInRotation).toArray(Replica[]::new);
        } finally {
            lock.unlock();
        }
    }

    List<Replica> replicas() {
        return replicas;
    }

    /** The next replica in turn; the primary if none is in rotation, or reads from replicas are off. */
    ConnectionPool choose() {
        Replica[] candidates = inRotation;
        if (candidates.length == 0 || !readFromReplica) {
            return fallback;
        }
        return candidates[turn(candidates.length)].pool();
    }

    /** As {@link #choose}, but another pool than {@code failed} unless there is none. */
    ConnectionPool chooseInsteadOf(ConnectionPool failed) {
        Replica[] candidates = inRotation;
        if (candidates.length > 0 && readFromReplica) {
            int first = turn(candidates.length);
            for (int i = 0; i < candidates.length; i++) {
                ConnectionPool pool = candidates[(first + i) % candidates.length].pool();
                if (pool != failed) {
                    return pool;
                }
            }
        }
        return fallback;
    }

    /**
     * The next replica in turn of those that were last seen to have replayed {@code lsn}, else of all; null if none but
     * {@code failed} is in rotation, or reads from replicas are off.
     */
    @Nullable
    Replica chooseReplica(long lsn, @Nullable ConnectionPool failed) {
        Replica[] candidates = inRotation;
        if (candidates.length == 0 || !readFromReplica) {
            return null;
        }
        int first = turn(candidates.length);
        Replica any = null;
        for (int i = 0; i < candidates.length; i++) {
            Replica candidate = candidates[(first + i) % candidates.length];
            if (candidate.pool() != failed) {
                if (candidate.hasReplayed(lsn)) {
                    return candidate;
                }
                any = any == null ? candidate : any;
            }
        }
        return any;
    }

    /** How many replicas are in rotation. */
    int rotationSize() {
        return inRotation.length;
    }

    /** Whether this is the pool of a replica that is not in rotation. */
    boolean isOut(ConnectionPool pool) {
        for (Replica replica : replicas) {
            if (replica.pool() == pool) {
                return !replica.isInRotation();
            }
        }
        return false;
    }

    /**
     * The primary for a read that no replica may serve, because none is up to date enough for this one read: within the
     * same cap as {@link #choose()}, and never a stale replica instead.
     */
    ConnectionPool primaryForReads() {
        return upToDate;
    }

    /** What limits such reads; null if nothing does. */
    @Nullable
    ReadShare share() {
        return share;
    }

    /** The pools of the replicas that answer, over their bound or not, the one that is the least behind first. */
    private List<ConnectionPool> leastLagging() {
        return replicas.stream()
                .filter(Replica::answers)
                .map(replica -> new Behind(replica.pool(), replica.lag()))
                .sorted(Comparator.comparingLong(Behind::bytes))
                .map(Behind::pool)
                .toList();
    }

    private record Behind(ConnectionPool pool, @Nullable ReplicaLag lag) {
        long bytes() {
            return lag == null ? Long.MAX_VALUE : lag.bytes();
        }
    }

    private int turn(int count) {
        // Unsigned, so that the sequence goes on in step where the counter overflows to the negative.
        return Integer.remainderUnsigned(next.getAndIncrement(), count);
    }

    /** Refuses the reads that wait for the primary, and all that would. */
    void close() {
        if (share != null) {
            share.close();
        }
    }

    /** The replicas as of now, in the order of the configuration. */
    List<ReplicaStatus> status() {
        long[] reads = replicas.stream()
                .mapToLong(replica -> replica.pool().acquired())
                .toArray();
        long all = Math.max(1, Arrays.stream(reads).sum());
        ReplicaStatus[] result = new ReplicaStatus[reads.length];
        for (int i = 0; i < reads.length; i++) {
            result[i] = replicas.get(i).status(reads[i], (double) reads[i] / all);
        }
        return List.of(result);
    }
}
