package io.forgeloom.database;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The body of a transaction. Called on the caller's thread; may block. After a serialization failure or a deadlock it is
 * called again from its start, so what it does outside the database must bear that; {@link Transaction#afterCommit} is
 * the place for what must not.
 *
 * @param <T> what it returns
 * @param <X> what it throws beside {@link SQLException}; a lambda that throws nothing else makes it unchecked
 */
@FunctionalInterface
public interface TransactionFunction<T extends @Nullable Object, X extends Exception> {

    /** Does the work; returning commits, throwing rolls back. */
    T apply(Transaction transaction) throws SQLException, X;
}
