package io.forgeloom.examples;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;

/** The first program: a transfer between two accounts, all or nothing. */
final class Hello {

    private Hello() {}

    static void transfer(String url, String from, String to, long cents) {
        // @start region="hello"
        try (Database db = Database.open(
                DatabaseConfig.builder(url).poolSize(20).serviceName("billing").build())) {
            db.inTransaction(tx -> {
                try (var move =
                        tx.connection().prepareStatement("UPDATE account SET cents = cents + ? WHERE name = ?")) {
                    move.setLong(1, -cents);
                    move.setString(2, from);
                    move.executeUpdate();
                    move.setLong(1, cents);
                    move.setString(2, to);
                    move.executeUpdate();
                }
                tx.afterCommit(() -> System.getLogger("billing").log(System.Logger.Level.INFO, "moved"));
                return null;
            });
        }
        // @end
    }
}
