package com.example.consumer;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import java.sql.ResultSet;
import java.sql.Statement;

/** Opens a pool on the URL given, asks the server for its version, and closes the pool. */
public final class Main {
    private Main() {}

    /**
     * Starts the program.
     *
     * @param args the JDBC URL of a PostgreSQL
     * @throws Exception if anything at all goes wrong: this is a check
     */
    public static void main(String[] args) throws Exception {
        DatabaseConfig config = DatabaseConfig.builder(args[0]).poolSize(4).build();
        try (Database database = Database.open(config)) {
            String version = database.withConnection(connection -> {
                try (Statement statement = connection.createStatement();
                        ResultSet rows = statement.executeQuery("SELECT current_setting('server_version')")) {
                    rows.next();
                    return rows.getString(1);
                }
            });
            System.out.println("consumer: Java " + Runtime.version().feature() + ", PostgreSQL " + version + ", "
                    + (Main.class.getModule().isNamed() ? "module path" : "class path"));
        }
    }
}
