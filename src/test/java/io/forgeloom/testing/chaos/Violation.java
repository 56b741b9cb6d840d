package io.forgeloom.testing.chaos;

import java.util.List;

/**
 * A promise that was not kept.
 *
 * @param checker which one found it
 * @param what in a sentence
 * @param lines of the history, that show it
 */
record Violation(String checker, String what, List<Line> lines) {

    Violation {
        lines = List.copyOf(lines);
    }
}
