package io.forgeloom.database;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Work on one connection. Called on the caller's thread; may block.
 *
 * @param <T> what it returns
 * @param <X> what it throws beside {@link SQLException}; a lambda that throws nothing else makes it unchecked
 */
@FunctionalInterface
public interface ConnectionFunction<T extends @Nullable Object, X extends Exception> {

    /**
     * Does the work.
     *
     * @param connection valid until this returns; need not be closed
     */
    T apply(Connection connection) throws SQLException, X;
}
