package io.forgeloom.testing.demo;

import io.forgeloom.database.PoolStats;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Whether what must always hold did hold. Immutable.
 *
 * @param invariants each with what was found
 */
record Verdict(List<Invariant> invariants) {

    /**
     * One thing that must hold.
     *
     * @param rule what must hold
     * @param held whether it did
     * @param found the numbers
     */
    record Invariant(String rule, boolean held, String found) {}

    static Verdict of(Findings findings) {
        Reconciliation.Result ids = findings.ids();
        List<Invariant> all = new ArrayList<>();
        all.add(invariant(
                "every transaction that a client saw committed is in the database",
                ids.lost().count() == 0,
                "lost: %s of %,d",
                ids.lost(),
                ids.committed()));
        all.add(invariant(
                "none that a client saw fail is in the database",
                ids.contradicted().count() == 0,
                "there all the same: %s of %,d",
                ids.contradicted(),
                ids.notCommitted()));
        all.add(invariant(
                "none was run again after its commit",
                ids.duplicated().count() == 0,
                "duplicated: %s of %,d rows",
                ids.duplicated(),
                ids.rows()));
        all.add(invariant(
                "every row belongs to a transaction of a client",
                ids.foreign().count() == 0,
                "foreign: %s of %,d rows",
                ids.foreign(),
                ids.rows()));
        all.add(invariant(
                "the outcome by transaction id agrees with the rows",
                findings.settled().disagreeing() == 0 && findings.settled().open() == 0,
                "asked %d, disagreeing %d, without an answer %d",
                findings.settled().asked(),
                findings.settled().disagreeing(),
                findings.settled().open()));
        all.add(invariant(
                "no money appeared or vanished",
                findings.money().total() == Bank.Audit.EXPECTED_TOTAL
                        && findings.money().wrongBalances() == 0,
                "total %,d of %,d, wrong balances %d",
                findings.money().total(),
                Bank.Audit.EXPECTED_TOTAL,
                findings.money().wrongBalances()));
        all.add(invariant(
                "no connection leaked",
                leaked(findings) == 0,
                "on the server %d, in the pool %d, opened %d, closed %d; on the replicas %d, their pools: %s",
                findings.sessionsLeft(),
                findings.pool().total(),
                findings.pool().opened(),
                findings.pool().closed(),
                findings.reads().sessionsLeft(),
                findings.reads().replicaPools()));
        all.add(invariant(
                "every client ended by itself, with no transaction open",
                findings.lateClients() == 0 && ids.open().count() == 0,
                "late clients %d, open transactions: %s",
                findings.lateClients(),
                ids.open()));
        all.add(invariant(
                findings.killed()
                        ? "the pool recovered from the kill: transactions committed after it"
                        : "there were transactions that committed",
                ids.committed() > 0 && (!findings.killed() || findings.recovered()),
                "committed %,d",
                ids.committed()));
        if (findings.reads().any()) {
            all.addAll(ofReads(findings.reads()));
        }
        if (findings.bus().any()) {
            BusFindings bus = findings.bus();
            all.add(invariant(
                    "no notification is missing without a gap or its count: 0 silent gaps",
                    bus.complete(),
                    "silent %,d, twice or out of order %,d, sent %,d, received %,d",
                    bus.silent(),
                    bus.repeated(),
                    bus.sent(),
                    bus.received()));
        }
        if (findings.leader().any()) {
            all.addAll(ofLeader(findings.leader()));
        }
        if (findings.changes().any()) {
            ChangeFindings changes = findings.changes();
            all.add(invariant(
                    "a copy that followed the change log is the table: 0 rows different",
                    changes.same(),
                    "different %,d of %,d, at the end of the log: %s, begun anew %,d times, applied %,d",
                    changes.different(),
                    changes.rows(),
                    changes.compared(),
                    changes.resyncs(),
                    changes.applied()));
        }
        if (findings.runtime().any()) {
            RuntimeFindings runtime = findings.runtime();
            all.add(invariant(
                    "the runtime was ready but for the outage, and its close left nothing",
                    runtime.held(findings.killed()),
                    "ready in %,d ms, at the end: %s; asked %,d times, not ready %,d; closed in %,d ms, left %,d",
                    runtime.startMillis(),
                    runtime.ready(),
                    runtime.asked(),
                    runtime.notReady(),
                    runtime.closeMillis(),
                    runtime.left()));
        }
        return new Verdict(List.copyOf(all));
    }

    private static List<Invariant> ofLeader(LeaderFindings leader) {
        return List.of(
                invariant(
                        "one node led at a time, and another took over each time",
                        leader.violations().isEmpty()
                                && !leader.takeovers().isEmpty()
                                && leader.takeovers().stream().allMatch(LeaderFindings.Takeover::happened),
                        "takeovers: %s; violations: %s",
                        leader.takeovers(),
                        leader.violations()),
                invariant(
                        "no write of an earlier leader was accepted: 0 stale writes",
                        leader.staleAccepted() == 0 && leader.staleRefused() > 0 && leader.writes() > 0,
                        "accepted %,d, refused %,d, of the leaders' own %,d",
                        leader.staleAccepted(),
                        leader.staleRefused(),
                        leader.writes()));
    }

    private static List<Invariant> ofReads(ReadFindings reads) {
        return List.of(
                invariant(
                        "no read after a commit's position was stale",
                        reads.stale() == 0 && reads.afterPosition() > 0,
                        "stale: %,d of %,d",
                        reads.stale(),
                        reads.afterPosition()),
                invariant(
                        "no more reads failed than were in flight on a server when it failed",
                        reads.failedOnlyInFlight(),
                        "failed %,d, without a fault %,d; at each fault, of those in flight: %s",
                        reads.failed(),
                        reads.failedWithoutFault(),
                        reads.faults().stream()
                                .map(fault -> fault.server() + " " + fault.failed() + " of " + fault.inFlight())
                                .collect(Collectors.joining(", "))),
                invariant(
                        "every replica left the rotation while it was down, came back, and was read",
                        reads.everyReplicaCameBack(),
                        "reads: %s; not so: %s",
                        reads.servers().stream()
                                .map(server -> server.name() + " " + server.reads())
                                .collect(Collectors.joining(", ")),
                        reads.faults()));
    }

    /** Sessions that are left on either side; the pool may have closed one that the server has not noticed. */
    static long leaked(Findings findings) {
        return Math.max(findings.sessionsLeft(), inPool(findings.pool()))
                + Math.max(
                        findings.reads().sessionsLeft(),
                        findings.reads().replicaPools().stream()
                                .mapToLong(Verdict::inPool)
                                .sum());
    }

    private static long inPool(PoolStats pool) {
        return Math.max(pool.total(), pool.opened() - pool.closed());
    }

    boolean held() {
        return invariants.stream().allMatch(Invariant::held);
    }

    /** Of the process: 0 or 1. */
    int exitCode() {
        return held() ? 0 : 1;
    }

    /** One object for machines, only ASCII: {@code {"verdict":…,"seconds":…,"invariants":[{"name":…,"ok":…,"figure":…}]}}. */
    String json(double seconds) {
        StringBuilder json = new StringBuilder("{\"verdict\":\"").append(held() ? "held" : "broken");
        json.append(String.format(Locale.ROOT, "\",\"seconds\":%.1f,\"invariants\":[", seconds));
        String separator = "\n";
        for (Invariant invariant : invariants) {
            json.append(separator).append("  {\"name\":").append(quoted(invariant.rule()));
            json.append(",\"ok\":").append(invariant.held());
            json.append(",\"figure\":").append(quoted(invariant.found())).append('}');
            separator = ",\n";
        }
        return json.append("\n]}").toString();
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                json.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }

    private static Invariant invariant(String rule, boolean held, String found, Object... numbers) {
        return new Invariant(rule, held, String.format(Locale.ROOT, found, numbers));
    }
}
