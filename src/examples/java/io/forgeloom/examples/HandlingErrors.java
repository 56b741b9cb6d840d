package io.forgeloom.examples;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.Database;
import io.forgeloom.database.TransactionFunction;
import io.forgeloom.error.DatabaseException;

/** One {@code catch} for each decision. */
final class HandlingErrors {

    private HandlingErrors() {}

    /** Answers a request with an HTTP status. */
    static int handle(Database db, TransactionFunction<?, RuntimeException> work) {
        // @start region="decide"
        try {
            db.inTransaction(work);
            return 200;
        } catch (AcquireException e) {
            return 503; // e.reason() says why: exhausted, server down, …
        } catch (CommitOutcomeUnknownException e) {
            return 202; // committed or not: e.transactionId() can settle it later
        } catch (DatabaseException e) {
            return "23505".equals(e.sqlState()) ? 409 : 500;
        }
        // @end
    }
}
