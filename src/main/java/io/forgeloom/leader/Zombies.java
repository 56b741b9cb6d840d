package io.forgeloom.leader;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.error.SqlState;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/**
 * Ends the sessions of leaders whose lease is over by twice its length, which the server should have done. Over pooled
 * connections: what may be refused is not for the session that has the locks. Confined to one thread.
 */
final class Zombies {

    private static final Duration CONNECTION = Duration.ofSeconds(1);

    private final ConnectionPool pool;
    private final LeaderTable table;
    private final SeatTable seats;

    /** Told when a lock may be free. */
    private final Runnable ended;

    /** Whether the rights are missing, and this was said. */
    private boolean refused;

    Zombies(ConnectionPool pool, LeaderTable table, SeatTable seats, Runnable ended) {
        this.pool = pool;
        this.table = table;
        this.seats = seats;
        this.ended = ended;
    }

    /** Looks after the roles that this process does not lead. */
    void end() {
        List<LeaderRole> roles = seats.where(seat -> !seat.hasLock()).stream()
                .map(seat -> seat.role)
                .toList();
        if (roles.isEmpty()) {
            return;
        }
        try (Connection connection = pool.acquire(CONNECTION)) {
            for (LeaderTable.Zombie zombie : table.endZombies(connection, roles)) {
                if (zombie.ended()) {
                    LeaderElection.LOG.log(
                            Level.WARNING,
                            "ended the session of " + zombie.who()
                                    + ", which was silent for more than twice its lease");
                    ended.run();
                } else {
                    refuse(zombie.who(), "the start of that session is hidden");
                }
            }
        } catch (SQLException e) {
            if (SqlState.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
                refuse("one of the leaders of " + roles, String.valueOf(e.getMessage()));
            } else {
                LeaderElection.LOG.log(Level.DEBUG, "no look at the leaders of " + roles, e);
            }
        } catch (AcquireException e) {
            LeaderElection.LOG.log(Level.DEBUG, "no look at the leaders of " + roles, e);
        }
    }

    /** Said once for a session of the election. */
    private void refuse(String who, String why) {
        if (!refused) {
            refused = true;
            LeaderElection.LOG.log(
                    Level.WARNING,
                    who + " is silent for more than twice its lease, and this role may not end that session; GRANT"
                            + " pg_signal_backend, pg_read_all_stats to it, or run all nodes as one role: " + why);
        }
    }
}
