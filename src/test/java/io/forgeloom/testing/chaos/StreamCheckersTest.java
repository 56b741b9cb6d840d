package io.forgeloom.testing.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The checkers of what is delivered, followed, listed and left: each finds what it is for. */
class StreamCheckersTest {

    private final List<Line> lines = new ArrayList<>();
    private final FinalState state = new FinalState();

    @BeforeEach
    void everythingIsWell() {
        state.migrations.putAll(StartsChecker.ONCE);
    }

    private void at(long millis, String node, String event, Object... pairs) {
        lines.add(Line.at(millis * 1_000_000, node, event, pairs));
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

    // ---- the bus ----

    /** Publisher {@code b-1} commits 1 to {@code count}, one each second. */
    private void sent(int count) {
        for (int n = 1; n <= count; n++) {
            state.sent.add("b-1/" + n);
            at(n * 1_000L, "b-1", "sent", "n", n, "begin", n * 1_000_000_000L);
        }
    }

    private void got(long millis, int n) {
        at(millis, "a-1", "got", "sub", "fast", "what", "b-1/" + n);
    }

    @Test
    void aNotificationThatIsMissingWithoutAWordIsFound() {
        sent(3);
        at(500, "a-1", "gap", "sub", "fast");
        got(1_100, 1);
        got(3_100, 3);
        finds(BusChecker::new, "1 are missing before this");
        at(2_000, "a-1", "lagged", "sub", "fast", "missed", 1);
        findsNothing(BusChecker::new);
        at(2_000, "a-1", "lagged", "sub", "fast", "missed", 1);
        at(4_000, "a-1", "closed", "sub", "fast");
        finds(BusChecker::new, "told to miss 2, and it misses 1");
    }

    @Test
    void aGapExcusesWhatBeganBeforeItWasHeard() {
        sent(4);
        at(500, "a-1", "gap", "sub", "fast");
        got(1_100, 1);
        at(3_500, "a-1", "gap", "sub", "fast");
        got(4_100, 4);
        findsNothing(BusChecker::new);
        lines.removeIf(line -> line.is("gap") && line.nanos() > 1_000_000_000L);
        at(2_500, "a-1", "gap", "sub", "fast");
        finds(BusChecker::new, "1 are missing before this");
    }

    @Test
    void aNotificationThatComesTwiceOrTooLateIsFound() {
        sent(2);
        at(500, "a-1", "gap", "sub", "fast");
        got(2_100, 1);
        got(2_200, 2);
        got(2_300, 1);
        assertTrue(found(BusChecker::new).getFirst().contains("comes again, or too late"));
    }

    @Test
    void whatNeverComesBeforeTheEndIsFound() {
        sent(2);
        at(500, "a-1", "gap", "sub", "fast");
        got(1_100, 1);
        at(4_000, "a-1", "closed", "sub", "fast");
        findsNothing(BusChecker::new);
        at(9_000, "a-1", "closed", "sub", "fast");
        finds(BusChecker::new, "1 have not come");
    }

    @Test
    void twoSubscribersWithTwoOrdersAreFound() {
        state.sent.addAll(List.of("b-1/1", "c-1/1"));
        for (String node : List.of("a-1", "b-1")) {
            at(1, node, "gap", "sub", "fast");
        }
        at(2, "a-1", "got", "sub", "fast", "what", "b-1/1");
        at(3, "a-1", "got", "sub", "fast", "what", "c-1/1");
        at(4, "b-1", "got", "sub", "fast", "what", "c-1/1");
        findsNothing(BusChecker::new);
        at(5, "b-1", "got", "sub", "fast", "what", "b-1/1");
        finds(BusChecker::new, "in another order");
    }

    @Test
    void aWakeUpThatIsLostOrOfARollbackIsFound() {
        at(1_000, "a-1", "subscribed", "sub", "fast");
        at(5_000, "b-1", "tx", "n", 1, "fate", "committed", "ms", 10);
        at(90_000, "a-1", "closed", "sub", "fast");
        finds(WakeUpChecker::new, "never heard of this");
        at(5_100, "a-1", "soon", "sub", "fast", "what", "b-1/1");
        findsNothing(WakeUpChecker::new);
        at(6_000, "b-1", "tx", "n", 2, "fate", "no", "ms", 10);
        at(6_100, "a-1", "soon", "sub", "fast", "what", "b-1/2");
        finds(WakeUpChecker::new, "rolled back");
    }

    @Test
    void aGapExcusesAWakeUp() {
        at(1_000, "a-1", "subscribed", "sub", "fast");
        at(5_000, "b-1", "tx", "n", 1, "fate", "committed", "ms", 10);
        at(5_500, "a-1", "gap", "sub", "fast");
        at(90_000, "a-1", "closed", "sub", "fast");
        findsNothing(WakeUpChecker::new);
    }

    // ---- the change log ----

    @Test
    void anEffectThatIsMissingOrThereTwiceIsFound() {
        state.source.add("a-1/1");
        finds(ConsumerChecker::new, "no effect for a-1/1");
        state.effects.put("a-1/1", 1);
        findsNothing(ConsumerChecker::new);
        state.effects.put("a-1/1", 2);
        finds(ConsumerChecker::new, "2 effects");
        state.effects.put("a-1/1", 1);
        state.effects.put("a-1/2", 1);
        finds(ConsumerChecker::new, "never committed");
    }

    @Test
    void aConsumerThatIsToldToBeginAnewForNothingIsFound() {
        at(50_000, "a-1", "consumed", "rows", 3);
        at(60_000, "a-1", "resync", "who", "consumer", "cause", "OTHER_HISTORY");
        finds(ConsumerChecker::new, "told to begin anew");
        fault(1, Kind.PROMOTION, "primary", 55_000, 58_000);
        findsNothing(ConsumerChecker::new);
        at(61_000, "a-1", "resync", "who", "consumer", "cause", "TRIMMED");
        finds(ConsumerChecker::new, "told to begin anew");
    }

    @Test
    void aCopyThatIsNotTheTableIsFound() {
        state.followed.put("1", "7");
        at(1, "a-1", "copy", "is", "1:7");
        findsNothing(CopyChecker::new);
        at(2, "b-1", "copy", "is", "1:6");
        finds(CopyChecker::new, "the copy is not the table");
    }

    @Test
    void changesOfARowInAnotherOrderAreFound() {
        at(1, "a-1", "copied", "rows", 2);
        at(2, "a-1", "followed", "rows", "1:5,2:4,1:6");
        findsNothing(CopyChecker::new);
        at(3, "a-1", "followed", "rows", "1:6");
        finds(CopyChecker::new, "row 1 was at 6 and comes with 6");
        at(2, "a-1", "copied", "rows", 2);
        findsNothing(CopyChecker::new);
    }

    @Test
    void aFollowerThatIsToldToBeginAnewForNothingIsFound() {
        at(1_000, "a-1", "copied", "rows", 2);
        at(9_000, "a-1", "resync", "who", "copy", "cause", "TRIMMED", "idle", 3_000);
        findsNothing(CopyChecker::new);
        at(9_000, "a-1", "resync", "who", "copy", "cause", "TRIMMED", "idle", 300);
        finds(CopyChecker::new, "having looked 300 ms before");
        lines.removeLast();
        at(9_000, "a-1", "resync", "who", "copy", "cause", "OTHER_HISTORY", "idle", 3);
        finds(CopyChecker::new, "told of another history");
    }

    // ---- nodes, starts, what is left ----

    @Test
    void aDeadNodeThatIsListedIsFound() {
        at(1_000, Line.DRIVER, "killed", "name", "b-1");
        at(5_000, "a-1", "nodes", "asked", 5_000_000_000L, "list", "b-1:ACTIVE");
        findsNothing(NodesChecker::new);
        at(7_000, "a-1", "nodes", "asked", 7_000_000_000L, "list", "b-1:ACTIVE");
        finds(NodesChecker::new, "b-1 was killed");
    }

    @Test
    void aFrozenNodeThatIsListedIsFoundAndOneThatIsWellAndIsNot() {
        fault(1, Kind.PAUSE, "b", 1_000, 9_000);
        at(7_000, "a-1", "nodes", "asked", 7_000_000_000L, "list", "b-1:ACTIVE");
        finds(NodesChecker::new, "b-1 was frozen");
        lines.clear();
        at(1_000, "b-1", "ready");
        at(20_000, "a-1", "nodes", "asked", 20_000_000_000L, "list", "b-1:ACTIVE");
        findsNothing(NodesChecker::new);
        at(21_000, "a-1", "nodes", "asked", 21_000_000_000L, "list", "b-1:DEAD");
        finds(NodesChecker::new, "b-1 is well");
    }

    @Test
    void aProcessThatIsNeverReadyAndAMigrationThatRanTwiceAreFound() {
        at(1, Line.DRIVER, "start", "name", "a-1");
        finds(StartsChecker::new, "never ready");
        at(2, "a-1", "ready");
        findsNothing(StartsChecker::new);
        state.migrations.put("0001_tables", 2);
        finds(StartsChecker::new, "0001_tables=2");
    }

    private void footprint(String when, long heap, int sessions, String threads) {
        at(
                when.equals("start") ? 1 : 2,
                "a-1",
                "footprint",
                "when",
                when,
                "heap",
                heap,
                "sessions",
                sessions,
                "platform",
                9,
                "threads",
                threads);
    }

    @Test
    void whatIsLeftIsFound() {
        footprint("start", 1_000, 4, "forgeloom-node:1");
        footprint("end", 2_000, 5, "forgeloom-node:1,forgeloom-leader-body-swift:1");
        findsNothing(LeftoversChecker::new);
        footprint("end", 100_000_000, 5, "");
        footprint("end", 2_000, 9, "");
        footprint("end", 2_000, 4, "forgeloom-node:2");
        at(3, "a-1", "pinned", "ms", 21, "stack", "X.y:1");
        at(3, "a-1", "pinned", "ms", 21, "stack", "X.y:1<X.<clinit>:2");
        at(
                3,
                "a-1",
                "pinned",
                "ms",
                21,
                "stack",
                "X.y:1",
                "reason",
                "Waited for initialization of Y by another thread");
        at(3, "a-1", "pinned", "ms", 21, "stack", "X.y:1", "reason", "VM call to Y.<clinit> on stack");
        at(3, "a-1", "ready");
        at(4, Line.DRIVER, "left", "sessions", 1);
        assertEquals(
                List.of(
                        "more heap",
                        "more sessions",
                        "more threads forgeloom-node",
                        "a virtual thread was pinned",
                        "a-1 did not end",
                        "sessions are left"),
                found(LeftoversChecker::new).stream()
                        .map(StreamCheckersTest::begin)
                        .toList());
    }

    private static String begin(String text) {
        return List.of(
                        "more heap",
                        "more sessions",
                        "more threads forgeloom-node",
                        "a virtual thread was pinned",
                        "a-1 did not end",
                        "sessions are left")
                .stream()
                .filter(text::startsWith)
                .findFirst()
                .orElse(text);
    }

    @Test
    void aThreadOfAFrozenProcessWasNotPinned() {
        fault(1, Kind.PAUSE, "a", 1_000, 3_000);
        at(3_500, "a-1", "pinned", "ms", 2_000, "stack", "X.y:1");
        findsNothing(LeftoversChecker::new);
    }
}
