package io.forgeloom.testing.demo;

/**
 * What came of the copy that followed the change log. Immutable.
 *
 * @param rows of the table at the end
 * @param applied rows of the log
 * @param different rows of the table that the copy has not, or has otherwise, and rows of the copy that the table has not
 * @param resyncs how often the copy had to be begun anew
 * @param compared whether the follower came to the end of the log, so that the two could be compared
 */
record ChangeFindings(long rows, long applied, long different, long resyncs, boolean compared) {

    /** Nobody followed. */
    static final ChangeFindings NONE = new ChangeFindings(0, 0, 0, 0, false);

    /** The follower did not come to the end in time. */
    static final ChangeFindings LATE = new ChangeFindings(-1, 0, 0, 0, false);

    /** Whether anybody followed. */
    boolean any() {
        return !equals(NONE);
    }

    boolean same() {
        return compared && different == 0 && resyncs == 0 && rows > 0 && applied > 0;
    }
}
