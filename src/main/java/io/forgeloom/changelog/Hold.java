package io.forgeloom.changelog;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.Database;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps what comes after one snapshot from being trimmed, from before a copy is made until its follower has caught up: by a
 * lock of the session that copies, and then by a row among the consumers, which counts for five minutes from its last
 * renewal. One whose process dies holds nothing up for longer. Safe for use by many threads.
 */
final class Hold {

    private static final System.Logger LOG = System.getLogger("io.forgeloom.changelog");

    private static final long RENEWAL_NANOS = Duration.ofMinutes(1).toNanos();

    /** An advisory lock that each session that copies has shared, and a trim alone. */
    private static final long COPYING = 77306496745498L;

    private static final String TIME = "pg_catalog.clock_timestamp() + interval '5 min'";

    private final Database database;
    private final Identifier home;
    private final String name;

    /** Guards {@link #renewed} and {@link #over}; held while a statement that is rare is sent. */
    private final ReentrantLock lock = new ReentrantLock();

    private long renewed = System.nanoTime();
    private boolean over;

    private Hold(Database database, Identifier home, String name) {
        this.database = database;
        this.home = home;
        this.name = name;
    }

    /** Holds everything that commits from now on; on {@code connection}, which it leaves without auto-commit. */
    static Hold begin(Database database, Identifier home, Connection connection) throws SQLException {
        String name = "~" + UUID.randomUUID();
        connection.setAutoCommit(false);
        // As long as this session lives nothing is trimmed; the row is for afterwards.
        execute(connection, "SELECT pg_catalog.pg_advisory_lock_shared(" + COPYING + ")");
        execute(connection, ChangeLog.SHARE_TRIM_LOCK);
        execute(
                connection,
                "INSERT INTO " + home
                        + ".forge_change_consumers (name, position, seen, holds, owner, expires_at) VALUES ('"
                        + name + "', '', pg_catalog.pg_current_snapshot(), true, pg_catalog.gen_random_uuid(), " + TIME
                        + ")");
        connection.commit();
        return new Hold(database, home, name);
    }

    /** The copy is done, and its transaction over: from here the row holds, for its time. */
    void copied(Connection connection) throws SQLException {
        renewed = System.nanoTime();
        execute(connection, renewal());
        connection.commit();
        execute(connection, "SELECT pg_catalog.pg_advisory_unlock_shared(" + COPYING + ")");
        connection.commit();
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private String renewal() {
        return "UPDATE " + home + ".forge_change_consumers SET expires_at = " + TIME + " WHERE name = '" + name + "'";
    }

    /**
     * Called at each look: ends the hold once the follower has caught up, and renews it in time until then. Where that
     * fails it ends by its time, or is renewed at the next look: what was read is in the caller's hands, and not lost for it.
     */
    void keep(boolean caughtUp) {
        lock.lock();
        try {
            if (over) {
                return;
            }
            if (caughtUp) {
                over = true;
                send("DELETE FROM " + home + ".forge_change_consumers WHERE name = '" + name + "'");
            } else if (System.nanoTime() - renewed > RENEWAL_NANOS && send(renewal())) {
                renewed = System.nanoTime();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Ends it, if it can be; else it ends by its time. */
    void release() {
        keep(true);
    }

    private boolean send(String sql) {
        try {
            return database.withConnection(connection -> {
                execute(connection, sql);
                return true;
            });
        } catch (DatabaseException | AcquireException | CancellationException e) {
            LOG.log(Level.DEBUG, "a hold ends by itself in five minutes", e);
            return false;
        }
    }
}
