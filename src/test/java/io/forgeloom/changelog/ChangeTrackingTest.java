package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.TrackOptions.Mode;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.migrate.MigrationSource;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is logged of what statement, of which tables, and that no write ever fails for it. */
@WithDatabase
@Timeout(60)
@Tag("slow")
class ChangeTrackingTest {

    @Test
    void eachChangedRowIsLoggedWithItsKeyAndWhatChanged(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE t (id int PRIMARY KEY, a int, b numeric, twice int GENERATED ALWAYS AS (a * 2))");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO t VALUES (1, 1, 1.0), (2, 2, 2), (3, NULL, NULL)",
                    "UPDATE t SET a = a, b = 1.00 WHERE id = 1",
                    "UPDATE t SET a = a",
                    "UPDATE t SET a = 7, b = NULL WHERE id > 1",
                    "UPDATE t SET id = id + 1 WHERE id = 3",
                    "DELETE FROM t WHERE id = 2",
                    "DELETE FROM t WHERE id = 99",
                    "INSERT INTO t VALUES (1, 5), (8, 8) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
                    "MERGE INTO t USING (VALUES (1), (9)) AS s (id) ON t.id = s.id WHEN MATCHED THEN DELETE"
                            + " WHEN NOT MATCHED THEN INSERT VALUES (s.id)",
                    "TRUNCATE t");
            assertEquals(
                    List.of(
                            "I elsewhere.t 1",
                            "I elsewhere.t 2",
                            "I elsewhere.t 3",
                            "U elsewhere.t 1 b",
                            "U elsewhere.t 2 a,b",
                            "U elsewhere.t 3 a",
                            "D elsewhere.t 3",
                            "I elsewhere.t 4",
                            "D elsewhere.t 2",
                            "U elsewhere.t 1 a",
                            "I elsewhere.t 8",
                            "D elsewhere.t 1",
                            "I elsewhere.t 9",
                            "T elsewhere.t null"),
                    fixture.lines(start));
            ChangeRow first = fixture.rows(start).getFirst();
            assertEquals(List.of("1"), first.key());
            assertEquals(
                    first, fixture.rows(ChangePosition.parse(start.toString())).getFirst());
        }
    }

    @Test
    void keysOfAnyKindAreTheSameWhateverTheWriterHasSet(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server, new Identifier("Odd \"Home"))) {
            fixture.execute(
                    "CREATE SCHEMA \"S:#\"",
                    "CREATE DOMAIN stamp AS timestamptz",
                    "CREATE TABLE \"S:#\".\"T \"\"x\" (at stamp, \"k: #,\" text, o int, UNIQUE (\"k: #,\", at))",
                    "ALTER TABLE \"S:#\".\"T \"\"x\" ALTER at SET NOT NULL, ALTER \"k: #,\" SET NOT NULL",
                    "CREATE TABLE n (n numeric PRIMARY KEY, o json)");
            fixture.log.track("\"S:#\".\"T \"\"x\"", TrackOptions.DEFAULTS);
            fixture.log.track("n", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO \"S:#\".\"T \"\"x\" VALUES ('2020-01-02 03:04+00', '[\"a\",#:ä', 1)",
                    "SET timezone = 'America/New_York'",
                    "DO $$ BEGIN SET LOCAL datestyle = 'German'; UPDATE \"S:#\".\"T \"\"x\" SET o = o + 1; END $$",
                    "INSERT INTO n VALUES (1.0, '{}')",
                    "UPDATE n SET n = 1.00",
                    "UPDATE n SET o = '{ }'");
            List<ChangeRow> rows = fixture.rows(start);
            assertEquals(
                    List.of("[\"a\",#:ä", "2020-01-02 03:04:00+00"), rows.get(0).key());
            assertEquals(
                    "[\"[\\\"a\\\",#:ä\",\"2020-01-02 03:04:00+00\"]",
                    rows.get(0).rowId());
            assertEquals(rows.get(0).rowId(), rows.get(1).rowId());
            assertEquals("\"S:#\".\"T \"\"x\"", rows.get(0).table());
            assertEquals(List.of("o"), rows.get(1).changed());
            assertEquals(
                    List.of("I 1.0", "D 1.0", "I 1.00", "U 1.00"),
                    rows.subList(2, rows.size()).stream()
                            .map(row -> row.op().name().charAt(0) + " " + row.rowId())
                            .toList());
        }
    }

    @Test
    void aTableThatCannotBeTrackedIsRefusedWithTheReason(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE nokey (id int UNIQUE)",
                    "CREATE VIEW v AS SELECT 1 AS id",
                    "CREATE UNLOGGED TABLE u (id int PRIMARY KEY)",
                    "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id)",
                    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
                    "CREATE TABLE base (id int PRIMARY KEY)",
                    "CREATE TABLE child () INHERITS (base)");
            Map<String, String> refused = new LinkedHashMap<>();
            refused.put("nokey", "no primary key");
            refused.put("v", "no table");
            refused.put("u", "unlogged");
            refused.put("p1", "track that one");
            refused.put("base", "inheritance");
            refused.put("pg_catalog.pg_class", "catalog");
            refused.put("elsewhere.forge_change_log", "belongs to Forgeloom");
            refused.put("missing", "does not exist");
            for (Map.Entry<String, String> each : refused.entrySet()) {
                String message = assertThrows(
                                DatabaseException.class, () -> fixture.log.track(each.getKey(), TrackOptions.DEFAULTS))
                        .getMessage();
                assertTrue(String.valueOf(message).contains(each.getValue()), each.getKey() + ": " + message);
            }
            fixture.log.track("nokey", new TrackOptions(Mode.STATEMENT, false));
            assertEquals(
                    List.of(new TrackedTable("elsewhere.nokey", new TrackOptions(Mode.STATEMENT, false))),
                    fixture.log.tracked());
        }
    }

    @Test
    void aStatementIsOneRowOfTheLogIfItChangedAny(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (a int)");
            fixture.log.track("t", new TrackOptions(Mode.STATEMENT, true));
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO t SELECT generate_series(1, 5)",
                    "UPDATE t SET a = 1 WHERE a > 9",
                    "UPDATE t SET a = 1",
                    "DELETE FROM t",
                    "DELETE FROM t");
            assertEquals(
                    List.of("I elsewhere.t null", "U elsewhere.t null", "D elsewhere.t null"), fixture.lines(start));
        }
    }

    @Test
    void partitionsAreTrackedByTheirRootWithMovesAndCascades(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE master (id int PRIMARY KEY)",
                    "CREATE TABLE p (id int PRIMARY KEY, m int REFERENCES master ON DELETE CASCADE) PARTITION BY RANGE (id)",
                    "CREATE TABLE p1 (m int, gone int, id int NOT NULL)",
                    "ALTER TABLE p1 DROP COLUMN gone",
                    "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10)",
                    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)");
            fixture.log.track("p", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO master VALUES (1), (2)",
                    "INSERT INTO p VALUES (1, 1), (11, 2)",
                    "UPDATE p SET m = 2 WHERE id = 1",
                    "UPDATE p SET id = 12 WHERE id = 1",
                    "DELETE FROM master WHERE id = 2",
                    "TRUNCATE p");
            assertEquals(
                    List.of("I 1", "I 11", "U 1", "D 1", "I 12", "D 11", "D 12", "T null"),
                    fixture.rows(start).stream()
                            .map(row -> row.op().name().charAt(0) + " " + row.rowId())
                            .toList());
        }
    }

    @Test
    void writersNeedNoRightAndReplicationsWritesAreLoggedToo(TestDatabase server) throws Exception {
        Identifier poor = new Identifier(server.name() + "_poor");
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE t (id int PRIMARY KEY, a int)",
                    "CREATE ROLE " + poor,
                    "GRANT USAGE ON SCHEMA elsewhere TO " + poor,
                    "GRANT ALL ON t TO " + poor,
                    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA elsewhere FROM PUBLIC");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            // With everything that could be in the way on its path, too.
            fixture.execute(
                    "SET ROLE " + poor,
                    "CREATE TEMP TABLE forge_change_log (x int)",
                    "SET search_path = pg_temp, elsewhere",
                    "INSERT INTO elsewhere.t VALUES (1, 1)",
                    "UPDATE elsewhere.t SET a = 2",
                    "DELETE FROM elsewhere.t",
                    "TRUNCATE elsewhere.t");
            fixture.execute("SET session_replication_role = replica", "INSERT INTO t VALUES (3, 3)");
            assertEquals(
                    List.of(
                            "I elsewhere.t 1",
                            "U elsewhere.t 1 a",
                            "D elsewhere.t 1",
                            "T elsewhere.t null",
                            "I elsewhere.t 3"),
                    fixture.lines(start));
        } finally {
            server.execute("DROP OWNED BY " + poor + "; DROP ROLE " + poor);
        }
    }

    @Test
    void noWriteFailsWhateverIsDoneToTheTableLater(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO t VALUES (1, 1, 1)",
                    "ALTER TABLE t RENAME a TO c",
                    "UPDATE t SET c = 2",
                    "ALTER TABLE t DROP b, ADD d text, ALTER c TYPE text",
                    "UPDATE t SET d = 'x'",
                    "ALTER TABLE t RENAME id TO number",
                    "UPDATE t SET c = 'z'",
                    "ALTER TABLE t RENAME TO u",
                    "UPDATE u SET c = 'y'",
                    "ALTER TABLE u DROP CONSTRAINT t_pkey, DROP number",
                    "UPDATE u SET c = 'w'",
                    "DELETE FROM u",
                    "ALTER TABLE u ADD number int PRIMARY KEY");
            fixture.log.track("u", TrackOptions.DEFAULTS);
            fixture.execute("INSERT INTO u VALUES ('q', 'q', 5)");
            assertEquals(
                    List.of(
                            "I elsewhere.t 1",
                            "U elsewhere.t 1 c",
                            "U elsewhere.t 1 d",
                            "U elsewhere.t 1 c",
                            "U elsewhere.u 1 c",
                            "U elsewhere.u null",
                            "D elsewhere.u null",
                            "I elsewhere.u 5"),
                    fixture.lines(start));
        }
    }

    @Test
    void whoeverTracksAgainGetsBackATriggerThatIsGone(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a int)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "DROP TRIGGER forge_changes_update ON t", "INSERT INTO t VALUES (1, 1)", "UPDATE t SET a = 2");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.execute("UPDATE t SET a = 3");
            assertEquals(List.of("I elsewhere.t 1", "U elsewhere.t 1 a"), fixture.lines(start));
            fixture.log.untrack("t");
            assertEquals(
                    List.of("0"), fixture.column("SELECT count(*) FROM pg_proc WHERE proname LIKE 'forge\\_track%'"));
        }
    }

    @Test
    void aTableIsCalledAsItIsCalledNow(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute("CREATE SCHEMA shop", "CREATE TABLE shop.t (id int PRIMARY KEY, a int)");
            fixture.log.track("shop.t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            // By one session, which keeps its plans.
            fixture.execute(
                    "INSERT INTO shop.t VALUES (1, 1)",
                    "ALTER SCHEMA shop RENAME TO store",
                    "INSERT INTO store.t VALUES (2, 1)",
                    "ALTER TABLE store.t SET SCHEMA elsewhere",
                    "UPDATE elsewhere.t SET a = 2 WHERE id = 1",
                    "ALTER TABLE elsewhere.t RENAME TO u",
                    "DELETE FROM elsewhere.u WHERE id = 1",
                    "TRUNCATE elsewhere.u");
            assertEquals(
                    List.of("I shop.t 1", "I store.t 2", "U elsewhere.t 1 a", "D elsewhere.u 1", "T elsewhere.u null"),
                    fixture.lines(start));
        }
    }

    @Test
    void noNameOfTheUsersIsTakenForOneOfOurs(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            fixture.execute(
                    "CREATE TABLE \"a$1\" (slot int PRIMARY KEY, known int, mode text, forge int, o int, n int)");
            fixture.log.track("\"a$1\"", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            fixture.execute(
                    "INSERT INTO \"a$1\" VALUES (1, 1, '', 1, 1, 1)",
                    "UPDATE \"a$1\" SET known = 2, mode = 'x', forge = 2, o = 2",
                    "ALTER TABLE \"a$1\" ADD tg_relid int",
                    "UPDATE \"a$1\" SET tg_relid = 2",
                    "DELETE FROM \"a$1\"");
            assertEquals(
                    List.of(
                            "I elsewhere.a$1 1",
                            "U elsewhere.a$1 1 known,mode,forge,o",
                            "U elsewhere.a$1 1 tg_relid",
                            "D elsewhere.a$1 1"),
                    fixture.lines(start).stream()
                            .map(line -> line.replace("\"", ""))
                            .toList());
        }
    }

    @Test
    void aTransactionThatBeganBeforeTheTableWasAlteredCanWrite(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection session = server.connect();
                Statement statement = session.createStatement()) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)", "INSERT INTO t VALUES (1, 1, 1)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            statement.execute("UPDATE t SET a = 2");
            session.setAutoCommit(false);
            session.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            statement.execute("SELECT 1");
            fixture.execute("ALTER TABLE t DROP b, ADD c int");
            statement.execute("UPDATE t SET a = 3");
            session.commit();
            session.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            statement.execute("UPDATE t SET a = 4, c = 4");
            session.commit();
            assertEquals(
                    List.of("U elsewhere.t 1 a", "U elsewhere.t null", "U elsewhere.t 1 a,c"), fixture.lines(start));
        }
    }

    @Test
    void trackingAgainWaitsForNobodyAndUntrackingLeavesNothing(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection writer = server.connect();
                Statement write = writer.createStatement()) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a int)", "CREATE TABLE gone (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.log.track("gone", TrackOptions.DEFAULTS);
            writer.setAutoCommit(false);
            write.execute("INSERT INTO t VALUES (1, 1)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.log.track("t", new TrackOptions(Mode.ROW, false));
            assertEquals(
                    List.of("elsewhere.gone", "elsewhere.t"),
                    fixture.log.tracked().stream().map(TrackedTable::table).toList());
            assertFalse(fixture.log.tracked().get(1).options().changedColumns());
            writer.commit();
            fixture.execute("DROP TABLE gone");
            assertTrue(fixture.log.untrack("t"));
            assertFalse(fixture.log.untrack("t"));
            assertEquals(List.of(), fixture.log.tracked());
            assertEquals(
                    List.of("0"), fixture.column("SELECT count(*) FROM pg_proc WHERE proname LIKE 'forge\\_track%'"));
        }
    }

    @Test
    void trackingIsNoDriftOfTheSchemaAndRemovalTakesItAway(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            Migrator migrator = Migrator.builder(fixture.database.primary())
                    .schema(new Identifier("elsewhere"))
                    .migrations(
                            MigrationSource.list(Map.of("0001_t.sql", "CREATE TABLE t (id int PRIMARY KEY, a int)")))
                    .build();
            migrator.migrate();
            fixture.log.track("t", TrackOptions.DEFAULTS);
            assertEquals(List.of(), migrator.migrate().schemaChanges());
            fixture.execute(
                    "CREATE TRIGGER mine BEFORE TRUNCATE ON t EXECUTE FUNCTION suppress_redundant_updates_trigger()");
            assertEquals(1, migrator.migrate().schemaChanges().size());
            try (Connection connection = server.connect()) {
                SystemSchemaFiles.run(connection, new Identifier("elsewhere"), SystemSchemaFiles.removal());
            }
            fixture.execute("INSERT INTO t VALUES (1)");
            assertNotNull(server.query("SELECT count(*) FROM elsewhere.t"));
        }
    }
}
