package io.forgeloom.migrate;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assertions;

/** What the tests of migrations have in common. */
final class MigrationFixture {

    /** Header of a file that runs without a transaction. */
    static final String LOOSE = "-- @transactional false\n";

    private MigrationFixture() {}

    static Database open(TestServer server) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(4)
                .serviceName("migrating")
                .build());
    }

    /** Files {@code 0001_m}, {@code 0002_m}, … of these texts. */
    static MigrationSource files(String... texts) {
        Map<String, String> files = new LinkedHashMap<>();
        for (String text : texts) {
            files.put("%04d_m.sql".formatted(files.size() + 1), text);
        }
        return MigrationSource.list(files);
    }

    static Migrator.Builder migrator(Database db, String... texts) {
        return Migrator.builder(db.primary()).migrations(files(texts));
    }

    static MigrationResult migrate(TestServer server, String... texts) {
        try (Database db = open(server)) {
            return migrator(db, texts).build().migrate();
        }
    }

    static MigrationException failure(TestServer server, String... texts) {
        return Assertions.assertThrows(MigrationException.class, () -> migrate(server, texts));
    }

    /** All rows, each with its columns joined by a bar. */
    static List<String> rows(TestDatabase server, String sql) throws SQLException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            List<String> rows = new ArrayList<>();
            while (row.next()) {
                List<String> values = new ArrayList<>();
                for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
                    values.add(row.getString(i));
                }
                rows.add(String.join("|", values));
            }
            return rows;
        }
    }

    /** Version and state, in order. */
    static List<String> history(TestDatabase server) throws SQLException {
        return rows(
                server,
                "SELECT version, state FROM elsewhere.forge_system_migrations WHERE version NOT LIKE '\\_\\_forge%'"
                        + " ORDER BY version");
    }
}
