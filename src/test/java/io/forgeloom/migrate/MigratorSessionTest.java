package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.failure;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a file does to its session is not felt by the next one, nor by the runner. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class MigratorSessionTest {

    /** All that a file can find out about its session. */
    private static final String LOOK = """
            INSERT INTO elsewhere.seen (state)
            SELECT concat_ws(' ', current_user, session_user, current_schemas(false)::text,
                   (SELECT count(*) FROM pg_class WHERE relpersistence = 't'), (SELECT count(*) FROM pg_cursors),
                   (SELECT count(*) FROM pg_prepared_statements WHERE from_sql), (SELECT count(*) FROM pg_listening_channels()),
                   (SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings
                    WHERE name NOT IN ('in_hot_standby', 'transaction_read_only')))
            """;

    private static final String SEEN = "CREATE TABLE seen (id int GENERATED ALWAYS AS IDENTITY, state text); ";

    private static final List<String> DIRT = List.of(
            "SET search_path = pg_catalog; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, DEFERRABLE",
            "SET ROLE pg_monitor; SET work_mem = '1MB'",
            "SET SESSION AUTHORIZATION pg_monitor",
            "SELECT set_config('search_path', 'nowhere', false), set_config('my.own', 'x', false)",
            "CREATE TEMP TABLE seen (x int); CREATE TEMP TABLE forge_system_migrations (x int); LISTEN forge_schema_changed",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1; PREPARE p AS SELECT 1; SET LOCAL search_path = nowhere",
            "SET statement_timeout = '1ms'; SET lock_timeout = '1ms'; SET transaction_timeout = '10s'",
            "SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'iso_8601'; SET quote_all_identifiers = on",
            "SET session_replication_role = replica; SET row_security = off; SET idle_in_transaction_session_timeout = 0");

    @Test
    void everyFileFindsTheSessionAsTheFirstOneDid(TestDatabase server) throws Exception {
        server.execute("ALTER DATABASE " + server.name() + " SET search_path = elsewhere, public");
        List<String> files = new ArrayList<>(List.of(SEEN + LOOK));
        for (String dirt : DIRT) {
            files.add(dirt);
            files.add("PREPARE p AS SELECT 2; " + LOOK);
        }
        migrate(server, files.toArray(String[]::new));
        assertEquals(DIRT.size() + 1, rows(server, "SELECT id FROM seen").size());
        List<String> states = rows(server, "SELECT state FROM seen ORDER BY id");
        for (int i = 1; i < states.size(); i++) {
            // The file prepares one by itself, to find whether that of another is left.
            assertEquals(states.getFirst(), states.get(i).replaceFirst(" 0 0 1 0 ", " 0 0 0 0 "), DIRT.get(i - 1));
        }
        assertTrue(states.getFirst().contains("TimeZone="), states.getFirst());
    }

    @Test
    void looseFileFindsItAsTheFirstOneDidToo(TestDatabase server) throws Exception {
        migrate(
                server,
                "CREATE TABLE t (id int); SET search_path = nowhere; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                LOOSE + "CREATE INDEX CONCURRENTLY t_id ON t (id)",
                LOOSE + "SET search_path = nowhere",
                "CREATE TABLE u (id int)");
        assertEquals(
                List.of("t"),
                rows(server, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'elsewhere.t_id'::regclass"));
    }

    @Test
    void settingsOfTheRoleAreTheFilesAndDoNotHurtTheRunner(TestDatabase server) throws Exception {
        String of = "ALTER DATABASE " + server.name() + " SET ";
        server.execute(of + "lock_timeout = '1ms'; " + of + "transaction_timeout = '1s'; " + of
                + "idle_session_timeout = '2s'; " + of + "idle_in_transaction_session_timeout = '1ms'; " + of
                + "default_transaction_isolation = serializable; " + of + "quote_all_identifiers = on; " + of
                + "standard_conforming_strings = off; " + of + "check_function_bodies = off");
        try {
            List<String> files = List.of(
                    "CREATE TABLE s AS SELECT current_setting('TimeZone') AS zone, '\\n' AS plain, pg_sleep(1.2)::text",
                    "CREATE TABLE z (at timestamptz DEFAULT '2020-01-01 00:00')");
            migrate(server, files.toArray(String[]::new));
            assertEquals(
                    List.of(), migrate(server, files.toArray(String[]::new)).schemaChanges());
        } finally {
            server.server().execute("ALTER DATABASE " + server.name() + " RESET ALL");
        }
        assertEquals(List.of("\\n"), rows(server, "SELECT plain FROM elsewhere.s"));
    }

    @Test
    void whatMovesTheEndsOfStringsNamesItsLine(TestDatabase server) throws Exception {
        MigrationException e = failure(
                server, "SELECT 1;\n\nSELECT set_config('standard_conforming_strings', 'off', false); SELECT 2");
        assertEquals(Reason.STATEMENT_FAILED, e.reason());
        assertEquals(3, e.line(), e.getMessage());
        assertTrue(e.getMessage().contains("standard_conforming_strings"), e.getMessage());
    }

    @Test
    void givingTheLockBackNamesItsLine(TestDatabase server) throws Exception {
        MigrationException e = failure(server, "CREATE TABLE t ();\nSELECT 1;\nSELECT pg_advisory_unlock_all()");
        assertEquals(Reason.STATEMENT_FAILED, e.reason(), e.getMessage());
        assertEquals(3, e.line(), e.getMessage());
        assertEquals(List.of("t"), rows(server, "SELECT to_regclass('t') IS NULL"));
    }

    /** The driver cannot read on, and ends the session. */
    @Test
    void whatTheDriverCannotLiveWithNamesItsLine(TestDatabase server) throws Exception {
        for (String setting : List.of("DateStyle = 'SQL, DMY'", "client_encoding = 'LATIN1'")) {
            MigrationException e = failure(server, "CREATE TABLE t ();\nSET " + setting);
            assertEquals(Reason.STATEMENT_FAILED, e.reason(), e.getMessage());
            assertEquals(2, e.line(), e.getMessage());
        }
        assertEquals(List.of("t"), rows(server, "SELECT to_regclass('t') IS NULL"));
    }
}
