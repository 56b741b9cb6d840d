package io.forgeloom.database;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Chooses the server for a read. Who is in rotation is an array that is replaced as a whole when a replica enters or
 * leaves, so that a choice is one read, one increment and no allocation. Safe for use by many threads.
 */
final class ReadRouter {

    private final ConnectionPool primary;
    private final boolean readFromReplica;
    private final List<Replica> replicas;
    private final AtomicInteger next = new AtomicInteger();

    /** Guards the replacement of {@link #inRotation}; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile Replica[] inRotation = {};

    ReadRouter(ConnectionPool primary, List<Replica> replicas, boolean readFromReplica) {
        this.primary = primary;
        this.replicas = List.copyOf(replicas);
        this.readFromReplica = readFromReplica;
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
            return primary;
        }
        return candidates[turn(candidates.length)].pool();
    }

    private int turn(int count) {
        // Unsigned, so that the sequence goes on in step where the counter overflows to the negative.
        return Integer.remainderUnsigned(next.getAndIncrement(), count);
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
