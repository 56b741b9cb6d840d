package io.forgeloom.internal.jdbc;

import java.sql.Connection;
import java.sql.SQLException;

/** The connection that wrapped statements and result sets belong to. Called by the thread that uses the connection. */
public interface StatementOwner {

    /** What {@code getConnection()} answers. */
    Connection connection();

    /** Refuses if the connection was given back: a statement must not act on the session of its next user. */
    void requireOpen() throws SQLException;

    /** A text is about to go to the server, at the latest: it is seen before it is executed, or put into a batch. */
    void sees(String sql);

    /** The driver's own object was handed out, by which one gets at its connection: what is done with it is not seen. */
    void unwrapped() throws SQLException;

    /**
     * An execution begins; what this returns is passed to {@link #executed}.
     *
     * @throws SQLException if it must not begin; then {@link #executed} is not called
     */
    long executing() throws SQLException;

    /** An execution ended, by success or by failure. */
    void executed(long start, String sql);

    /** The caller got a row, or another value of an answer. Called once for each result set, at its first row. */
    void rowReturned();

    /**
     * The driver threw.
     *
     * @return what to throw to the caller
     */
    SQLException failed(SQLException failure);

    /** The user closed {@code statement}; its owner need not. */
    void closed(WrappedStatement statement);
}
