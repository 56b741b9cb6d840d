package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.MessageCount;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a migration costs, and that nothing of it grows faster than its input. */
@Timeout(120)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class MigratorSpeedTest {

    private static Database open(TestServer server) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(2)
                .serviceName("speed")
                .build());
    }

    private static Migrator migrator(Database db, Map<String, String> files) {
        return Migrator.builder(db.primary())
                .migrations(MigrationSource.list(files))
                .build();
    }

    /** Small ones, which leave nothing in the catalog. */
    private static Map<String, String> rows(int from, int to) {
        Map<String, String> files = new TreeMap<>();
        for (int i = from; i <= to; i++) {
            files.put(
                    "%05d_row.sql".formatted(i),
                    i == 1 ? "CREATE TABLE note (n int)" : "INSERT INTO note VALUES (" + i + ")");
        }
        return files;
    }

    static Map<String, String> tables(int count) {
        Map<String, String> files = new TreeMap<>();
        for (int i = 1; i <= count; i++) {
            files.put("%04d_table.sql".formatted(i), """
                    CREATE TABLE item_%1$d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
                    CREATE INDEX item_%1$d_name ON item_%1$d (name);
                    INSERT INTO item_%1$d (name) VALUES ('first');
                    """.formatted(i));
        }
        return files;
    }

    static long millis(Runnable work) {
        long begun = System.nanoTime();
        work.run();
        return (System.nanoTime() - begun) / 1_000_000;
    }

    // ---- nothing to do ----

    @Test
    void nothingToDoCostsThreeRoundTrips(TestDatabase database) throws Exception {
        nothingToDo(database, 30);
    }

    @Test
    @Tag("long")
    void nothingToDoAfterAThousandCostsThreeRoundTrips(TestDatabase database) throws Exception {
        nothingToDo(database, 1_000);
    }

    private static void nothingToDo(TestDatabase database, int count) throws Exception {
        Map<String, String> files = rows(1, count);
        try (Database direct = open(database)) {
            long took = millis(() -> migrator(direct, files).migrate());
            System.out.println("figure: " + count + " files of a row applied in " + took + " ms");
        }
        try (MessageCount count1 = new MessageCount(database);
                Database db = open(count1)) {
            db.primary().acquireDedicated("nothing").close();
            List<String> connecting = count1.take();
            db.primary().acquireDedicated("nothing").close();
            // The second is opened as the one to come: what is asked once is asked.
            List<String> again = count1.take();
            assertEquals(List.of(), migrator(db, files).migrate().applied());
            List<String> all = count1.take();
            assertEquals(again, all.subList(0, again.size()), connecting.toString());
            List<String> ours = all.subList(again.size(), all.size());
            assertTrue(ours.size() <= 3, ours.size() + ": " + String.join("\n---\n", ours));
            assertTrue(ours.getFirst().contains("forge_system_migrations"), ours.toString());
        }
        try (Database db = open(database)) {
            Migrator migrator = migrator(db, files);
            long[] times = new long[20];
            for (int i = 0; i < times.length; i++) {
                times[i] = migrator.migrate().took().toNanos() / 1_000;
            }
            Arrays.sort(times);
            System.out.println("figure: nothing to do after " + count + " files, connecting included: median "
                    + times[10] / 1e3 + " ms, least " + times[0] / 1e3 + " ms, most " + times[19] / 1e3 + " ms");
        }
    }

    // ---- the fingerprint ----

    @Test
    void fingerprintOfTwoHundredTablesIsFast(TestDatabase database) throws Exception {
        // The best of several, and four times the goal: other tests run at the same time.
        assertTrue(fingerprint(database, 200) < 200);
    }

    @Test
    @Tag("long")
    void fingerprintGrowsNoFasterThanTheSchema(TestDatabase database) throws Exception {
        assertTrue(fingerprint(database, 200) < 50);
        fingerprint(database, 1_000);
    }

    /** With 8 columns, 3 indexes, 2 constraints and a trigger each. */
    private static double fingerprint(TestDatabase database, int tables) throws SQLException {
        database.execute("""
                CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                DO $$ BEGIN FOR i IN 1..%d LOOP
                    CONTINUE WHEN to_regclass('wide_' || i) IS NOT NULL;
                    EXECUTE format('CREATE TABLE %%1$I (id bigint PRIMARY KEY, a text DEFAULT ''x'', b int NOT NULL, c date,'
                        ' d numeric(10, 2), e jsonb, f timestamptz DEFAULT now(), g bigint,'
                        ' CHECK (b > 0), UNIQUE (g));'
                        ' CREATE INDEX ON %%1$I (a, c) WHERE b > 5;'
                        ' CREATE TRIGGER touched BEFORE UPDATE ON %%1$I FOR EACH ROW EXECUTE FUNCTION touch()',
                        'wide_' || i);
                END LOOP; END $$;
                """.formatted(tables));
        String sql = "WITH " + CatalogFingerprint.LIVE.strip() + " SELECT " + CatalogFingerprint.AS_JSON.strip();
        try (Connection connection = database.connect();
                Statement empty = connection.createStatement()) {
            empty.execute("ANALYZE; SET search_path = pg_catalog");
            double[] wall = new double[15];
            for (int i = 0; i < wall.length; i++) {
                long begun = System.nanoTime();
                first(connection, sql);
                wall[i] = (System.nanoTime() - begun) / 1e6;
            }
            List<String> plan = first(connection, "EXPLAIN ANALYZE " + sql);
            Arrays.sort(wall);
            System.out.println("figure: fingerprint of " + tables + " tables: wall median " + Math.round(wall[7])
                    + " ms, least " + Math.round(wall[0]) + " ms; "
                    + String.join(", ", plan.subList(plan.size() - 2, plan.size())));
            return wall[0];
        }
    }

    private static List<String> first(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setArray(1, connection.createArrayOf("text", new String[] {"elsewhere"}));
            try (ResultSet rows = statement.executeQuery()) {
                List<String> all = new ArrayList<>();
                while (rows.next()) {
                    all.add(rows.getString(1).strip());
                }
                return all;
            }
        }
    }

    // ---- much to do ----

    @Test
    @Tag("long")
    void timeOfAFileDoesNotGrowWithTheFilesBeforeIt(TestDatabase database) throws Exception {
        for (boolean wide : List.of(false, true)) {
            if (wide) {
                database.execute(
                        "DROP TABLE forge_system_migrations; DROP SCHEMA elsewhere CASCADE; CREATE SCHEMA elsewhere");
                fingerprint(database, 1_000);
            }
            try (Database db = open(database)) {
                long took = millis(() -> migrator(db, tables(200)).migrate());
                System.out.println("figure: 200 files of a table each, " + (wide ? "beside 1,000 tables" : "alone")
                        + ": " + took + " ms");
            }
        }
    }

    @Test
    @Tag("long")
    void aFileOfManyStatementsTakesTimeByItsLength(TestDatabase database) throws Exception {
        try (Database db = open(database)) {
            Map<String, String> files = new TreeMap<>();
            files.put("0001_log.sql", "CREATE TABLE log (n int, text text)");
            migrator(db, files).migrate();
            long small = large(db, files, 2, 25_000);
            long large = large(db, files, 3, 100_000);
            assertTrue(large < 8 * Math.max(small, 500), small + " and " + large + " ms");
        }
    }

    /** Statements of 200 characters: 100,000 are 20 MB. */
    private static long large(Database db, Map<String, String> files, int number, int statements) {
        String text = "x".repeat(160);
        StringBuilder sql = new StringBuilder();
        for (int i = 0; i < statements; i++) {
            sql.append("INSERT INTO log VALUES (%08d, '%s');\n".formatted(i, text));
        }
        files.put("%04d_rows.sql".formatted(number), sql.toString());
        Runtime runtime = Runtime.getRuntime();
        long read = millis(() -> MigrationReader.read(MigrationSource.list(files), MigrationName.Owner.USER));
        long took = millis(() -> migrator(db, files).migrate());
        System.out.println("figure: a file of " + sql.length() / 1_000_000 + " MB and " + statements
                + " statements: read in " + read + " ms, applied in " + took + " ms, of a heap of "
                + runtime.maxMemory() / 1_000_000 + " MB " + (runtime.totalMemory() - runtime.freeMemory()) / 1_000_000
                + " MB used");
        return took;
    }
}
