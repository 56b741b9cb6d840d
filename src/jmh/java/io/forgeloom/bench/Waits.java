package io.forgeloom.bench;

/** A histogram of nanoseconds, 16 steps for each power of two: within 6 % of the truth. Confined to one thread. */
final class Waits {

    private static final int STEPS_LOG2 = 4;
    private static final int STEPS = 1 << STEPS_LOG2;

    private final int[] counts = new int[(Long.SIZE - STEPS_LOG2) * STEPS];
    private long total;
    private long longest;

    void add(long nanos) {
        counts[index(nanos)]++;
        total++;
        longest = Math.max(longest, nanos);
    }

    void add(Waits other) {
        for (int i = 0; i < counts.length; i++) {
            counts[i] += other.counts[i];
        }
        total += other.total;
        longest = Math.max(longest, other.longest);
    }

    long longest() {
        return longest;
    }

    /** The upper end of the step in which the quantile lies. */
    long quantile(double quantile) {
        long rank = (long) Math.ceil(quantile * total);
        long seen = 0;
        for (int i = 0; i < counts.length; i++) {
            seen += counts[i];
            if (seen >= rank && seen > 0) {
                return Math.min(longest, upperEnd(i));
            }
        }
        return longest;
    }

    private static int index(long nanos) {
        if (nanos < STEPS) {
            return (int) Math.max(0, nanos);
        }
        int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(nanos) - STEPS_LOG2;
        return (shift + 1) * STEPS + (int) (nanos >>> shift) - STEPS;
    }

    private static long upperEnd(int index) {
        if (index < STEPS) {
            return index;
        }
        int shift = index / STEPS - 1;
        return ((long) (index % STEPS + STEPS + 1) << shift) - 1;
    }
}
