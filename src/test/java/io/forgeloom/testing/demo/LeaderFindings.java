package io.forgeloom.testing.demo;

import java.util.List;

/**
 * What came of the election. Immutable.
 *
 * @param takeovers each with how the leader ended and how long the role was without one
 * @param leader which node leads now; empty if none
 * @param term the number of that leadership, or of the last one
 * @param writes that were committed as leader
 * @param staleRefused writes that were refused because another node had been elected
 * @param staleAccepted such writes that are in the database all the same
 * @param violations what else must not be
 */
record LeaderFindings(
        List<Takeover> takeovers,
        String leader,
        long term,
        long writes,
        long staleRefused,
        long staleAccepted,
        List<String> violations) {

    /** There was no election. */
    static final LeaderFindings NONE = new LeaderFindings(List.of(), "", 0, 0, 0, 0, List.of());

    /**
     * One end of a leader.
     *
     * @param nanos until another one led; {@link #NEVER} if none did in time
     */
    record Takeover(String how, long nanos) {

        static final long NEVER = -1;

        boolean happened() {
            return nanos != NEVER;
        }
    }

    /** Whether there was an election. */
    boolean any() {
        return term > 0;
    }
}
