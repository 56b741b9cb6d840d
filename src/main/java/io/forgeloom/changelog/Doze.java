package io.forgeloom.changelog;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.Database;
import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CancellationException;

/**
 * How long a follower that has found nothing waits before it looks again, and how it is woken. One thread at a time.
 *
 * <p>At first the waits are short: while rows come, nobody need ring. Then the follower says that it sleeps, which writers
 * see without waiting for anybody, and ring. A writer may have looked just before and commit just after the follower's last
 * look: so those that were writing at that moment are waited for, with a look every 20 ms, and only then it sleeps. What
 * it said holds for three seconds and is renewed in time, so that one that dies makes writers ring no longer than that.
 */
final class Doze {

    private static final System.Logger LOG = System.getLogger("io.forgeloom.changelog");

    private static final long[] SHORT_MILLIS = {1, 2, 4, 8, 16};
    private static final long LOOK_MILLIS = 20;
    private static final long ARMED_MILLIS = 3000;

    /** With less left than this it is renewed; a sleep is no longer. */
    private static final long ENOUGH_MILLIS = 1500;

    private final Database database;
    private final LogSql sql;
    private final FollowOptions options;
    private int looks;

    /** What the sequence was set to, by this follower or another; 0 if nobody is to ring. */
    private long armed;

    /** Those that were writing when it was set; empty once they have ended. */
    private Set<String> writers = new HashSet<>();

    Doze(Database database, LogSql sql, FollowOptions options) {
        this.database = database;
        this.sql = sql;
        this.options = options;
    }

    /** Something was found: the next waits are short again, and nobody need ring. */
    void awake() {
        looks = 0;
        if (armed != 0) {
            long value = armed;
            armed = 0;
            writers = new HashSet<>();
            try {
                database.withConnection(connection -> disarm(connection, value));
            } catch (DatabaseException | AcquireException | CancellationException e) {
                // What was found is in the caller's hands and must not be lost for this; it ends by its time.
                LOG.log(Level.DEBUG, "writers go on ringing for three seconds", e);
            }
        }
    }

    /** Somebody rang. */
    void rung() {
        looks = 0;
    }

    /**
     * Called after a look that found nothing.
     *
     * @return for how long to wait, in milliseconds, before the next look
     */
    long next() {
        if (looks < SHORT_MILLIS.length) {
            return Math.min(SHORT_MILLIS[looks++], options.pollInterval().toMillis());
        }
        boolean before = armed != 0;
        armed = database.withConnection(this::arm);
        if (armed == 0) {
            // Nobody may ring.
            int doublings = Math.min(looks++ - SHORT_MILLIS.length, 20);
            return Math.min(LOOK_MILLIS << doublings, options.pollInterval().toMillis());
        }
        if (!before) {
            writers = database.withConnection(this::writing);
            // The first look after it was said comes at once.
            return 0;
        }
        if (!writers.isEmpty()) {
            writers.retainAll(database.withConnection(this::writing));
        }
        return Math.min(
                writers.isEmpty() ? ENOUGH_MILLIS : LOOK_MILLIS,
                options.pollInterval().toMillis());
    }

    private long arm(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.arm)) {
            statement.setLong(1, ENOUGH_MILLIS);
            statement.setString(2, sql.sleepers);
            statement.setLong(3, ARMED_MILLIS);
            statement.setInt(4, options.ringAlways() ? 1 : 0);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? row.getLong(1) : 0;
            }
        }
    }

    private boolean disarm(Connection connection, long value) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.disarm)) {
            statement.setString(1, sql.sleepers);
            statement.setLong(2, value);
            return statement.execute();
        }
    }

    private Set<String> writing(Connection connection) throws SQLException {
        Set<String> found = new HashSet<>();
        try (PreparedStatement statement = connection.prepareStatement(sql.writers)) {
            statement.setString(1, sql.log);
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    found.add(row.getString(1));
                }
            }
        }
        return found;
    }
}
