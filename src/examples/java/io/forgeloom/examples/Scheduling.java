package io.forgeloom.examples;

import io.forgeloom.Forge;
import io.forgeloom.leader.LeaderRole;
import java.sql.Connection;
import java.sql.SQLException;

/**
 * What is due is done by one node of all, once for each time that it is due: the mark that it was done is in the transaction that does
 * it, and that commits only while its node leads. This holds for work in this database, of less than half a lease; for effects
 * elsewhere have the work write into an outbox. What was missed while nobody led is done once, not once for each period.
 */
final class Scheduling {

    static final LeaderRole SCHEDULER = LeaderRole.daemon("nightly");

    private static final String DUE = """
            UPDATE schedule SET due = greatest(due, now()) + every
            WHERE name = (SELECT name FROM schedule WHERE due <= now() ORDER BY due LIMIT 1) RETURNING name
            """;

    interface Work {
        void run(String name, Connection connection) throws SQLException;
    }

    private Scheduling() {}

    /** To be called once, after a start with {@code roles(SCHEDULER)}; ends with the runtime. */
    static void begin(Forge forge, Work work) {
        // @start region="schedule"
        forge.election().orElseThrow().whileLeader(SCHEDULER, leadership -> {
            while (true) {
                while (leadership.<Boolean, SQLException>inTransaction(tx -> runNext(tx.connection(), work))) {
                    leadership.checkpoint(); // throws once this node does not lead any more
                }
                Thread.sleep(100); // interrupted when the role is lost
            }
        });
        // @end
    }

    private static boolean runNext(Connection connection, Work work) throws SQLException {
        try (var due = connection.prepareStatement(DUE);
                var row = due.executeQuery()) {
            if (!row.next()) {
                return false;
            }
            work.run(row.getString(1), connection);
            return true;
        }
    }
}
