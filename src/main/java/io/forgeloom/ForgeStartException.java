package io.forgeloom;

import io.forgeloom.error.ForgeException;
import java.io.Serial;

/** A runtime could not be started. What had been opened is closed. The cause is what the step threw. */
public final class ForgeStartException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final String step;

    ForgeStartException(String step, Throwable cause) {
        super("Forgeloom did not start: step \"" + step + "\" failed: " + reason(cause), cause);
        this.step = step;
    }

    private static String reason(Throwable cause) {
        String message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : message;
    }

    /** The step: {@code database}, {@code migrations}, {@code bus}, {@code node}, {@code changes}, {@code election} or {@code ready}. */
    public String step() {
        return step;
    }
}
