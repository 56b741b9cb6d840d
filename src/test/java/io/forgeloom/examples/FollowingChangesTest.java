package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works: what documents quote is what runs here. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class FollowingChangesTest {

    private static final class Statements implements FollowingChanges.Prices {

        @Override
        public Map<String, Long> all(Connection connection) throws SQLException {
            try (PreparedStatement select = connection.prepareStatement("SELECT id, cents FROM price");
                    ResultSet row = select.executeQuery()) {
                Map<String, Long> prices = new HashMap<>();
                while (row.next()) {
                    prices.put(row.getString(1), row.getLong(2));
                }
                return prices;
            }
        }

        @Override
        public Optional<Long> of(Connection connection, String id) throws SQLException {
            return Optional.ofNullable(all(connection).get(id));
        }

        @Override
        public void bill(Connection connection, List<ChangeRow> rows) throws SQLException {
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO bill VALUES (?)")) {
                for (ChangeRow row : rows) {
                    insert.setString(1, row.op() + " " + row.rowId());
                    insert.executeUpdate();
                }
            }
        }
    }

    private interface Work {
        void run() throws Exception;
    }

    private static Thread start(Work work) {
        return Thread.ofVirtual().name("follower").start(() -> {
            try {
                work.run();
            } catch (InterruptedException e) {
                // Its usual end, in a wait,
                Thread.currentThread().interrupt();
            } catch (Exception e) {
                // or in a look.
                if (!Thread.currentThread().isInterrupted()) {
                    throw new IllegalStateException(e);
                }
            }
        });
    }

    @Test
    void cacheIsTheTableAndEachChangeIsBilledOnce(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE price (id text PRIMARY KEY, cents bigint); CREATE TABLE bill (line text)");
        Map<String, Long> cache = new ConcurrentHashMap<>();
        Statements prices = new Statements();
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(5).build());
                NotifyBus bus = NotifyBus.of(db)) {
            Migrator.builder(db.primary()).build().migrate();
            ChangeLog log = ChangeLog.of(db, bus);
            log.track("price", TrackOptions.DEFAULTS);
            bus.start();
            database.execute("INSERT INTO price VALUES ('tea', 200), ('milk', 100)");
            Thread cached = start(() -> FollowingChanges.keep(cache, prices, db, log));
            Thread billed = start(() -> FollowingChanges.bill(prices, db, log));
            Await.until("copy", () -> cache.size() == 2);
            // Not just any: the copy has one, too.
            Await.until(
                    "consumer",
                    () -> log.stats().consumers().stream()
                            .anyMatch(consumer -> consumer.name().equals("billing")));
            database.execute("UPDATE price SET cents = 210 WHERE id = 'tea'");
            database.execute("DELETE FROM price WHERE id = 'milk'");
            Await.until("changes", () -> cache.equals(Map.of("tea", 210L)));
            Await.until("bills", () -> "2".equals(database.query("SELECT count(*) FROM bill")));
            billed.interrupt();
            billed.join();
            Thread again = start(() -> FollowingChanges.bill(prices, db, log));
            database.execute("TRUNCATE price");
            Await.until("empty", cache::isEmpty);
            Await.until("bills", () -> "3".equals(database.query("SELECT count(*) FROM bill")));
            assertEquals(
                    "DELETE milk, TRUNCATE null, UPDATE tea",
                    database.query("SELECT string_agg(line, ', ' ORDER BY line) FROM bill"));
            again.interrupt();
            cached.interrupt();
            again.join();
            cached.join();
        }
    }
}
