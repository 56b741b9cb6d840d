package io.forgeloom.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An open transaction, as its body sees it. Confined to one thread, and over when the body returns or throws.
 */
public final class Transaction {

    private final Connection connection;
    private final int attempt;
    private final List<Runnable> afterCommit = new ArrayList<>();

    Transaction(Connection connection, int attempt) {
        this.connection = connection;
        this.attempt = attempt;
    }

    /**
     * The connection that the transaction is on. Its {@code commit()}, {@code rollback()}, {@code setAutoCommit(true)} and
     * {@code close()} are refused: the body ends the transaction by returning or throwing.
     */
    public Connection connection() {
        return connection;
    }

    /** Which try this is: 1, and more after a serialization failure or a deadlock. */
    public int attempt() {
        return attempt;
    }

    /**
     * Has {@code action} run once the transaction is committed. Actions run on the same thread in the order of their
     * registration, after the connection was released, so they may block and use the database. One that throws is logged
     * at WARN, and the others still run: the commit cannot be undone. None runs after a rollback, and those of a
     * savepoint that was rolled back do not run either.
     */
    public void afterCommit(Runnable action) {
        afterCommit.add(Objects.requireNonNull(action, "action"));
    }

    /**
     * Runs {@code function} in a savepoint of this transaction: if it throws, what it did is undone, the exception goes
     * on to the caller, and the transaction is still good.
     *
     * @throws X what the function throws
     * @throws SQLException of the function, or of the savepoint itself
     */
    public <T extends @Nullable Object, X extends Exception> T withSavepoint(TransactionFunction<T, X> function)
            throws SQLException, X {
        Savepoint savepoint = connection.setSavepoint();
        int actions = afterCommit.size();
        boolean done = false;
        try {
            T result = function.apply(this);
            connection.releaseSavepoint(savepoint);
            done = true;
            return result;
        } catch (Throwable failure) {
            if (!done) {
                afterCommit.subList(actions, afterCommit.size()).clear();
                try {
                    connection.rollback(savepoint);
                } catch (SQLException e) {
                    failure.addSuppressed(e);
                }
            }
            throw failure;
        }
    }

    List<Runnable> afterCommitActions() {
        return afterCommit;
    }
}
