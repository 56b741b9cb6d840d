package io.forgeloom.testing;

import org.junit.jupiter.api.Assumptions;

/** Says why tests are left out: build tools hide the reason of a skipped test in a report. */
final class Skips {

    private Skips() {}

    /** Prints the reason, for whoever reads the build's output. */
    static String say(String reason) {
        System.out.println(reason);
        return reason;
    }

    /** Ends the current test as skipped if what it needs is not there. */
    static void unless(boolean available, String reason) {
        if (!available) {
            Assumptions.abort(say(reason));
        }
    }
}
