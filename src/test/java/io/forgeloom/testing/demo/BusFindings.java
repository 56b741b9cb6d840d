package io.forgeloom.testing.demo;

/**
 * What came of the notifications. Immutable.
 *
 * @param sent notifications that were committed
 * @param received by all subscribers together
 * @param gaps that they were told of, the one at their beginning not counted
 * @param lagged notifications that they were told they missed
 * @param silent notifications that are missing and nobody said so
 * @param repeated notifications that came twice, or out of order
 * @param generation how often the bus had connected at the end
 */
record BusFindings(long sent, long received, long gaps, long lagged, long silent, long repeated, long generation) {

    /** There was no bus. */
    static final BusFindings NONE = new BusFindings(0, 0, 0, 0, 0, 0, 0);

    /** Whether there was a bus. */
    boolean any() {
        return generation > 0;
    }

    boolean complete() {
        return silent == 0 && repeated == 0 && sent > 0 && received > 0;
    }
}
