package io.forgeloom.testing.chaos;

import java.util.ArrayList;
import java.util.List;

/** Holds a history against one promise. A function of the history alone. */
abstract class Checker {

    private final List<Violation> found = new ArrayList<>();
    private final History history;

    Checker(History history) {
        this.history = history;
    }

    /** What all of them find. */
    static List<Violation> judge(History history) {
        List<Violation> all = new ArrayList<>();
        for (Checker checker : List.of(
                new TransactionsChecker(history),
                new ErrorsChecker(history),
                new CleanSessionsChecker(history),
                new PoolChecker(history),
                new ReadsChecker(history),
                new BusChecker(history),
                new WakeUpChecker(history),
                new LeaderChecker(history),
                new ConsumerChecker(history),
                new CopyChecker(history),
                new NodesChecker(history),
                new StartsChecker(history),
                new LeftoversChecker(history))) {
            all.addAll(checker.violations());
        }
        return all;
    }

    History history() {
        return history;
    }

    final List<Violation> violations() {
        check();
        return List.copyOf(found);
    }

    abstract void check();

    final void violated(String what, Line... lines) {
        violated(what, List.of(lines));
    }

    final void violated(String what, List<Line> lines) {
        found.add(new Violation(getClass().getSimpleName(), what, lines));
    }
}
