package io.forgeloom.database;

import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Where the primary's log was, and when: what the lag of a replica is measured against. Safe for use by many threads.
 */
final class PrimaryLog {

    // How long the first position had been there when it was seen, nobody knows: of a replica that is behind it, only
    // the least lag is known.
    //
    // A position is kept with the time at which it was first seen, so an idle primary adds nothing. When the arrays are
    // full, a sample goes whose neighbours are closer to each other than a sixteenth of its age: so what is left grows
    // with the logarithm of the time (a day at 40 looks a second: some 500), the memory is bounded (16 KiB), and a lag
    // that is found is too small by a sixteenth at most.

    static final int CAPACITY = 1024;

    private static final long COARSENESS = 16;

    /** Guards all; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private final long[] lsns = new long[CAPACITY];
    private final long[] nanos = new long[CAPACITY];
    private int size;

    /** When the primary was last asked, with an answer. */
    private long lookedNanos;

    /**
     * Adds what the primary answered.
     *
     * @param lsn its position
     * @param asked when it was asked; later than at the call before
     */
    void add(long lsn, long asked) {
        lock.lock();
        try {
            lookedNanos = asked;
            // A primary that lost its end, by a crash or to another one: nobody will ever replay that.
            while (size > 0 && lsns[size - 1] > lsn) {
                size--;
            }
            if (size > 0 && lsns[size - 1] == lsn) {
                return;
            }
            if (size == CAPACITY) {
                thin(asked);
            }
            lsns[size] = lsn;
            nanos[size] = asked;
            size++;
        } finally {
            lock.unlock();
        }
    }

    private void thin(long now) {
        int kept = 1;
        for (int i = 1; i < size - 1; i++) {
            long gap = nanos[i + 1] - nanos[kept - 1];
            if (gap > (now - nanos[i]) / COARSENESS) {
                keep(i, kept++);
            }
        }
        keep(size - 1, kept++);
        if (kept == CAPACITY) {
            // All of them within a moment: the oldest says the least.
            System.arraycopy(lsns, 1, lsns, 0, CAPACITY - 1);
            System.arraycopy(nanos, 1, nanos, 0, CAPACITY - 1);
            kept--;
        }
        size = kept;
    }

    private void keep(int from, int to) {
        lsns[to] = lsns[from];
        nanos[to] = nanos[from];
    }

    /**
     * The lag of a replica that had replayed up to {@code replayed} when it was asked; null if the primary never answered.
     *
     * @param asked when the replica was asked
     */
    @Nullable
    ReplicaLag behind(long replayed, long asked, long now) {
        lock.lock();
        try {
            if (size == 0) {
                return null;
            }
            int first = firstAfter(replayed);
            // What the primary wrote after that is the age of the measurement, no lag of its own.
            long measured = asked - lookedNanos < 0 ? asked : lookedNanos;
            long time = first == size ? 0 : Math.max(0, measured - nanos[first]);
            return new ReplicaLag(
                    Duration.ofNanos(time),
                    first == 0,
                    Math.max(0, lsns[size - 1] - replayed),
                    Duration.ofNanos(Math.max(0, now - measured)));
        } finally {
            lock.unlock();
        }
    }

    /** The oldest sample that was not replayed; positions only grow. */
    private int firstAfter(long replayed) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (lsns[middle] > replayed) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** For tests. */
    int size() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }
}
