package io.forgeloom.testing;

import io.forgeloom.database.Identifier;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** The files of the system schema, read and applied by plain JDBC and without the product's reader. */
public final class SystemSchemaFiles {

    private static final String FOLDER = "io/forgeloom/migrate/";

    private SystemSchemaFiles() {}

    /** The resource paths in the index, in its order. */
    public static List<String> index() throws IOException {
        return text(FOLDER + "system-schema.txt")
                .lines()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .toList();
    }

    /** What takes it all away again. */
    public static String removal() throws IOException {
        return text(FOLDER + "remove.sql");
    }

    /** What a role is granted, with psql's variables in it. */
    public static String grants() throws IOException {
        return text(FOLDER + "grants.sql");
    }

    /** A resource of the product. */
    public static String text(String path) throws IOException {
        try (InputStream content = SystemSchemaFiles.class.getResourceAsStream("/" + path)) {
            if (content == null) {
                throw new IOException("there is no resource " + path);
            }
            return new String(content.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /**
     * Applies all files in a schema that is there, in one transaction, with a search path as the runner sets it; and makes
     * the runner's own table, as far as others read it.
     */
    public static void apply(Connection connection, Identifier schema) throws SQLException, IOException {
        run(connection, schema, """
                CREATE TABLE forge_system_migrations (
                    version varchar(255) PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now(),
                    checksum varchar(64) NOT NULL)
                """);
        for (String path : index()) {
            run(connection, schema, text(path));
        }
    }

    /** Runs a script in a schema, in one transaction. */
    public static void run(Connection connection, Identifier schema, String script) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            // Without pg_temp at its end, temporary tables would come before all others.
            statement.execute("SET LOCAL search_path = " + schema + ", pg_temp");
            statement.execute(script);
            connection.commit();
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }
}
