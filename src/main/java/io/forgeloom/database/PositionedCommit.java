package io.forgeloom.database;

import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.Optional;

/** Commits transactions of one pool so that one knows where in the log they are. Safe for use by many threads. */
final class PositionedCommit {

    // The position must be at or after the end of the commit record, and a replica must reach it although nothing more
    // is
    // written. So it is asked for after the COMMIT, in the same message; it is the insert position, since without
    // synchronous_commit the flushed one is before the commit; and behind the header of a page with nothing in it, it
    // is
    // taken back to the page's start.

    private static final String INSERT_POSITION = "SELECT pg_catalog.pg_current_wal_insert_lsn()";

    private final ConnectionPool pool;
    private final WalPages pages;

    PositionedCommit(ConnectionPool pool, WalPages pages) {
        this.pool = pool;
        this.pages = pages;
    }

    /**
     * Commits the transaction that is open on {@code connection}.
     *
     * @throws SQLException if it is not committed, or its fate is open
     */
    CommitPosition commit(ConnectionHandle connection) throws SQLException {
        connection.requireCurrent();
        Optional<String> answer;
        try {
            answer = connection.session().session.commitAndAsk(INSERT_POSITION);
        } catch (SQLException e) {
            throw connection.failed(e);
        }
        if (answer.isPresent()) {
            return position(answer.get());
        }
        // One at a time: the next may be the pool's last.
        connection.release();
        return elsewhere();
    }

    /**
     * A position of a transaction that is known to be committed, where its own session could not say it: a later one is
     * as good. Whatever goes wrong here must not look as if the transaction had failed.
     */
    CommitPosition elsewhere() {
        try {
            ConnectionHandle connection = pool.lease(pool.acquireDeadline());
            try {
                return position(
                        connection.session().session.send(INSERT_POSITION).get(0));
            } catch (SQLException e) {
                throw new DatabaseException(connection.failed(e));
            } finally {
                connection.release();
            }
        } catch (AcquireException | DatabaseException e) {
            ConnectionPool.LOG.log(
                    Level.WARNING,
                    pool.name() + ": where a commit is in the log could not be asked; reads after it go to the primary",
                    e);
            return CommitPosition.UNKNOWN;
        }
    }

    private CommitPosition position(String insertLsn) {
        return new CommitPosition(pages.replayable(CommitPosition.lsn(insertLsn)));
    }
}
