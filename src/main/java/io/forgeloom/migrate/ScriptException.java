package io.forgeloom.migrate;

import java.io.Serial;

/** A script cannot be taken apart, or holds what a migration may not hold; the reader adds the name of the file. */
final class ScriptException extends Exception {

    @Serial
    private static final long serialVersionUID = 1L;

    private final int line;

    ScriptException(int line, String problem) {
        super(problem);
        this.line = line;
    }

    /** From 1. */
    int line() {
        return line;
    }
}
