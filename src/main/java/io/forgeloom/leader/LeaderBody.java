package io.forgeloom.leader;

/**
 * What a leader does, see {@link LeaderElection#whileLeader}. Runs on a virtual thread of its own, once at a time in a
 * process; may block.
 */
@FunctionalInterface
public interface LeaderBody {

    /**
     * Works until it is done, is interrupted, or finds that it does not lead any more. Returning or throwing gives the role
     * up.
     *
     * @throws Exception logged; the next campaign waits a little longer after each in a row
     */
    void run(Leadership leadership) throws Exception;
}
