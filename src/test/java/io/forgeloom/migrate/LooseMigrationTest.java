package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.failure;
import static io.forgeloom.migrate.MigrationFixture.history;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static io.forgeloom.migrate.MigrationFixture.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Files without a transaction that did not get to their end. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class LooseMigrationTest {

    private static final String TABLE =
            "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1); CREATE INDEX t_id ON t (id)";

    /** As a run leaves it that was killed while the statement ran, or right after. */
    private static void cutOff(TestDatabase server) throws SQLException {
        server.execute("UPDATE forge_system_migrations SET state = 'running', catalog = NULL WHERE version = '0002_m'");
    }

    /** Undone by hand, so as if it had been killed before it did anything; null if that cannot be. */
    private record Case(String statement, String undo) {}

    @Test
    void whatCanBeRunAgainIsFinishedByTheNextRun(TestDatabase server) throws Exception {
        List<Case> cases = List.of(
                new Case("DROP INDEX CONCURRENTLY t_id", "CREATE INDEX t_id ON t (id)"),
                new Case("DROP INDEX CONCURRENTLY IF EXISTS t_id", "CREATE INDEX t_id ON t (id)"),
                new Case(
                        "CREATE INDEX CONCURRENTLY \"t Ü\" ON ONLY elsewhere.t USING btree (id)", "DROP INDEX \"t Ü\""),
                new Case("CREATE INDEX CONCURRENTLY IF NOT EXISTS T_Two ON t (id)", "DROP INDEX t_two"),
                new Case("VACUUM (ANALYZE) t", "SELECT 1"),
                new Case("REFRESH MATERIALIZED VIEW w", "SELECT 1"),
                new Case("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'mad'", "SELECT 1"));
        String first = TABLE + "; CREATE TYPE mood AS ENUM ('sad'); CREATE MATERIALIZED VIEW w AS SELECT * FROM t";
        try (Database db = open(server)) {
            for (Case one : cases) {
                server.execute(
                        "DROP TABLE IF EXISTS t CASCADE; DROP TYPE IF EXISTS mood; " + SystemSchemaFiles.removal());
                Migrator migrator = migrator(db, first, LOOSE + one.statement)
                        .schemaDrift(SchemaDrift.FAIL)
                        .build();
                assertEquals(
                        SystemSchemaFiles.versionsThen("0001_m", "0002_m"),
                        migrator.migrate().applied());
                List<String> after = rows(
                        server,
                        "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1");
                for (String undo : List.of("SELECT 1", one.undo)) {
                    server.execute(undo);
                    cutOff(server);
                    assertEquals(
                            MigrationStatus.State.UNFINISHED,
                            migrator.status().entries().getLast().state());
                    assertEquals(List.of("0002_m"), migrator.migrate().applied(), one + "");
                    assertEquals(List.of("0001_m|applied", "0002_m|applied"), history(server));
                    assertEquals(
                            after,
                            rows(
                                    server,
                                    "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1"),
                            one + "");
                    assertEquals(List.of(), migrator.migrate().applied());
                }
            }
        }
    }

    @Test
    void invalidIndexOfARunThatWasCutOffIsBuiltAnew(TestDatabase server) throws Exception {
        String file = LOOSE + "CREATE UNIQUE INDEX CONCURRENTLY t_one ON t (id)";
        migrate(server, TABLE);
        // The only way to an invalid one that needs no kill.
        assertThrows(SQLException.class, () -> server.execute("CREATE UNIQUE INDEX CONCURRENTLY t_one ON t (id)"));
        server.execute("DELETE FROM t; INSERT INTO forge_system_migrations (version, checksum, algorithm, state) VALUES"
                + " ('0002_m', '" + MigrationText.checksum(file) + "', 'sha256-lf', 'running')");
        assertEquals(List.of("0002_m"), migrate(server, TABLE, file).applied());
        assertEquals(
                List.of("t"), rows(server, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_one'::regclass"));
    }

    @Test
    void uniqueIndexThatFailsLeavesNeitherAnInvalidOneNorARow(TestDatabase server) throws Exception {
        MigrationException e = failure(server, TABLE, LOOSE + "CREATE UNIQUE INDEX CONCURRENTLY t_one ON t (id)");
        assertEquals(Reason.STATEMENT_FAILED, e.reason());
        assertEquals("23505", e.sqlState());
        assertTrue(e.getMessage().contains("0002_m.sql:2: "), e.getMessage());
        assertEquals(List.of("0001_m|applied"), history(server));
        assertEquals(List.of("0"), rows(server, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
    }

    @Test
    void invalidIndexOfSomebodyElseIsLeftToThem(TestDatabase server) throws Exception {
        migrate(server, TABLE);
        assertThrows(SQLException.class, () -> server.execute("CREATE UNIQUE INDEX CONCURRENTLY t_one ON t (id)"));
        for (String condition : List.of("", "IF NOT EXISTS ")) {
            MigrationException e =
                    failure(server, TABLE, LOOSE + "CREATE INDEX CONCURRENTLY " + condition + "t_one ON t (id)");
            assertEquals(Reason.STATEMENT_FAILED, e.reason());
            assertTrue(e.getMessage().contains("t_one"), e.getMessage());
            assertEquals(
                    List.of("f"), rows(server, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_one'::regclass"));
            server.execute("DELETE FROM forge_system_migrations WHERE state = 'running'");
        }
    }

    /** Of a kind that commits on its way: both remedies of the message work as they stand there. */
    @Test
    void whatNobodyCanJudgeStopsWithTwoRemediesThatWork(TestDatabase server) throws Exception {
        String first = TABLE + "; CREATE PROCEDURE work() LANGUAGE plpgsql AS"
                + " $$ BEGIN CREATE TABLE half (); COMMIT; IF (SELECT count(*) = 2 FROM t) THEN RAISE 'stop'; END IF; END $$";
        String[] files = {first, LOOSE + "CALL work()", "CREATE TABLE later ()"};
        try (Database db = open(server)) {
            Migrator migrator =
                    migrator(db, files).schemaDrift(SchemaDrift.FAIL).build();
            for (String remedy : List.of("UPDATE [^;]*", "DELETE [^;]*")) {
                server.execute("DROP TABLE IF EXISTS t, half, later; DROP PROCEDURE IF EXISTS work; "
                        + SystemSchemaFiles.removal());
                MigrationException failed = assertThrows(MigrationException.class, migrator::migrate);
                assertEquals(Reason.STATEMENT_FAILED, failed.reason());
                assertEquals(List.of("0001_m|applied", "0002_m|running"), history(server));
                MigrationException e = assertThrows(MigrationException.class, migrator::migrate);
                assertEquals(Reason.UNFINISHED, e.reason());
                assertTrue(e.getMessage().contains("0002_m.sql:2: it was begun"), e.getMessage());
                assertTrue(failed.getMessage()
                        .endsWith(e.getMessage().substring(e.getMessage().indexOf("it was begun"))));
                Matcher matcher = Pattern.compile(remedy).matcher(e.getMessage());
                assertTrue(matcher.find(), e.getMessage());
                boolean again = remedy.startsWith("DELETE");
                server.execute("DELETE FROM t" + (again ? "; DROP TABLE half" : ""));
                server.execute(matcher.group());
                assertEquals(
                        again ? List.of("0002_m", "0003_m") : List.of("0003_m"),
                        migrator.migrate().applied());
                assertEquals(List.of(), migrator.migrate().applied());
            }
        }
    }
}
