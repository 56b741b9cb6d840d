package io.forgeloom.testing;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The one server that all tests of this JVM share, each with a database of its own. Safe for use by many threads.
 *
 * <p>It is an embedded PostgreSQL 18, started by the first test that asks and ended with the JVM; or, if the environment
 * variable {@code FORGE_TEST_URL} is set, the user's own server, whose user must be allowed to create databases.
 */
public final class SharedServer {

    /** Names the user's server, as a JDBC or libpq URL. */
    public static final String VARIABLE = "FORGE_TEST_URL";

    private SharedServer() {}

    /** The server; the first call starts it. */
    public static TestServer get() {
        return Holder.SERVER;
    }

    /** The user's URL, or null if tests run on the embedded server. */
    public static @Nullable String userUrl() {
        String url = System.getenv(VARIABLE);
        return url == null || url.isBlank() ? null : url;
    }

    private static final class Holder {
        static final TestServer SERVER = open();

        private static TestServer open() {
            String url = userUrl();
            if (url != null) {
                return ExternalServer.parse(url);
            }
            try {
                return PostgresCluster.builder().start().primary();
            } catch (SQLException e) {
                throw new IllegalStateException("the shared test server does not start", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while the shared test server was starting", e);
            }
        }
    }
}
