package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The same files beside Flyway. */
@Timeout(60)
@ExtendWith(ThreadLeaks.class)
class MigratorFlywayTest {

    private static final int FILES = 200;
    private static final int ROUNDS = 5;
    private static final int LOOKS = 10;

    @TempDir
    Path folder;

    private static Database open(TestServer server) {
        return Database.open(
                DatabaseConfig.builder(server.url()).poolSize(4).minPoolSize(1).build());
    }

    private Flyway flyway(Database db) {
        return Flyway.configure()
                .dataSource(db.primary())
                .locations("filesystem:" + folder.resolve("flyway"))
                .load();
    }

    private Migrator ours(Database db) {
        return Migrator.builder(db.primary())
                .migrations(MigrationSource.directory(folder.resolve("ours")))
                .build();
    }

    private void write(String name, String text) throws IOException {
        Files.createDirectories(folder.resolve("flyway"));
        Files.createDirectories(folder.resolve("ours"));
        Files.writeString(
                folder.resolve("flyway").resolve("V" + Integer.parseInt(name.substring(0, 4)) + "__x.sql"), text);
        Files.writeString(folder.resolve("ours").resolve(name), text);
    }

    /** Flyway's checksum is of the lines without what ends them. */
    @Test
    @WithDatabase(expectNoConnections = true)
    void joiningTwoLinesIsSeenByUsAlone(TestDatabase database) throws Exception {
        String text =
                "CREATE TABLE paid (n int);\nINSERT INTO paid VALUES (1); -- the first\nINSERT INTO paid VALUES (2);\n";
        write("0001_paid.sql", text);
        try (Database db = open(database);
                TestDatabase other = TestDatabase.on(SharedServer.get());
                Database flywayDb = open(other)) {
            assertEquals(1, flyway(flywayDb).migrate().migrationsExecuted);
            ours(db).migrate();
            // The second row is part of the comment now.
            write("0001_paid.sql", text.replace("first\n", "first"));
            assertEquals(0, flyway(flywayDb).migrate().migrationsExecuted);
            flyway(flywayDb).validate();
            MigrationException e = assertThrows(MigrationException.class, () -> ours(db).migrate());
            assertEquals(Reason.DIVERGED, e.reason());
            assertTrue(String.valueOf(e.getMessage()).contains("0001_paid was changed"), e.getMessage());
        }
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void sameFilesBesideFlyway() throws Exception {
        for (Map.Entry<String, String> file : MigratorSpeedTest.tables(FILES).entrySet()) {
            write(file.getKey(), file.getValue());
        }
        double[][] apply = new double[2][ROUNDS];
        double[][] nothing = new double[2][ROUNDS * LOOKS];
        double[][] blind = new double[2][ROUNDS * LOOKS];
        for (int round = -1; round < ROUNDS; round++) {
            for (int turn = 0; turn < 2; turn++) {
                // Whoever begins changes; the first round warms up.
                int who = (round + turn) & 1;
                try (TestDatabase database = TestDatabase.on(SharedServer.get());
                        Database db = open(database)) {
                    double applied = MigratorSpeedTest.millis(() -> migrate(who, db, FILES));
                    if (round >= 0) {
                        apply[who][round] = applied;
                    }
                    for (int look = 0; look < LOOKS; look++) {
                        int at = Math.max(0, round) * LOOKS + look;
                        long begun = System.nanoTime();
                        migrate(who, db, 0);
                        nothing[who][at] = (System.nanoTime() - begun) / 1e6;
                        blind[who][at] = who == 0 ? withoutComparing(db) : nothing[1][at];
                    }
                }
            }
        }
        System.out.println("figure: " + FILES + " files: " + compared(apply));
        System.out.println("figure: nothing to do: " + compared(nothing));
        System.out.println("figure: nothing to do, schema not compared: " + compared(blind));
    }

    private void migrate(int who, Database db, int expected) {
        if (who == 0) {
            int system = expected == 0 ? 0 : SystemSchema.source().files().size();
            assertEquals(expected + system, ours(db).migrate().applied().size());
        } else {
            assertEquals(expected, flyway(db).migrate().migrationsExecuted);
        }
    }

    private double withoutComparing(Database db) {
        Migrator migrator = Migrator.builder(db.primary())
                .migrations(MigrationSource.directory(folder.resolve("ours")))
                .schemaDrift(SchemaDrift.IGNORE)
                .build();
        long begun = System.nanoTime();
        assertEquals(0, migrator.migrate().applied().size());
        return (System.nanoTime() - begun) / 1e6;
    }

    private static String compared(double[][] times) {
        double[] ratios = new double[times[0].length];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = times[0][i] / times[1][i];
        }
        return "ours " + spread(times[0], " ms") + ", Flyway " + spread(times[1], " ms") + ", ours ÷ Flyway "
                + spread(ratios, "");
    }

    private static String spread(double[] values, String unit) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return "%.3g%s (%.3g..%.3g)".formatted(sorted[sorted.length / 2], unit, sorted[0], sorted[sorted.length - 1]);
    }
}
