package io.forgeloom.testing;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.migrate.Migrator;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Stream;

/** The files of the system schema, read without the product's reader, and applied by its migrator. */
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

    /** What the history calls them, in the order in which they are applied. */
    public static List<String> versions() throws IOException {
        return index().stream()
                .map(path -> path.replaceFirst(".*/(__forge_v\\d+)_[^/]*", "$1"))
                .toList();
    }

    /** What a first run applies that has these of its own: they come after the system's. */
    public static List<String> versionsThen(String... later) throws IOException {
        return Stream.concat(versions().stream(), Stream.of(later)).toList();
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

    /** Brings a database to where this version's system schema is, as a program at its start does. */
    public static void apply(String url, Identifier schema) {
        try (Database database =
                Database.open(DatabaseConfig.builder(url).poolSize(1).build())) {
            Migrator.builder(database.primary()).schema(schema).build().migrate();
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
