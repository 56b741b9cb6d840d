package io.forgeloom.examples;

import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ConsumerOptions;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.database.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A cache in memory, and another table, both kept by the changes of one. */
final class FollowingChanges {

    interface Prices {
        Map<String, Long> all(Connection connection) throws SQLException;

        Optional<Long> of(Connection connection, String id) throws SQLException;

        void bill(Connection connection, List<ChangeRow> rows) throws SQLException;
    }

    /** Until it is interrupted, or the cache has to be begun anew. */
    static void keep(Map<String, Long> cache, Prices prices, Database db, ChangeLog log) throws Exception {
        // @start region="cache"
        try (var seam = log.snapshotThenFollow(FollowOptions.DEFAULTS, prices::all)) {
            cache.putAll(seam.copy());
            while (seam.follower().take() instanceof Batch batch) { // else it is a Resync: begin anew
                for (ChangeRow row : batch.rows()) {
                    switch (row.rowId()) {
                        case null -> cache.clear(); // TRUNCATE
                        case String id ->
                            db.withConnection(c -> prices.of(c, id)) // as it is now
                                    .ifPresentOrElse(price -> cache.put(id, price), () -> cache.remove(id));
                    }
                }
            }
        }
        // @end
    }

    /** Bills each change once, until it is interrupted. */
    static void bill(Prices prices, Database db, ChangeLog log) throws Exception {
        // @start region="consumer"
        var billing = log.consumer("billing", ConsumerOptions.DEFAULTS);
        try (var follower = billing.follow(FollowOptions.DEFAULTS)) {
            while (follower.take() instanceof Batch batch) {
                db.inTransaction(tx -> {
                    prices.bill(tx.connection(), batch.rows());
                    billing.commit(tx.connection(), batch.position()); // with its rows, or not at all
                    return batch.position();
                });
            }
        }
        // @end
    }
}
