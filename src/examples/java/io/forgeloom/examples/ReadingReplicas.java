package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.ReadOptions;
import io.forgeloom.database.ReplicaOptions;
import io.forgeloom.database.Transaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** Reads on replicas that show what was written before. */
final class ReadingReplicas {

    private ReadingReplicas() {}

    static long moveAndLook(String primary, String replica1, String replica2) throws SQLException {
        // @start region="reads"
        try (Database db = Database.open(DatabaseConfig.builder(primary)
                .replicaUrls(List.of(replica1, replica2))
                .readFromReplica(true)
                .replicaOptions(ReplicaOptions.builder()
                        .maxLag(Duration.ofSeconds(5)) // a replica further behind gets no reads
                        .maxPrimaryReadShare(10) // if all are, the primary lends ten connections and no more
                        .build())
                .build())) {
            var moved = db.inTransactionWithPosition(tx -> move(tx));
            // On a replica, and it shows the move.
            return db.read(ReadOptions.after(moved.position()), c -> balance(c));
        }
        // @end
    }

    private static long move(Transaction tx) throws SQLException {
        try (var move = tx.connection().prepareStatement("UPDATE account SET cents = cents + 1 WHERE name = 'a'")) {
            return move.executeUpdate();
        }
    }

    private static long balance(Connection connection) throws SQLException {
        try (var balance = connection.prepareStatement("SELECT cents FROM account WHERE name = 'a'");
                var row = balance.executeQuery()) {
            row.next();
            return row.getLong(1);
        }
    }
}
