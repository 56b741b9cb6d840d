package io.forgeloom.changelog;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.Database;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.DatabaseException;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps what comes after one snapshot from being trimmed, while a copy is made and until its follower has caught up. A row
 * among the consumers, which counts as long as the session that copies lives, and then for five minutes from its last
 * renewal: one whose process dies holds nothing up for longer. Safe for use by many threads.
 */
final class Hold {

    private static final System.Logger LOG = System.getLogger("io.forgeloom.changelog");

    private static final long RENEWAL_NANOS = Duration.ofMinutes(1).toNanos();

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

    /** Holds everything that commits from now on, as long as the session of {@code connection} lives. */
    static Hold begin(Database database, Identifier home, Connection connection) throws SQLException {
        String name = "~" + UUID.randomUUID();
        // Shared with others that hold, and never at the same time as a trim, which would not see the row.
        try (PreparedStatement lock = connection.prepareStatement(
                        "SELECT pg_catalog.pg_advisory_xact_lock_shared(" + ChangeLog.TRIM_LOCK + ")");
                PreparedStatement insert = connection.prepareStatement("INSERT INTO " + home
                        + ".forge_change_consumers (name, position, seen, holds, owner, expires_at, backend_pid, backend_start)"
                        + " SELECT ?, '', pg_catalog.pg_current_snapshot(), true, pg_catalog.gen_random_uuid(), " + TIME
                        + ", a.pid, a.backend_start FROM pg_catalog.pg_stat_activity AS a"
                        + " WHERE a.pid = pg_catalog.pg_backend_pid()")) {
            connection.setAutoCommit(false);
            lock.execute();
            insert.setString(1, name);
            insert.execute();
            connection.commit();
        }
        return new Hold(database, home, name);
    }

    /** Called at each look: ends the hold once the follower has caught up, and renews it in time until then. */
    void keep(boolean caughtUp) {
        lock.lock();
        try {
            if (over) {
                return;
            }
            if (caughtUp) {
                over = true;
                send("DELETE FROM " + home + ".forge_change_consumers WHERE name = ?");
            } else if (System.nanoTime() - renewed > RENEWAL_NANOS) {
                renewed = System.nanoTime();
                send("UPDATE " + home + ".forge_change_consumers SET expires_at = " + TIME + " WHERE name = ?");
            }
        } finally {
            lock.unlock();
        }
    }

    /** Ends it, if it can be; else it ends by its time. */
    void release() {
        try {
            keep(true);
        } catch (DatabaseException | AcquireException e) {
            LOG.log(Level.DEBUG, "a hold ends by itself in five minutes", e);
        }
    }

    private void send(String statement) {
        database.withConnection(connection -> {
            try (PreparedStatement prepared = connection.prepareStatement(statement)) {
                prepared.setString(1, name);
                return prepared.executeUpdate();
            }
        });
    }
}
