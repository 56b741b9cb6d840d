package io.forgeloom.examples;

// @start region="start"
import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.migrate.MigrationSource;
import java.util.Map;

public final class StartingForge {
    public static void main(String[] args) throws Exception {
        var tables = MigrationSource.list(Map.of("0001_visit.sql", "CREATE TABLE visit (id bigserial)"));
        var config = ForgeConfig.load(null, System.getenv()).migrations(tables).build(); // DATABASE_URL
        try (Forge forge = Forge.start(config)) {
            String visits = forge.database().inTransaction(tx -> {
                try (var statement = tx.connection().createStatement()) {
                    var row = statement.executeQuery("INSERT INTO visit DEFAULT VALUES RETURNING id");
                    return row.next() ? row.getString(1) : "no";
                }
            });
            System.out.println("hello, visit " + visits);
        }
    }
}
// @end
