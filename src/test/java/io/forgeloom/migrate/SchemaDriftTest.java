package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.Identifier;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A change by hand is named, and what no hand has changed is not. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class SchemaDriftTest {

    /** One of each kind that the fingerprint knows. */
    private static final String RICH = """
            CREATE TYPE mood AS ENUM ('sad', 'glad');
            CREATE DOMAIN positive AS int CHECK (VALUE > 0);
            CREATE TYPE pair AS (a int, b text);
            CREATE TYPE span AS RANGE (subtype = float8);
            CREATE SEQUENCE counter INCREMENT 2;
            CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood DEFAULT 'sad', n positive,
                            at timestamptz DEFAULT '2020-02-03 04:05', i interval DEFAULT '1 day 2:03', f float8 DEFAULT 0.1,
                            b bytea DEFAULT '\\x00ff', c money DEFAULT '1.50', t text COLLATE "C",
                            twice int GENERATED ALWAYS AS (n * 2) STORED, CHECK (n < 100));
            CREATE INDEX a_n ON a (n) WHERE n > 3;
            CREATE TABLE parts (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);
            CREATE INDEX parts_v ON parts (v);
            CREATE TABLE pointer (k int REFERENCES parts, a int REFERENCES a);
            CREATE VIEW v AS SELECT id, m FROM a WHERE at > '2020-01-01';
            CREATE MATERIALIZED VIEW w AS SELECT count(*) AS n FROM a;
            CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT x + 1; END;
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
            CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
            CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int, initcond = '0');
            CREATE TRIGGER touched BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();
            CREATE TRIGGER touched BEFORE UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION touch();
            ALTER TABLE a ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON a USING (n > 1);
            CREATE RULE quiet AS ON DELETE TO a DO INSTEAD NOTHING
            """;

    /** What nobody does by migrations and everybody does. */
    private static final String USE = """
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
            CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
            CREATE INDEX ON parts_2 (v, k);
            SELECT nextval('counter');
            INSERT INTO a (n) VALUES (5);
            REFRESH MATERIALIZED VIEW w;
            CREATE TEMP TABLE a (x int); CREATE TEMP TABLE fresh (x int);
            CREATE SCHEMA other; CREATE TABLE other.a (x int); CREATE TABLE public.a (x int);
            COMMENT ON TABLE elsewhere.a IS 'x'; GRANT SELECT ON elsewhere.a TO PUBLIC
            """;

    @Test
    void useIsNoChange(TestDatabase server) throws Exception {
        migrate(server, RICH);
        assertEquals(List.of(), migrate(server, RICH).schemaChanges());
        server.execute(USE);
        server.execute("ANALYZE");
        server.execute("VACUUM FULL");
        server.execute("REINDEX TABLE elsewhere.a");
        assertEquals(List.of(), migrate(server, RICH).schemaChanges());
        server.execute("ALTER TABLE parts DETACH PARTITION parts_1; DROP TABLE parts_1");
        // With something pending, so that the other way to the answer is asked.
        assertEquals(List.of(), migrate(server, RICH, "CREATE TABLE later ()").schemaChanges());
    }

    @Test
    void machineInAnotherZoneSeesNoChange(TestDatabase server) throws Exception {
        String file =
                "SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 0; " + RICH;
        migrate(server, file);
        assertEquals(List.of(), migrate(server, file).schemaChanges());
        for (String setting : List.of(
                "timezone = 'America/New_York'",
                "quote_all_identifiers = on",
                "bytea_output = 'hex'",
                "search_path = elsewhere, pg_catalog")) {
            server.server().execute("ALTER DATABASE " + server.name() + " SET " + setting);
        }
        assertEquals(List.of(), migrate(server, file).schemaChanges());
    }

    /** Each change, and the object that is to be named. */
    private static Map<String, String> changes() {
        Map<String, String> changes = new LinkedHashMap<>();
        changes.put("ALTER TABLE a ADD COLUMN z int", "table a in schema elsewhere was changed");
        changes.put("ALTER TABLE a ALTER COLUMN t SET NOT NULL", "table a");
        changes.put("ALTER TABLE a ALTER COLUMN f SET DEFAULT 0.2", "table a");
        changes.put("DROP INDEX a_n", "table a");
        changes.put("CREATE INDEX hand ON parts (k, v)", "table parts");
        changes.put("ALTER TABLE a ADD CONSTRAINT hand CHECK (n < 50)", "table a");
        changes.put("ALTER TABLE pointer DROP CONSTRAINT pointer_k_fkey", "table pointer");
        changes.put("ALTER TABLE a DISABLE TRIGGER touched", "table a");
        changes.put("DROP TRIGGER touched ON parts", "table parts");
        changes.put("ALTER POLICY own ON a USING (n > 2)", "table a");
        changes.put("ALTER TABLE a DISABLE ROW LEVEL SECURITY", "table a");
        changes.put("DROP RULE quiet ON a", "table a");
        changes.put("CREATE OR REPLACE VIEW v AS SELECT id, m FROM a", "view v");
        changes.put("DROP MATERIALIZED VIEW w", "materialized view w in schema elsewhere is gone");
        changes.put(
                "CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT x + 2; END",
                "function f(x integer)");
        changes.put(
                "CREATE FUNCTION f(x text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "function f(x text) in schema elsewhere was added");
        changes.put("ALTER FUNCTION touch() SET search_path = elsewhere", "function touch()");
        changes.put("CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS 'SELECT 2'", "procedure p()");
        changes.put("DROP AGGREGATE total (int)", "aggregate total(integer)");
        changes.put("ALTER SEQUENCE counter INCREMENT 3", "sequence counter");
        changes.put("ALTER TYPE mood ADD VALUE 'mad'", "type mood");
        changes.put("ALTER DOMAIN positive ADD CHECK (VALUE < 1000)", "type positive");
        changes.put("ALTER TYPE pair ADD ATTRIBUTE c int", "type pair");
        changes.put("DROP TYPE span", "type span");
        changes.put("CREATE TABLE hand ()", "table hand in schema elsewhere was added");
        changes.put(
                "ALTER FUNCTION forge_validate_identifier(text) VOLATILE",
                "function forge_validate_identifier(name text)");
        return changes;
    }

    @Test
    void eachChangeByHandIsNamed(TestDatabase server) throws Exception {
        migrate(server, RICH);
        try (Database db = open(server);
                Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            try (MigrationSession session =
                    MigrationSession.open(db.primary(), null, MigrationLimits.DEFAULT.idleTimeout())) {
                assertEquals(List.of(), session.differences());
            }
            for (Map.Entry<String, String> change : changes().entrySet()) {
                // Seen by the one who did it, and taken back: the fingerprint is asked in that very session.
                statement.execute(change.getKey());
                statement.execute("SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL TimeZone = 'UTC';"
                        + " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex';"
                        + " SET LOCAL extra_float_digits = 1; SET LOCAL lc_monetary = 'C'");
                List<String> found = new MigrationHistory(
                                connection, new Identifier("elsewhere"), new String[] {"elsewhere"})
                        .differences();
                assertEquals(1, found.size(), change + ": " + found);
                assertTrue(found.getFirst().startsWith(change.getValue()), change + ": " + found);
                assertTrue(found.getFirst().endsWith("since 0001_m was applied"), found + "");
                connection.rollback();
            }
        }
    }

    @Test
    void changeIsAWarningAnErrorOrNobodysBusiness(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            String table = "CREATE TABLE a (id int)";
            migrator(db, table).build().migrate();
            server.execute("ALTER TABLE a ADD COLUMN x int; CREATE TABLE b ()");
            for (String[] files : List.of(new String[] {table}, new String[] {table, "CREATE TABLE c ()"})) {
                MigrationException e = assertThrows(
                        MigrationException.class,
                        () -> migrator(db, files)
                                .schemaDrift(SchemaDrift.FAIL)
                                .build()
                                .migrate());
                assertEquals(Reason.SCHEMA_CHANGED, e.reason());
                assertEquals(2, e.problems().size());
                assertTrue(
                        e.getMessage().contains("\ntable a in schema elsewhere was changed since 0001_m"),
                        e.getMessage());
                assertEquals(
                        List.of(),
                        migrator(db, table)
                                .schemaDrift(SchemaDrift.IGNORE)
                                .build()
                                .migrate()
                                .schemaChanges());
            }
            List<String> told = new CopyOnWriteArrayList<>();
            MigrationResult result = migrator(db, table, LOOSE + "VACUUM a")
                    .listener(event -> {
                        if (event instanceof MigrationEvent.SchemaChanged changed) {
                            told.add(changed.difference());
                        }
                    })
                    .build()
                    .migrate();
            assertEquals(2, told.size());
            assertEquals(told, result.schemaChanges());
            // What was there then is taken for right.
            assertEquals(
                    List.of(),
                    migrator(db, table, LOOSE + "VACUUM a")
                            .schemaDrift(SchemaDrift.FAIL)
                            .build()
                            .migrate()
                            .schemaChanges());
        }
    }

    @Test
    void schemaThatWasMadeAnewFromItsOwnTextsIsTheSame(TestDatabase server) throws Exception {
        String drop = "DROP SCHEMA other CASCADE";
        server.execute("CREATE SCHEMA other");
        server.server().execute("ALTER DATABASE " + server.name() + " SET search_path = elsewhere, other");
        migrate(
                server,
                "SET search_path = other; CREATE TABLE a (gone int, id int, n int CHECK (n > 1)); ALTER TABLE a DROP gone");
        server.execute(drop + "; CREATE SCHEMA other; CREATE TABLE other.a (id int, n int CHECK (n > 1))");
        assertEquals(
                List.of(),
                migrate(
                                server,
                                "SET search_path = other; CREATE TABLE a (gone int, id int, n int CHECK (n > 1)); ALTER TABLE a DROP gone")
                        .schemaChanges());
    }
}
