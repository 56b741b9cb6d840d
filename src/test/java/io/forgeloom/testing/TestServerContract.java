package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What holds on every {@link TestServer}: run on the embedded one and in a container. */
abstract class TestServerContract {

    abstract TestServer server();

    @Test
    void isPostgres18WithRoomForMeasuredLoad() throws SQLException {
        assertEquals("18", server().query("SELECT current_setting('server_version_num')::int / 10000"));
        assertTrue(Integer.parseInt(server().query("SHOW max_connections")) >= 200 || SharedServer.userUrl() != null);
    }

    @Test
    void databasesAreApartAndGoneAfterwards() throws SQLException {
        String name;
        try (TestDatabase one = TestDatabase.on(server());
                TestDatabase two = TestDatabase.on(server())) {
            name = one.name();
            one.execute("CREATE TABLE t (id int)");
            assertEquals(
                    "elsewhere.t",
                    one.query("SELECT c.relnamespace::regnamespace || '.' || c.relname"
                            + " FROM pg_class c WHERE c.relname = 't'"));
            assertNull(two.query("SELECT to_regclass('t')"));
        }
        String left = server().query("SELECT count(*) FROM pg_database WHERE datname = '" + name + "'");
        assertEquals("0", left);
    }

    @Test
    void databasesAreHostile() throws SQLException {
        try (TestDatabase database = TestDatabase.on(server())) {
            // PgJDBC sends its own time zone and date style; this is what a session gets that asks for nothing.
            String settings = database.query("SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting s"
                    + " JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()");
            assertTrue(settings.contains("TimeZone=Asia/Kathmandu"), settings);
            assertEquals("sql_standard", database.query("SHOW IntervalStyle"));
            assertEquals("elsewhere", database.query("SHOW search_path"));
        }
    }

    @Test
    void leftConnectionIsNoticedAndNamed() throws SQLException, InterruptedException {
        try (TestDatabase database = TestDatabase.on(server())) {
            try (Connection connection = database.connect()) {
                connection.setClientInfo("ApplicationName", "forgotten");
                AssertionError error =
                        assertThrows(AssertionError.class, () -> database.assertNoConnections(Duration.ofMillis(50)));
                assertTrue(error.getMessage().contains("'forgotten' idle"), error.getMessage());
            }
            database.assertNoConnections(Duration.ofSeconds(5));
        }
    }
}
