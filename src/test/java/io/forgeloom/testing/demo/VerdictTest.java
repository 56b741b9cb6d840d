package io.forgeloom.testing.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.PoolStats;
import io.forgeloom.testing.demo.Journal.Fate;
import io.forgeloom.testing.demo.LeaderFindings.Takeover;
import io.forgeloom.testing.demo.Verdict.Invariant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class VerdictTest {

    private static final Bank.Audit MONEY = new Bank.Audit(Bank.Audit.EXPECTED_TOTAL, 0);
    private static final Findings.Settled SETTLED = new Findings.Settled(1, 0, 0, 0);
    private static final PoolStats CLOSED = new PoolStats("primary", 20, 0, 0, 0, 0, 0, 0, 40, 40, 0, List.of());

    private static final Fault.Result KILL =
            new Fault.Result("replica-1", Fault.Kind.KILLED, 3, 0, 5_000_000, 1_000_000, 900_000_000, 700);
    private static final BusFindings BUS = new BusFindings(100, 250, 8, 40, 0, 0, 3);
    private static final ChangeFindings CHANGES = new ChangeFindings(100, 1000, 0, 0, true);
    private static final LeaderFindings LEADER =
            new LeaderFindings(List.of(new Takeover("kill -9", 1_000_000)), "node-2", 2, 100, 10, 0, List.of());
    private static final RuntimeFindings RUNTIME = new RuntimeFindings(200, true, 100, 7, 1, 30, 0);

    private static final ReadFindings READS = reads(0, 0, 0, List.of(KILL), CLOSED, 0);

    /** A sound run but for the ids, of which a case changes what it is about. */
    private static final class Run {

        private Reconciliation.Result ids;
        private Bank.Audit money = MONEY;
        private Findings.Settled settled = SETTLED;
        private int lateClients;
        private long sessionsLeft;
        private PoolStats pool = CLOSED;
        private boolean killed = true;
        private boolean recovered = true;
        private ReadFindings reads = READS;
        private BusFindings bus = BUS;
        private LeaderFindings leader = LEADER;
        private ChangeFindings changes = CHANGES;
        private RuntimeFindings runtime = RUNTIME;

        Run(Reconciliation.Result ids) {
            this.ids = ids;
        }

        Findings findings() {
            return new Findings(
                    ids,
                    money,
                    settled,
                    lateClients,
                    sessionsLeft,
                    pool,
                    killed,
                    recovered,
                    reads,
                    bus,
                    leader,
                    changes,
                    runtime);
        }
    }

    /** Two clients: committed, not committed, unknown, each. */
    private final List<Journal> journals = List.of(
            journal(0, Fate.COMMITTED, Fate.NOT_COMMITTED, Fate.UNKNOWN),
            journal(1, Fate.COMMITTED, Fate.NOT_COMMITTED, Fate.UNKNOWN));

    /** What a sound database has of them: both committed ones, and one of the unknown. */
    private final List<Long> rows = List.of(id(0, 0), id(1, 0), id(1, 2));

    @Test
    void soundRunHoldsEveryInvariantAndExitsWithZero() {
        Verdict verdict = verdict(rows);
        assertEquals(List.of(), broken(verdict));
        assertEquals(0, verdict.exitCode());
        assertEquals(Set.of(id(1, 2)), reconcile(rows).unknownCommitted());
    }

    @Test
    void lostIdExitsWithOneAndIsNamed() {
        Verdict verdict = verdict(without(rows, id(1, 0)));
        assertBroken("every transaction that a client saw committed is in the database", verdict);
        assertTrue(found(verdict).contains("[" + id(1, 0) + "]"), found(verdict));
    }

    @Test
    void idSeenToFailButInTheDatabaseIsBroken() {
        assertBroken("none that a client saw fail is in the database", verdict(with(rows, id(0, 1))));
    }

    @Test
    void committedTransactionThatWasRunAgainIsBroken() {
        assertBroken("none was run again after its commit", verdict(with(rows, id(0, 0))));
    }

    @Test
    void rowThatNoClientMadeIsBroken() {
        for (long foreign : new long[] {-1, id(0, 3), id(2, 0)}) {
            assertBroken("every row belongs to a transaction of a client", verdict(with(rows, foreign)));
        }
    }

    @Test
    void transactionLeftOpenOrLateClientIsBroken() {
        String rule = "every client ended by itself, with no transaction open";
        Reconciliation open = new Reconciliation(List.of(journal(0, Fate.COMMITTED, Fate.OPEN)));
        open.found(id(0, 0));
        assertBroken(rule, changed(run -> run.ids = open.result()));
        assertBroken(rule, changed(run -> run.lateClients = 1));
    }

    @Test
    void moneyThatAppearsOrVanishesIsBroken() {
        for (Bank.Audit audit : List.of(
                new Bank.Audit(Bank.Audit.EXPECTED_TOTAL - 1, 0), new Bank.Audit(Bank.Audit.EXPECTED_TOTAL, 2))) {
            assertBroken("no money appeared or vanished", changed(run -> run.money = audit));
        }
    }

    @Test
    void connectionLeftOnTheServerOrInThePoolIsBroken() {
        String rule = "no connection leaked";
        assertBroken(rule, changed(run -> run.sessionsLeft = 1));
        for (PoolStats left : List.of(
                new PoolStats("primary", 20, 1, 0, 0, 0, 0, 0, 40, 40, 0, List.of()),
                new PoolStats("primary", 20, 0, 0, 0, 0, 0, 0, 41, 40, 0, List.of()))) {
            assertBroken(rule, changed(run -> run.pool = left));
        }
    }

    @Test
    void outcomeByTransactionIdThatDisagreesOrIsMissingIsBroken() {
        for (Findings.Settled settled : List.of(new Findings.Settled(1, 0, 0, 1), new Findings.Settled(0, 0, 1, 0))) {
            assertBroken("the outcome by transaction id agrees with the rows", changed(run -> run.settled = settled));
        }
    }

    @Test
    void killWithoutRecoveryIsBroken() {
        assertBroken(
                "the pool recovered from the kill: transactions committed after it",
                changed(run -> run.recovered = false));
    }

    @Test
    void runThatCommittedNothingProvesNothing() {
        Reconciliation.Result nothing = new Reconciliation(List.of()).result();
        assertBroken("there were transactions that committed", changed(run -> {
            run.ids = nothing;
            run.killed = false;
            run.recovered = false;
            run.runtime = RuntimeFindings.NONE;
        }));
    }

    @Test
    void readThatDoesNotShowItsCommitIsBroken() {
        Verdict verdict = changed(reads(1, 0, 0, List.of(KILL), CLOSED, 0));
        assertBroken("no read after a commit's position was stale", verdict);
        assertTrue(found(verdict).contains("stale: 1 of 100"), found(verdict));
    }

    @Test
    void runWithoutReadAfterPositionProvesNothing() {
        assertBroken(
                "no read after a commit's position was stale",
                changed(new ReadFindings(READS.servers(), 0, 0, 0, 0, 0, 0, List.of(KILL), List.of(CLOSED), 0)));
    }

    @Test
    void readThatFailsBeyondThoseInFlightIsBroken() {
        String rule = "no more reads failed than were in flight on a server when it failed";
        assertEquals(List.of(), broken(changed(reads(0, 3, 0, List.of(fault(3, 1, 2, 700)), CLOSED, 0))));
        assertBroken(rule, changed(reads(0, 4, 0, List.of(fault(4, 1, 2, 700)), CLOSED, 0)));
        assertBroken(rule, changed(reads(0, 1, 1, List.of(KILL), CLOSED, 0)));
    }

    @Test
    void replicaThatStaysInOrOutOfTheRotationOrIsNotReadIsBroken() {
        String rule = "every replica left the rotation while it was down, came back, and was read";
        assertBroken(rule, changed(reads(0, 0, 0, List.of(fault(0, Fault.NOT_YET, 2, 700)), CLOSED, 0)));
        assertBroken(rule, changed(reads(0, 0, 0, List.of(fault(0, 1, Fault.NOT_YET, 700)), CLOSED, 0)));
        assertBroken(rule, changed(reads(0, 0, 0, List.of(fault(0, 1, 2, 0)), CLOSED, 0)));
        List<ReadFindings.Server> idle =
                List.of(new ReadFindings.Server("primary", 9), new ReadFindings.Server("replica-1", 0));
        assertBroken(rule, changed(new ReadFindings(idle, 1, 0, 0, 0, 0, 0, List.of(), List.of(CLOSED), 0)));
    }

    @Test
    void connectionLeftOnReplicaOrInItsPoolIsBroken() {
        PoolStats left = new PoolStats("replica-1", 10, 0, 0, 0, 0, 0, 0, 11, 10, 0, List.of());
        assertBroken("no connection leaked", changed(reads(0, 0, 0, List.of(KILL), left, 0)));
        assertBroken("no connection leaked", changed(reads(0, 0, 0, List.of(KILL), CLOSED, 1)));
    }

    @Test
    void runWithoutReplicasIsNotJudgedByReads() {
        Verdict verdict = changed(ReadFindings.NONE);
        assertEquals(14, verdict.invariants().size());
        assertEquals(List.of(), broken(verdict));
    }

    @Test
    void notificationThatIsMissingInSilenceOrComesTwiceIsBroken() {
        String rule = "no notification is missing without a gap or its count: 0 silent gaps";
        for (BusFindings bus : List.of(
                new BusFindings(100, 250, 8, 40, 1, 0, 3),
                new BusFindings(100, 250, 8, 40, 0, 1, 3),
                new BusFindings(100, 0, 8, 40, 0, 0, 3))) {
            assertBroken(rule, changed(run -> run.bus = bus));
        }
    }

    @Test
    void leaderThatIsNotAloneOrNotFollowedIsBroken() {
        String rule = "one node led at a time, and another took over each time";
        List<Takeover> taken = LEADER.takeovers();
        Takeover never = new Takeover("resign", Takeover.NEVER);
        for (LeaderFindings leader : List.of(
                new LeaderFindings(taken, "node-2", 2, 100, 10, 0, List.of("two leaders")),
                new LeaderFindings(List.of(never), "", 2, 100, 10, 0, List.of()),
                new LeaderFindings(List.of(), "node-2", 2, 100, 10, 0, List.of()))) {
            assertBroken(rule, led(leader));
        }
        assertTrue(found(led(new LeaderFindings(taken, "node-2", 2, 100, 10, 0, List.of("two leaders"))))
                .contains("two leaders"));
    }

    @Test
    void acceptedStaleWriteIsBroken() {
        String rule = "no write of an earlier leader was accepted: 0 stale writes";
        assertBroken(rule, led(new LeaderFindings(LEADER.takeovers(), "node-2", 2, 100, 10, 1, List.of())));
        // Nor does it show anything if nobody tried.
        assertBroken(rule, led(new LeaderFindings(LEADER.takeovers(), "node-2", 2, 100, 0, 0, List.of())));
    }

    @Test
    void copyThatIsNotTheTableIsBroken() {
        String rule = "a copy that followed the change log is the table: 0 rows different";
        for (ChangeFindings changes : List.of(
                new ChangeFindings(100, 1000, 1, 0, true),
                new ChangeFindings(100, 1000, 0, 1, true),
                new ChangeFindings(100, 1000, 0, 0, false),
                new ChangeFindings(100, 0, 0, 0, true),
                ChangeFindings.LATE)) {
            assertBroken(rule, changed(run -> run.changes = changes));
        }
    }

    @Test
    void runtimeThatDoesNotComeBackOrLeavesSomethingIsBroken() {
        String rule = "the runtime was ready but for the outage, and its close left nothing";
        for (RuntimeFindings runtime : List.of(
                new RuntimeFindings(200, false, 100, 7, 1, 30, 0),
                new RuntimeFindings(200, true, 100, 0, 1, 30, 0),
                new RuntimeFindings(200, true, 100, 100, 1, 30, 0),
                new RuntimeFindings(200, true, 100, 7, 1, 30, 1),
                new RuntimeFindings(200, true, 100, 7, 1, -1, 0))) {
            assertBroken(rule, changed(run -> run.runtime = runtime));
        }
    }

    @Test
    void screenFitsOnEightyTimesTwentyFour() {
        Findings findings = findings(rows);
        List<String> screen = Report.screen(
                new Terminal(true, 80, true, false), 20_400_000_000L, new Tally(), findings, Verdict.of(findings));
        assertTrue(screen.size() <= 23, () -> screen.size() + " lines");
        assertEquals(
                List.of(), screen.stream().filter(line -> line.length() > 80).toList());
        assertTrue(screen.getLast().startsWith("Every invariant held."), screen::toString);
    }

    @Test
    void jsonHasTheVerdictAndEachInvariant() {
        Verdict verdict = new Verdict(List.of(
                new Verdict.Invariant("none \"lost\"", true, "0 of 3"),
                new Verdict.Invariant("r\u00e9sum\u00e9\n", false, "1")));
        assertEquals("""
                {"verdict":"broken","seconds":20.4,"invariants":[
                  {"name":"none \\"lost\\"","ok":true,"figure":"0 of 3"},
                  {"name":"r\\u00e9sum\\u00e9\\u000a","ok":false,"figure":"1"}
                ]}""", verdict.json(20.44));
    }

    private Verdict led(LeaderFindings leader) {
        return changed(run -> run.leader = leader);
    }

    @Test
    void reportNamesWhatDidNotHold() {
        Findings findings = findings(without(rows, id(0, 0)));
        String report = String.join(
                "\n",
                Report.of(
                        new Terminal(false, 80, false, false),
                        1,
                        new Tally(),
                        new ReadTally(List.of("primary", "replica-1")),
                        new Outage(),
                        findings,
                        Verdict.of(findings)));
        assertTrue(
                report.contains("BROKEN every transaction that a client saw committed is in the database\n"
                        + "      lost: 1, for one the ids [0] of 2"),
                report);
        assertTrue(report.endsWith("1 invariant did not hold."), report);
    }

    private Verdict verdict(List<Long> found) {
        return Verdict.of(findings(found));
    }

    private Verdict changed(Consumer<Run> change) {
        Run run = new Run(reconcile(rows));
        change.accept(run);
        return Verdict.of(run.findings());
    }

    private Verdict changed(ReadFindings reads) {
        return changed(run -> run.reads = reads);
    }

    private static Fault.Result fault(long failed, long outNanos, long backNanos, long readsAfter) {
        return new Fault.Result("replica-1", Fault.Kind.KILLED, 3, failed, 0, outNanos, backNanos, readsAfter);
    }

    private static ReadFindings reads(
            long stale, long failed, long withoutFault, List<Fault.Result> faults, PoolStats pool, long left) {
        List<ReadFindings.Server> servers =
                List.of(new ReadFindings.Server("primary", 0), new ReadFindings.Server("replica-1", 1000));
        return new ReadFindings(servers, 100, stale, 50, 2, failed, withoutFault, faults, List.of(pool), left);
    }

    private Findings findings(List<Long> found) {
        return new Run(reconcile(found)).findings();
    }

    private Reconciliation.Result reconcile(List<Long> found) {
        Reconciliation reconciliation = new Reconciliation(journals);
        found.forEach(reconciliation::found);
        return reconciliation.result();
    }

    private static Journal journal(int client, Fate... fates) {
        Journal journal = new Journal(client);
        Arrays.stream(fates).forEach(fate -> {
            journal.begin();
            journal.end(fate);
        });
        return journal;
    }

    private static long id(int client, int sequence) {
        return new Journal(client).id(sequence);
    }

    private static List<Long> with(List<Long> ids, long more) {
        List<Long> all = new ArrayList<>(ids);
        all.add(more);
        return all;
    }

    private static List<Long> without(List<Long> ids, long gone) {
        return ids.stream().filter(id -> id != gone).toList();
    }

    private static void assertBroken(String rule, Verdict verdict) {
        assertEquals(List.of(rule), broken(verdict));
        assertEquals(1, verdict.exitCode());
    }

    private static List<String> broken(Verdict verdict) {
        return verdict.invariants().stream()
                .filter(invariant -> !invariant.held())
                .map(Invariant::rule)
                .toList();
    }

    private static String found(Verdict verdict) {
        return verdict.invariants().stream().map(Invariant::found).collect(Collectors.joining("; "));
    }
}
