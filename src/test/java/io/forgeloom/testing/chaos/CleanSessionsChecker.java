package io.forgeloom.testing.chaos;

/** What one user leaves in a session never reaches the next. */
final class CleanSessionsChecker extends Checker {

    CleanSessionsChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        history()
                .lines("look")
                .filter(line -> !line.get("found", "nothing").equals("nothing"))
                .forEach(line -> violated("a connection came with " + line.get("found"), line));
    }
}
