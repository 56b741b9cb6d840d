package io.forgeloom.error;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * The root of all exceptions that Forgeloom throws by itself. Unchecked; safe for use by many threads.
 *
 * <p>Catch it at the outermost place, where any failure of the runtime ends one request. Catch a subclass where the
 * program can do something about it.
 */
public abstract class ForgeException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** With a stack trace. */
    protected ForgeException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** Without a stack trace, for a refusal that must be cheap because many callers get it at once. */
    protected ForgeException(String message) {
        super(message, null, false, false);
    }
}
