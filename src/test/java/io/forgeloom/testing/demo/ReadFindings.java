package io.forgeloom.testing.demo;

import io.forgeloom.database.PoolStats;
import java.util.List;

/**
 * What came of the reads. Immutable.
 *
 * @param servers reads of each server, the primary first
 * @param afterPosition reads that had to show a commit, by its position
 * @param stale of these, the ones that did not
 * @param withoutPosition reads right after a commit that had to show nothing
 * @param behind of these, the ones that did not show it
 * @param failed reads that failed
 * @param failedWithoutFault of these, the ones that failed while no server was harmed
 * @param faults what was done to the servers, in its order
 * @param replicaPools after they were closed
 * @param sessionsLeft sessions that the replicas still had then
 */
record ReadFindings(
        List<Server> servers,
        long afterPosition,
        long stale,
        long withoutPosition,
        long behind,
        long failed,
        long failedWithoutFault,
        List<Fault.Result> faults,
        List<PoolStats> replicaPools,
        long sessionsLeft) {

    /** There were no replicas. */
    static final ReadFindings NONE = new ReadFindings(List.of(), 0, 0, 0, 0, 0, 0, List.of(), List.of(), 0);

    /**
     * Reads that one server answered.
     *
     * @param name of the server
     * @param reads that it answered
     */
    record Server(String name, long reads) {}

    static ReadFindings of(ReadTally tally, List<PoolStats> replicaPools, long sessionsLeft) {
        List<Server> servers = tally.names().stream()
                .map(name -> new Server(name, tally.reads(tally.names().indexOf(name))))
                .toList();
        return new ReadFindings(
                servers,
                tally.afterPosition.sum(),
                tally.stale.sum(),
                tally.withoutPosition.sum(),
                tally.behind.sum(),
                tally.failed(),
                tally.failedWithoutFault(),
                tally.faults(),
                replicaPools,
                sessionsLeft);
    }

    /** Whether there were replicas to read from. */
    boolean any() {
        return !servers.isEmpty();
    }

    long total() {
        return servers.stream().mapToLong(Server::reads).sum();
    }

    boolean failedOnlyInFlight() {
        return failedWithoutFault == 0 && faults.stream().allMatch(fault -> fault.failed() <= fault.inFlight());
    }

    /** Each replica that could not serve left the rotation, each one came back and was read, none was left out. */
    boolean everyReplicaCameBack() {
        return servers.stream().allMatch(server -> server.reads() > 0 || server == servers.get(0))
                && faults.stream()
                        .allMatch(fault ->
                                fault.isOver() && (!fault.kind().isReplicaDown() || fault.outNanos() != Fault.NOT_YET));
    }
}
