package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

@WithDatabase(expectNoConnections = true)
class MigratorTest {

    @Test
    void appliesEachFileOnceAndInOrder(TestDatabase database) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(database.url()).poolSize(3).build())) {
            Migrator migrator = Migrator.builder(db.primary())
                    .migrations(MigrationSource.list(Map.of(
                            "0001_a.sql", "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);",
                            "0002_b.sql", "ALTER TABLE a ADD COLUMN b text DEFAULT 'x;y';")))
                    .listener(System.out::println)
                    .build();
            assertEquals(
                    List.of("__forge_v001", "0001_a", "0002_b"),
                    migrator.migrate().applied());
            MigrationResult second = migrator.migrate();
            assertEquals(List.of(), second.applied());
            System.out.println(second);
            System.out.println(migrator.status());
            database.execute(
                    "ALTER TABLE elsewhere.a ADD COLUMN c int; CREATE TABLE elsewhere.zz(); DROP FUNCTION elsewhere.forge_validate_identifier");
            System.out.println(migrator.migrate());
        }
    }
}
