package io.forgeloom.leader;

import io.forgeloom.database.Database;
import io.forgeloom.database.Transaction;
import io.forgeloom.database.TransactionFunction;
import io.forgeloom.database.TransactionOptions;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One time that this process leads, from the election to the loss. Safe for use by many threads.
 *
 * <p>What a leader does in this database it does {@link #inTransaction}: no later leader comes into office while such a
 * transaction is open, and once one has, such a transaction finds that out before it does anything. What it does elsewhere
 * carries the {@link #token()}, or at least asks {@link #isValid()} before: between the answer and the deed the process
 * may be paused.
 */
public final class Leadership {

    private final LeaderRole role;
    private final LeadershipToken token;
    private final Fence fence;

    /** Pushed on by the heartbeat. */
    private volatile long trustedUntil;

    /** Why it is over; null while it is not. */
    private volatile @Nullable String over;

    Leadership(LeaderRole role, LeadershipToken token, Fence fence, long trustedUntil) {
        this.role = role;
        this.token = token;
        this.fence = fence;
        this.trustedUntil = trustedUntil;
    }

    /**
     * What all leaderships of one session have in common.
     *
     * @param sql opens a fenced transaction: finds the row and locks it against another term
     * @param longest how long a fenced transaction may take
     * @param superseded told when a fence found that another leads
     */
    record Fence(
            Database database,
            String sql,
            String incarnation,
            Duration longest,
            BiConsumer<Leadership, String> superseded) {}

    /** What this leads. */
    public LeaderRole role() {
        return role;
    }

    /** The number of this leadership; each one of a role on this server has a greater one than those before. */
    public long term() {
        return token.term();
    }

    /** The term with its timeline: what a store elsewhere compares. */
    public LeadershipToken token() {
        return token;
    }

    /**
     * Until when the server keeps this leader's lock for sure, as a {@link System#nanoTime()}: past it this process must
     * not act as leader any more. Moved on by each heartbeat. On a machine that was suspended that clock may have stood
     * still; then the fence alone is right.
     */
    public long trustedUntil() {
        return trustedUntil;
    }

    void trustUntil(long nanos) {
        trustedUntil = nanos;
    }

    /** Whether this process leads, as far as it knows: a comparison of two times. */
    public boolean isValid() {
        return over == null && System.nanoTime() - trustedUntil < 0;
    }

    /** Ends it; the first reason counts. */
    void end(String why) {
        if (over == null) {
            over = why;
        }
    }

    /**
     * Goes on as leader, or not at all. No I/O.
     *
     * @throws LeadershipLostException if this process does not lead any more
     */
    public void checkpoint() {
        if (!isValid()) {
            throw lost();
        }
    }

    private LeadershipLostException lost() {
        String why = over;
        return new LeadershipLostException(role, token, why == null ? "the server has not answered in time" : why);
    }

    /** As {@link #inTransaction(TransactionOptions, TransactionFunction)} with every default. */
    public <T extends @Nullable Object, X extends Exception> T inTransaction(TransactionFunction<T, X> function)
            throws X {
        return inTransaction(TransactionOptions.DEFAULTS, function);
    }

    /**
     * As {@link Database#inTransaction(TransactionOptions, TransactionFunction)}, and only as this leader: committed only
     * if no other has been elected until then. Costs one round trip more. It may take half a lease at most, or less if the
     * options say so.
     *
     * @throws LeadershipLostException if this process does not lead any more; rolled back
     * @throws IllegalArgumentException if the options are read-only, which takes no lock
     * @throws X what the function throws
     */
    public <T extends @Nullable Object, X extends Exception> T inTransaction(
            TransactionOptions options, TransactionFunction<T, X> function) throws X {
        if (options.readOnly()) {
            throw new IllegalArgumentException("a fenced transaction takes a lock, and so cannot be read-only");
        }
        checkpoint();
        Duration wanted = options.timeout();
        boolean shorter = !wanted.isZero() && wanted.compareTo(fence.longest) < 0;
        TransactionOptions bounded = new TransactionOptions(
                options.isolation(),
                false,
                shorter ? wanted : fence.longest,
                options.maxAttempts(),
                options.traceCommit());
        return fence.database.<T, X>inTransaction(bounded, transaction -> {
            requireTerm(transaction);
            return function.apply(transaction);
        });
    }

    private void requireTerm(Transaction transaction) throws SQLException {
        try (PreparedStatement statement = transaction.connection().prepareStatement(fence.sql)) {
            statement.setString(1, role.name());
            statement.setLong(2, token.term());
            statement.setLong(3, token.timeline());
            statement.setString(4, fence.incarnation);
            // A setting that lasts as long as the transaction comes first; its result is none.
            statement.execute();
            while (statement.getUpdateCount() != -1) {
                statement.getMoreResults();
            }
            try (ResultSet row = statement.getResultSet()) {
                if (row != null && row.next()) {
                    return;
                }
            }
        }
        String why = "another leader was elected";
        if (over == null) {
            // Else it was given up meanwhile, and the session may lead again, with another term.
            fence.superseded.accept(this, why);
        }
        end(why);
        throw lost();
    }

    @Override
    public String toString() {
        return "Leadership[" + role + ", " + token + (isValid() ? "" : ", over") + "]";
    }
}
