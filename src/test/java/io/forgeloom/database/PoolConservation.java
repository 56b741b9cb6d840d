package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What must hold for every pool after whatever happened to it. One thread at a time. */
final class PoolConservation {

    private PoolConservation() {}

    /** As many connections at once as the pool has places, each of them alive, and not one more. */
    static void check(ConnectionPool pool, int size) throws SQLException {
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            Connection connection = pool.acquire(Duration.ofSeconds(10));
            try (Statement statement = connection.createStatement()) {
                statement.execute("SELECT 1");
            }
            all.add(connection);
        }
        PoolStats stats = pool.stats();
        assertEquals(size, stats.active(), stats.toString());
        assertEquals(0, stats.waiting(), stats.toString());
        assertEquals(0, stats.idle() + stats.connecting() + stats.orphaned(), stats.toString());
        assertThrows(AcquireException.class, () -> pool.acquire(Duration.ZERO));
        for (Connection connection : all) {
            connection.close();
        }
        stats = pool.stats();
        assertEquals(size, stats.idle(), stats.toString());
        assertEquals(stats.opened() - stats.closed(), stats.total(), stats.toString());
    }
}
