package io.forgeloom.testing.chaos;

/** Whatever goes wrong is said by an exception of the library's own, and every user comes to an end. */
final class ErrorsChecker extends Checker {

    ErrorsChecker(History history) {
        super(history);
    }

    @Override
    void check() {
        history().lines("strange").forEach(line -> violated(line.get("user") + " met " + line.get("what"), line));
    }
}
