package io.forgeloom.database;

import io.forgeloom.error.ForgeException;
import java.io.Serial;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The connection was lost after COMMIT was sent and before its answer came: the transaction may be committed or not. It
 * is never run again. Where {@link TransactionOptions#traceCommit()} was set, {@link #transactionId()} is known and
 * {@link Database#commitOutcome} can settle it later; otherwise only the data can tell.
 */
public final class CommitOutcomeUnknownException extends ForgeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final @Nullable TransactionId transactionId;

    CommitOutcomeUnknownException(String message, @Nullable TransactionId transactionId, Throwable cause) {
        super(message, cause);
        this.transactionId = transactionId;
    }

    /** The transaction, where it was asked for before the COMMIT. */
    public Optional<TransactionId> transactionId() {
        return Optional.ofNullable(transactionId);
    }
}
