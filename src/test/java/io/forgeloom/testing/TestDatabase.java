package io.forgeloom.testing;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A database of its own for one test, made hostile: sessions in it start with another time zone, date and interval
 * style, bytea format and search path than a product may silently expect. Safe for use by many threads.
 *
 * <p>Unqualified names resolve to the schema {@code elsewhere}, which is there and empty. {@link #url()} names this
 * database. Tests get one from {@link WithDatabase}; a suite for several servers makes its own by {@link #on}.
 */
public final class TestDatabase implements TestServer, AutoCloseable {

    private static final List<String> HOSTILE = List.of(
            "timezone = 'Asia/Kathmandu'",
            "DateStyle = 'SQL, DMY'",
            "IntervalStyle = 'sql_standard'",
            "bytea_output = 'escape'",
            "search_path = elsewhere");

    private final TestServer server;
    private final String name;

    private TestDatabase(TestServer server, String name) {
        this.server = server;
        this.name = name;
    }

    /** Creates a database on a server. */
    public static TestDatabase on(TestServer server) throws SQLException {
        String name = "test_" + Long.toString(ThreadLocalRandom.current().nextLong(Long.MAX_VALUE), 36);
        TestDatabase database = new TestDatabase(server, name);
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + name);
            for (String setting : HOSTILE) {
                statement.execute("ALTER DATABASE " + name + " SET " + setting);
            }
        }
        database.execute("CREATE SCHEMA elsewhere");
        return database;
    }

    /** The database's name. */
    public String name() {
        return name;
    }

    /** The server it is on. */
    public TestServer server() {
        return server;
    }

    @Override
    public String database() {
        return name;
    }

    @Override
    public String host() {
        return server.host();
    }

    @Override
    public int port() {
        return server.port();
    }

    @Override
    public String user() {
        return server.user();
    }

    @Override
    public @Nullable String password() {
        return server.password();
    }

    @Override
    public String url(String database) {
        return server.url(database);
    }

    @Override
    public String libpqUrl(String database) {
        return server.libpqUrl(database);
    }

    /** The client sessions in this database now, one line each: pid, application name, state, last statement. */
    public List<String> connections() throws SQLException {
        // Asked from the server's own database, so that the question is not part of the answer.
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT pid, application_name, state, left(query, 200) FROM pg_stat_activity"
                                + " WHERE backend_type = 'client backend' AND datname = '" + name + "' ORDER BY pid")) {
            List<String> found = new ArrayList<>();
            while (rows.next()) {
                found.add("pid " + rows.getInt(1) + " '" + rows.getString(2) + "' " + rows.getString(3) + ": "
                        + rows.getString(4));
            }
            return found;
        }
    }

    /** Fails if sessions are left in this database after a wait: a closed connection takes the server a moment. */
    public void assertNoConnections(Duration timeout) throws SQLException, InterruptedException {
        long started = System.nanoTime();
        for (List<String> left = connections(); !left.isEmpty(); left = connections()) {
            if (System.nanoTime() - started > timeout.toNanos()) {
                throw new AssertionError(left.size() + " connections left in " + name + " after " + timeout.toMillis()
                        + " ms:\n" + String.join("\n", left));
            }
            Thread.sleep(10);
        }
    }

    /** Drops the database and ends whatever sessions are still in it. */
    @Override
    public void close() throws SQLException {
        server.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
    }

    @Override
    public String toString() {
        return name + " on " + server;
    }
}
