package io.forgeloom.error;

import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Something was given a bounded time and did not end within it. What it had begun was undone. */
public final class DeadlineExceededException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final Duration limit;

    /**
     * @param message what took too long, and the numbers
     * @param limit the time that it had
     */
    public DeadlineExceededException(String message, Duration limit, @Nullable Throwable cause) {
        super(message, cause);
        this.limit = limit;
    }

    /** The time that was allowed. */
    public Duration limit() {
        return limit;
    }
}
