package io.forgeloom.error;

import java.io.Serial;

/** The root of all exceptions of the library. Placeholder. */
public abstract class ForgeException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    /**
     * Says what went wrong.
     *
     * @param message the whole sentence
     */
    protected ForgeException(String message) {
        super(message);
    }
}
