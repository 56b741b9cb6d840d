package io.forgeloom.database;

import io.forgeloom.error.ForgeException;
import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * There was no connection for the caller. {@link #reason()} says why, {@link #stats()} how the pool stood at that
 * moment, and the message both, with who holds the connections. A {@link javax.sql.DataSource} view throws a
 * {@link java.sql.SQLTransientConnectionException} with this as its cause.
 */
public final class AcquireException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** The one reason for which there was no connection. */
    public enum Reason {
        /** Every connection was in use until the time was over. */
        EXHAUSTED,
        /** As many threads wait as may; this one was refused at once, and its exception has no stack trace. */
        QUEUE_FULL,
        /** The pool may open more, but none was ready in time. */
        CONNECTING_SLOWLY,
        /** The last attempt to open a session failed. */
        SERVER_DOWN,
        /** No replica may serve a read, and reads use as many connections of the primary as they may. */
        READ_SHARE,
        /** The pool is closed. */
        CLOSED,
        /** The waiting thread was interrupted; its interrupt flag is set. */
        INTERRUPTED
    }

    private final Reason reason;
    private final Duration waited;
    private final PoolStats stats;

    AcquireException(Reason reason, Duration waited, PoolStats stats, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
        this.waited = waited;
        this.stats = stats;
    }

    /** The cheap one: a full queue refuses many in a short time. */
    AcquireException(Duration waited, PoolStats stats, String message) {
        super(message);
        this.reason = Reason.QUEUE_FULL;
        this.waited = waited;
        this.stats = stats;
    }

    /** Why. */
    public Reason reason() {
        return reason;
    }

    /** How long this caller had waited. */
    public Duration waited() {
        return waited;
    }

    /** The pool at that moment. */
    public PoolStats stats() {
        return stats;
    }
}
