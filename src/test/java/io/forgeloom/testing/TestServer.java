package io.forgeloom.testing;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL server that tests may use, wherever it runs: embedded, in a container, the user's own, or reached through
 * a {@link FaultyLink} or PgBouncer. Safe for use by many threads.
 *
 * <p>A suite written against this type runs on each of them.
 */
public interface TestServer {

    /** Host name or address to connect to. */
    String host();

    /** TCP port to connect to. */
    int port();

    /** The user that tests log in as: a superuser. */
    String user();

    /** The password of {@link #user()}, or null where the server asks for none. */
    @Nullable
    String password();

    /** The database that {@link #url()} names. Defaults to {@code postgres}. */
    default String database() {
        return "postgres";
    }

    /** JDBC URL of {@link #database()}, with user and password. */
    default String url() {
        return url(database());
    }

    /** JDBC URL of a database on this server, with user and password. */
    default String url(String database) {
        String password = password();
        return "jdbc:postgresql://" + host() + ":" + port() + "/" + encoded(database) + "?user=" + encoded(user())
                + (password == null ? "" : "&password=" + encoded(password));
    }

    /** {@link #url()} in libpq's form: {@code postgres://user:password@host:port/database}. */
    default String libpqUrl() {
        return libpqUrl(database());
    }

    /** {@link #url(String)} in libpq's form. */
    default String libpqUrl(String database) {
        String password = password();
        return "postgres://" + encoded(user()) + (password == null ? "" : ":" + encoded(password)) + "@" + host() + ":"
                + port() + "/" + encoded(database);
    }

    /** Opens a plain JDBC connection to {@link #database()}, past any pool; gives up after 5 s. */
    default Connection connect() throws SQLException {
        return connect(database());
    }

    /** Opens a plain JDBC connection to a database of this server; gives up after 5 s. */
    default Connection connect(String database) throws SQLException {
        Properties limits = new Properties();
        limits.setProperty("connectTimeout", "5");
        limits.setProperty("loginTimeout", "5");
        return DriverManager.getConnection(url(database), limits);
    }

    /** Runs one statement, or several separated by semicolons, on a connection of its own. */
    default void execute(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** First column of the first row that a query returns, as text, on a connection of its own; null if it is NULL. */
    default @Nullable String query(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            if (!rows.next()) {
                throw new SQLException("no row: " + sql);
            }
            return rows.getString(1);
        }
    }

    private static String encoded(String text) {
        // libpq knows no "+" for a space; JDBC takes both.
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
