package io.forgeloom.testing.demo;

/**
 * What the whole runtime, started and closed beside the load, made of the faults. Immutable.
 *
 * @param startMillis from the call to ready, with the system's tables made
 * @param ready whether it said so when it was asked last
 * @param asked how often it was asked
 * @param notReady how often it said no
 * @param nodes that the registry had as alive
 * @param closeMillis of its close; below 0 before that
 * @param left sessions and rows in the registry after the close
 */
record RuntimeFindings(
        long startMillis, boolean ready, long asked, long notReady, long nodes, long closeMillis, long left) {

    /** There was none. */
    static final RuntimeFindings NONE = new RuntimeFindings(0, false, 0, 0, 0, -1, 0);

    /** Whether there was one. */
    boolean any() {
        return !equals(NONE);
    }

    /** @param killed whether there was an outage to be told of */
    boolean held(boolean killed) {
        return ready && asked > notReady && killed == (notReady > 0) && closeMillis >= 0 && left == 0;
    }
}
