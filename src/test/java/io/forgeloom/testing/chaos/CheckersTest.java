package io.forgeloom.testing.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Each checker finds what it is for, and nothing in a history in which all is well. */
class CheckersTest {

    private final List<Line> lines = new ArrayList<>();
    private final FinalState state = new FinalState();

    private Line at(long millis, String node, String event, Object... pairs) {
        Line line = Line.at(millis * 1_000_000, node, event, pairs);
        lines.add(line);
        return line;
    }

    private void fault(int id, Kind kind, String victim, long from, long until) {
        at(from, Line.DRIVER, "fault", "id", id, "kind", kind, "victim", victim);
        at(until, Line.DRIVER, "healed", "id", id);
    }

    private List<String> found(Function<History, Checker> checker) {
        return checker.apply(new History(lines, state)).violations().stream()
                .map(Violation::what)
                .toList();
    }

    private void finds(Function<History, Checker> checker, String what) {
        List<String> found = found(checker);
        assertEquals(1, found.size(), found::toString);
        assertTrue(found.getFirst().contains(what), found::toString);
    }

    private void findsNothing(Function<History, Checker> checker) {
        assertEquals(List.of(), found(checker));
    }

    @Test
    void aLineIsReadAsItWasWritten() {
        Line line = at(5, "a-2", "tx", "n", 7, "why", "it was so");
        assertEquals(line, Line.parse("a-2", line.text()));
        assertEquals("a", line.slot());
    }

    // ---- transactions ----

    @Test
    void aConfirmedTransactionThatIsNotThereIsFound() {
        at(1, "a-1", "tx", "n", 1, "fate", "committed");
        finds(TransactionsChecker::new, "told as committed, and not there");
        state.journal.put("a-1/1", 1);
        findsNothing(TransactionsChecker::new);
        state.journal.put("a-1/1", 2);
        finds(TransactionsChecker::new, "is there 2 times");
    }

    @Test
    void aRefusedTransactionThatIsThereIsFound() {
        at(1, "a-1", "tx", "n", 1, "fate", "no");
        findsNothing(TransactionsChecker::new);
        state.journal.put("a-1/1", 1);
        finds(TransactionsChecker::new, "told as not committed, and there");
    }

    @Test
    void anUnknownOutcomeThatIsSettledWronglyIsFound() {
        at(1, "a-1", "tx", "n", 1, "fate", "unknown");
        findsNothing(TransactionsChecker::new);
        at(2, "a-1", "settled", "n", 1, "outcome", "COMMITTED");
        finds(TransactionsChecker::new, "told as committed");
    }

    @Test
    void aTransactionThatNobodyToldOfIsFoundUnlessItsProcessWasKilled() {
        state.journal.put("a-1/1", 1);
        finds(TransactionsChecker::new, "never told of it");
        at(1, Line.DRIVER, "killed", "name", "a-1");
        findsNothing(TransactionsChecker::new);
    }

    @Test
    void moneyThatIsLostAndDirtThatIsCommittedAreFound() {
        state.balance--;
        finds(TransactionsChecker::new, "the accounts have");
        state.balance++;
        state.dirt = 1;
        finds(TransactionsChecker::new, "given back uncommitted");
    }

    // ---- sessions ----

    @Test
    void aSoiledConnectionIsFound() {
        at(1, "a-1", "look", "found", "nothing");
        at(1, "a-1", "look", "failed", "the server went");
        findsNothing(CleanSessionsChecker::new);
        at(2, "a-1", "look", "found", "setting,lock");
        finds(CleanSessionsChecker::new, "came with setting,lock");
    }

    @Test
    void anExceptionOfAnotherKindIsFound() {
        at(1, "a-1", "strange", "user", "bank", "what", "NullPointerException");
        finds(ErrorsChecker::new, "NullPointerException");
    }

    @Test
    void aPoolThatIsLargerThanItMayBeIsFound() {
        at(1, "a-1", "pool", "total", 13, "max", 12);
        at(2, "a-1", "pool", "total", 12, "max", 12);
        findsNothing(PoolChecker::new);
        at(3, "a-1", "pool", "total", 13, "max", 12);
        at(4, "a-1", "pool", "total", 13, "max", 12);
        finds(PoolChecker::new, "twice in a row");
    }

    @Test
    void sessionsThatTheServerCountsAreFoundUnlessTheirClientsMayBeGone() {
        at(20_000, Line.DRIVER, "sessions", "name", "a-1", "count", 40);
        at(20_500, Line.DRIVER, "sessions", "name", "b-1", "count", 3);
        findsNothing(PoolChecker::new);

        at(21_000, Line.DRIVER, "sessions", "name", "a-1", "count", 40);
        finds(PoolChecker::new, "the server has more sessions");
        fault(1, Kind.RESET, "a", 10_000, 10_000);
        findsNothing(PoolChecker::new);
    }

    @Test
    void aRefusalThatIsLateOrSaysNothingIsFound() {
        at(9_000, "a-1", "refused", "ms", 4_000, "why", "all in use");
        finds(PoolChecker::new, "refused after 4000 ms");
        fault(1, Kind.PAUSE, "a", 5_000, 8_000);
        findsNothing(PoolChecker::new);
        at(9_000, "a-1", "refused", "ms", 0, "why", "");
        finds(PoolChecker::new, "without a reason");
    }

    // ---- reads ----

    @Test
    void aReadThatDoesNotShowItsCommitIsFound() {
        at(1, "a-1", "read", "what", "own", "found", 1);
        findsNothing(ReadsChecker::new);
        at(2, "a-1", "read", "what", "own", "found", 0);
        finds(ReadsChecker::new, "does not show it");
    }

    @Test
    void aReadThatIsTooOldIsFound() {
        at(1_000, "b-1", "beat", "k", 10);
        at(2_000, "b-1", "beat", "k", 11);
        at(9_000, "a-1", "read", "what", "beats", "begin", 4_000_000_000L, "found", "b:10,c:0");
        findsNothing(ReadsChecker::new);
        at(9_000, "a-1", "read", "what", "beats", "begin", 5_000_000_000L, "found", "b:10,c:0");
        finds(ReadsChecker::new, "outdated");
    }

    @Test
    void aReadThatIsTriedOnADeadServerIsFound() {
        at(1_000, Line.DRIVER, "down", "server", 1);
        at(3_000, "a-1", "unread", "begin", 2_000_000_000L, "server", 1);
        at(6_000, "a-1", "unread", "begin", 5_000_000_000L, "server", 2);
        findsNothing(ReadsChecker::new);
        at(7_000, "a-1", "unread", "begin", 5_000_000_000L, "server", 1);
        finds(ReadsChecker::new, "had been down");
        at(4_000, Line.DRIVER, "up", "server", 1);
        findsNothing(ReadsChecker::new);
    }

    // ---- leaders ----

    private static final String FIRST = "00000001-0000000000000001";
    private static final String SECOND = "00000001-0000000000000002";

    private void reign(String node, String role, String token, long from, long last) {
        at(last, node, "reign", "role", role, "token", token, "from", from * 1_000_000, "last", last * 1_000_000);
    }

    @Test
    void twoLeadersAtATimeAreFound() {
        reign("a-1", "safe", FIRST, 1_000, 2_000);
        reign("b-1", "safe", SECOND, 2_000, 3_000);
        findsNothing(LeaderChecker::new);
        reign("a-1", "safe", FIRST, 1_000, 2_001);
        finds(LeaderChecker::new, "two leaders for 1000 us");
    }

    @Test
    void whoLeadsAtOnceMayOverlapForAMoment() {
        reign("a-1", "swift", FIRST, 1_000, 2_300);
        reign("b-1", "swift", SECOND, 2_000, 9_000);
        findsNothing(LeaderChecker::new);
        reign("a-1", "swift", FIRST, 1_000, 3_000);
        finds(LeaderChecker::new, "two leaders");
    }

    @Test
    void oneTokenOfTwoLeadersAndOneThatShrinksAreFound() {
        reign("a-1", "safe", SECOND, 1_000, 2_000);
        reign("b-1", "safe", SECOND, 3_000, 4_000);
        finds(LeaderChecker::new, "with one token");
        lines.clear();
        reign("a-1", "safe", SECOND, 1_000, 2_000);
        reign("a-1", "safe", FIRST, 3_000, 4_000);
        finds(LeaderChecker::new, "smaller");
    }

    @Test
    void aRoleThatNobodyTakesAfterAFaultIsFound() {
        fault(1, Kind.KILL, "a", 1_000, 2_000);
        at(60_000, Line.DRIVER, "quiet");
        assertEquals(2, found(LeaderChecker::new).size());
        reign("a-1", "safe", FIRST, 5_000, 40_000);
        finds(LeaderChecker::new, "nobody leads swift");
        reign("a-1", "swift", FIRST, 5_000, 40_000);
        findsNothing(LeaderChecker::new);
    }

    @Test
    void aTermThatDoesNotGrowAndAWriteThatIsTooLateAreFound() {
        state.leaderTerms.add(new FinalState.LeaderTerm(1, "safe", 1, 2));
        state.leaderTerms.add(new FinalState.LeaderTerm(2, "safe", 1, 2));
        finds(LeaderChecker::new, "does not grow");
        state.leaderTerms.clear();
        state.leaderWrites.add(new FinalState.LeaderWrite(1, "safe", 1, 2, 1, 2, false));
        findsNothing(LeaderChecker::new);
        state.leaderWrites.add(new FinalState.LeaderWrite(2, "safe", 1, 3, 1, 4, true));
        finds(LeaderChecker::new, "a write of an earlier leader was accepted");
        state.leaderWrites.removeLast();
        state.leaderWrites.add(new FinalState.LeaderWrite(2, "safe", 1, 1, 1, 1, true));
        finds(LeaderChecker::new, "after one of a later");
    }
}
