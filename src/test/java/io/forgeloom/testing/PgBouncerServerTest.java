package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

class PgBouncerServerTest {

    @BeforeAll
    static void needsPgBouncer() {
        PgBouncerServer.assumeAvailable();
    }

    @Test
    void directConnectionKnowsItsBackend() throws SQLException {
        try (Connection connection = SharedServer.get().connect()) {
            assertEquals(backendByQuery(connection), backendByStartUp(connection));
        }
    }

    @Test
    void sessionModeHidesTheBackend() throws Exception {
        try (PgBouncerServer bouncer = PgBouncerServer.session(SharedServer.get());
                Connection connection = bouncer.connect()) {
            assertNotEquals(backendByQuery(connection), backendByStartUp(connection));
        }
    }

    @Test
    void transactionModeHidesTheBackendAndSharesIt() throws Exception {
        try (PgBouncerServer bouncer = PgBouncerServer.transaction(SharedServer.get());
                Connection one = bouncer.connect();
                Connection two = bouncer.connect()) {
            assertNotEquals(backendByQuery(one), backendByStartUp(one));
            assertEquals(backendByQuery(one), backendByQuery(two));
        }
    }

    @Test
    @NeedsCluster
    void passwordIsPassedOn() throws Exception {
        try (PostgresCluster cluster =
                        PostgresCluster.builder().requirePassword().start();
                PgBouncerServer bouncer = PgBouncerServer.session(cluster.primary())) {
            assertEquals("1", bouncer.query("SELECT 1"));
        }
    }

    private static int backendByStartUp(Connection connection) throws SQLException {
        return connection.unwrap(PGConnection.class).getBackendPID();
    }

    private static int backendByQuery(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }
}
