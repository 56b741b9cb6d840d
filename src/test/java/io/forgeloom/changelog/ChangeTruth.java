package io.forgeloom.changelog;

import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What writers know to be committed: the number of each of their rows in the log, and of which version of which row of the
 * table it tells. A version is drawn while the row is locked, so versions are the order of commits for each row, whatever
 * the log says. Eight bytes a row. Safe for use by many threads.
 */
final class ChangeTruth {

    /** What one row of the log tells of: the row of the table, and its version, above 0. */
    record Version(int id, long number) {}

    /** A row of the log: its number, and what it tells. */
    record Told(long seq, Version version) {}

    /** What is wrong with what a reader was given. */
    record Faults(int lost, int duplicated, int inverted, int unknown) {

        static final Faults NONE = new Faults(0, 0, 0, 0);
    }

    private static final int CHUNK_BITS = 16;
    private static final int ID_BITS = 20;

    /** By the upper bits of the number: version and id in one, 0 where nothing is committed. */
    private final Map<Long, AtomicLongArray> chunks = new ConcurrentHashMap<>();

    /** Guards {@link #size}. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition grown = lock.newCondition();
    private int size;

    /** Called once the server has confirmed the commit. */
    void add(List<Told> rows) {
        for (Told row : rows) {
            if (row.version.id >> ID_BITS != 0 || row.version.number >> (63 - ID_BITS) != 0) {
                throw new IllegalArgumentException("too large to be kept: " + row);
            }
            chunks.computeIfAbsent(row.seq >> CHUNK_BITS, chunk -> new AtomicLongArray(1 << CHUNK_BITS))
                    .set(within(row.seq), row.version.number << ID_BITS | row.version.id);
        }
        lock.lock();
        try {
            size += rows.size();
            grown.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private static int within(long seq) {
        return (int) (seq & ((1 << CHUNK_BITS) - 1));
    }

    int size() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until so many rows are committed. */
    void awaitSize(int rows, Duration timeout) throws InterruptedException {
        long left = timeout.toNanos();
        lock.lock();
        try {
            while (size < rows) {
                if (left <= 0) {
                    throw new AssertionError(
                            size + " rows of " + rows + " committed after " + timeout.toMillis() + " ms");
                }
                left = grown.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Compares with the numbers that a reader was given, in its order. */
    Faults judge(Seqs delivered) {
        BitSet seen = new BitSet();
        long[] latest = new long[1 << ID_BITS];
        int duplicated = 0;
        int inverted = 0;
        int unknown = 0;
        for (int i = 0; i < delivered.size(); i++) {
            int seq = delivered.get(i);
            AtomicLongArray chunk = chunks.get((long) seq >> CHUNK_BITS);
            long told = chunk == null ? 0 : chunk.get(within(seq));
            int id = (int) (told & ((1 << ID_BITS) - 1));
            if (told == 0) {
                unknown++;
            } else if (seen.get(seq)) {
                duplicated++;
            } else {
                seen.set(seq);
                inverted += latest[id] > told ? 1 : 0;
                latest[id] = Math.max(latest[id], told);
            }
        }
        return new Faults(size() - seen.cardinality(), duplicated, inverted, unknown);
    }
}
