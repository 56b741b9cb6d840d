package io.forgeloom.examples;

import io.forgeloom.Forge;
import io.forgeloom.database.CommitPosition;
import io.forgeloom.database.ReadOptions;
import java.time.Duration;

/**
 * A request that writes, and a later one, on whichever node, that reads on a replica and sees it: the answer of the first carries
 * where its commit is, as in a cookie, and the second waits for a replica that is so far, or takes the primary.
 */
final class ReadingOwnWrites {

    private ReadingOwnWrites() {}

    /** Returns what the caller brings along. */
    static String rename(Forge forge, long id, String name) {
        // @start region="write"
        var renamed = forge.database().inTransactionWithPosition(tx -> {
            try (var update = tx.connection().prepareStatement("UPDATE customer SET name = ? WHERE id = ?")) {
                update.setString(1, name);
                update.setLong(2, id);
                return update.executeUpdate();
            }
        });
        return renamed.position().toString();
        // @end
    }

    static String name(Forge forge, long id, String cookie) {
        // @start region="read"
        var seen =
                ReadOptions.after(CommitPosition.parse(cookie)).waitAtMost(Duration.ofMillis(50)); // then the primary
        return forge.database().read(seen, connection -> {
            try (var select = connection.prepareStatement("SELECT name FROM customer WHERE id = ?")) {
                select.setLong(1, id);
                var row = select.executeQuery();
                return row.next() ? row.getString(1) : "";
            }
        });
        // @end
    }
}
