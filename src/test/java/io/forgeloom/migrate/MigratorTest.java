package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.LOOSE;
import static io.forgeloom.migrate.MigrationFixture.failure;
import static io.forgeloom.migrate.MigrationFixture.files;
import static io.forgeloom.migrate.MigrationFixture.history;
import static io.forgeloom.migrate.MigrationFixture.migrate;
import static io.forgeloom.migrate.MigrationFixture.migrator;
import static io.forgeloom.migrate.MigrationFixture.open;
import static io.forgeloom.migrate.MigrationFixture.rows;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.Identifier;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** What a run does on a database that answers. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class MigratorTest {

    private static final String TABLE = "CREATE TABLE a (id int PRIMARY KEY)";

    @Test
    void eachFileIsAppliedOnceAndInOrderAndWrittenDown(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            List<String> events = new ArrayList<>();
            Migrator migrator = Migrator.builder(db.primary())
                    .named("billing", files("CREATE TABLE c AS SELECT * FROM a"))
                    .migrations(files(TABLE + ";\nINSERT INTO a VALUES (1);", LOOSE + "VACUUM a"))
                    .named("shop", files("CREATE TABLE d AS SELECT * FROM c"))
                    .build();
            MigrationException broken = assertThrows(MigrationException.class, migrator::migrate);
            assertEquals("billing/0001_m", broken.version(), "lists run in the order in which they are given");
            MigrationResult first = Migrator.builder(db.primary())
                    .migrations(files(TABLE + ";\nINSERT INTO a VALUES (1);", LOOSE + "VACUUM a"))
                    .named("billing", files("CREATE TABLE c AS SELECT * FROM a"))
                    .listener(event -> events.add(event.getClass().getSimpleName()))
                    .build()
                    .migrate();
            assertEquals(List.of("0001_m", "0002_m", "billing/0001_m"), first.applied());
            assertEquals(SystemSchemaFiles.versions().size(), first.alreadyApplied());
            assertEquals(
                    "Planned Started StatementDone StatementDone Applied Started StatementDone Applied Started"
                            + " StatementDone Applied",
                    String.join(" ", events));
        }
        List<String> rows = SystemSchemaFiles.versionsThen("0001_m").stream()
                .map(version -> version + "|64|sha256-lf|applied|180|t|t")
                .toList();
        assertEquals(
                rows,
                rows(
                                server,
                                "SELECT version, length(checksum), algorithm, state, server_version / 1000,"
                                        + " duration_ms >= 0 AND applied_by = session_user,"
                                        + " applied_at BETWEEN now() - interval '1 min' AND now()"
                                        + " FROM elsewhere.forge_system_migrations ORDER BY applied_at")
                        .subList(0, rows.size()));
        assertEquals(
                List.of("1"),
                rows(
                        server,
                        "SELECT count(*) FROM elsewhere.forge_system_migrations"
                                + " WHERE catalog IS NOT NULL AND fingerprint ~ '^[0-9a-f]{64}$'"));
        assertEquals(
                List.of(),
                migrate(server, TABLE + ";\nINSERT INTO a VALUES (1);", LOOSE + "VACUUM a")
                        .applied());
    }

    @Test
    void failedFileLeavesNothingAndNamesFileAndLine(TestDatabase server) throws Exception {
        String many = "INSERT INTO a VALUES " + "(1),\n".repeat(3_000) + "(nope)";
        Map<String, String> texts = Map.of(
                TABLE + ";\n\nSELECT 'äöü€😀', '😀\n', nope",
                "0001_m.sql:4: ",
                TABLE + ";\n" + many,
                "0001_m.sql:3002: ",
                "/* ü\n */ -- 😀\n\n" + TABLE + ";\nSELECT\n\n1/0",
                "0001_m.sql:5: ",
                "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN '😀' nope nope;\nEND $$",
                "0001_m.sql:3: ",
                "DO $$ BEGIN\n RAISE 'ü'; END $$",
                "0001_m.sql:1: ");
        for (Map.Entry<String, String> text : texts.entrySet()) {
            MigrationException e = failure(server, text.getKey());
            assertEquals(Reason.STATEMENT_FAILED, e.reason(), e.getMessage());
            assertTrue(e.getMessage().contains(text.getValue()), text.getValue() + " in " + e.getMessage());
            assertTrue(e.getMessage().endsWith("; nothing of this file was applied"), e.getMessage());
            assertEquals("0001_m", e.version());
            assertTrue(e.line() > 0);
        }
        assertEquals(List.of(), history(server));
        assertEquals(List.of("null"), rows(server, "SELECT coalesce(to_regclass('a')::text, 'null')"));
    }

    @Test
    void constraintThatFailsAtCommitTakesTheWholeFileBack(TestDatabase server) throws Exception {
        MigrationException e = failure(
                server,
                TABLE,
                "CREATE TABLE b (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (7)");
        assertEquals(Reason.STATEMENT_FAILED, e.reason());
        assertEquals("23503", e.sqlState());
        assertEquals("0002_m", e.version());
        assertEquals(List.of("0001_m|applied"), history(server));
        assertEquals(List.of("t"), rows(server, "SELECT to_regclass('b') IS NULL"));
    }

    @Test
    void statementThatNeedsNoTransactionNamesTheHeader(TestDatabase server) throws Exception {
        MigrationException e = failure(server, TABLE, "\nVACUUM a");
        assertEquals("25001", e.sqlState());
        assertTrue(e.getMessage().contains("0002_m.sql:2: "), e.getMessage());
        assertTrue(e.getMessage().contains("begin the file with \"-- @transactional false\""), e.getMessage());
        assertEquals(
                List.of("0002_m"), migrate(server, TABLE, LOOSE + "VACUUM a").applied());
    }

    @Test
    void othersAreToldOnceSomethingWasAppliedAndNotOtherwise(TestDatabase server) throws Exception {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("LISTEN forge_schema_changed");
            migrate(server);
            List<String> first = toldUntilNow(connection);
            assertFalse(first.isEmpty());
            assertEquals(Set.of("migrations_applied"), Set.copyOf(first));
            migrate(server);
            failure(server, "SELECT 1; SELECT 1/0");
            assertEquals(List.of(), toldUntilNow(connection));
            migrate(server, LOOSE + "VACUUM");
            assertEquals(List.of("migrations_applied"), toldUntilNow(connection));
        }
    }

    /** Each migration is told at its own commit, so these may come one by one: all of them, up to one of our own. */
    private static List<String> toldUntilNow(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("NOTIFY forge_schema_changed, 'end'");
        }
        PGConnection told = connection.unwrap(PGConnection.class);
        List<String> payloads = new ArrayList<>();
        while (true) {
            PGNotification[] some = told.getNotifications(5_000);
            assertTrue(some.length > 0, () -> "no 'end' within 5 s after " + payloads);
            for (PGNotification each : some) {
                if (each.getParameter().equals("end")) {
                    return payloads;
                }
                payloads.add(each.getParameter());
            }
        }
    }

    @Test
    void listenerThatThrowsStopsNothing(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            MigrationResult result = migrator(db, TABLE, LOOSE + "VACUUM a")
                    .listener(event -> {
                        throw new IllegalStateException(event.toString());
                    })
                    .build()
                    .migrate();
            assertEquals(SystemSchemaFiles.versionsThen("0001_m", "0002_m"), result.applied());
        }
    }

    @Test
    void configuredSchemaHasTheSystemsThingsAndThePathTheUsers(TestDatabase server) throws Exception {
        Identifier odd = new Identifier("Odd \"Schema; äö");
        try (Database db = open(server)) {
            for (int run = 0; run < 2; run++) {
                MigrationResult result = migrator(db, TABLE)
                        .schema(odd)
                        .schemaDrift(SchemaDrift.FAIL)
                        .build()
                        .migrate();
                assertEquals(run == 0 ? SystemSchemaFiles.versionsThen("0001_m") : List.of(), result.applied());
            }
        }
        List<String> tables = new ArrayList<>(rows(
                        server,
                        "SELECT relnamespace::regnamespace::text::name, relname FROM pg_class WHERE relkind = 'r'"
                                + " AND oid >= 16384 AND relnamespace::regnamespace::text !~ 'pg_|info' ORDER BY 2 DESC")
                .stream()
                .map(line -> line.replace("\"\"", "\"").replaceFirst("^\"(.*)\"\\|", "$1|"))
                .toList());
        assertTrue(tables.contains("Odd \"Schema; äö|forge_system_migrations"), tables::toString);
        tables.removeIf(table -> table.startsWith("Odd \"Schema; äö|forge_"));
        assertEquals(List.of("elsewhere|a"), tables);
        assertEquals(
                List.of("1"),
                rows(
                        server,
                        "SELECT count(*) FROM pg_proc WHERE proname = 'forge_validate_identifier'"
                                + " AND pronamespace = " + "'" + odd.quoted() + "'::regnamespace"));
    }

    @Test
    void forgesOwnTableIsReadAndExtended(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE forge_system_migrations (version varchar(255) PRIMARY KEY,"
                + " applied_at timestamptz NOT NULL DEFAULT now(), checksum varchar(64));"
                + " INSERT INTO forge_system_migrations VALUES ('other/0001_x', '2024-01-01 00:00+00', 'abc')");
        try (Database db = open(server)) {
            Migrator migrator = migrator(db, TABLE).build();
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_m"),
                    migrator.status().pending().stream()
                            .map(MigrationStatus.Entry::version)
                            .toList());
            assertEquals(
                    List.of("3"),
                    rows(
                            server,
                            "SELECT count(*) FROM pg_attribute WHERE attnum > 0 AND attrelid = 'forge_system_migrations'::regclass"),
                    "status changes nothing");
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_m"), migrator.migrate().applied());
            MigrationException e = assertThrows(
                    MigrationException.class,
                    () -> Migrator.builder(db.primary())
                            .named("other", MigrationSource.list(Map.of("0001_x.sql", "SELECT 1")))
                            .build()
                            .migrate());
            assertTrue(e.getMessage().contains("other/0001_x was applied by another program"), e.getMessage());
        }
        assertEquals(
                List.of("other/0001_x|abc|applied|t"),
                rows(
                        server,
                        "SELECT version, checksum, state, algorithm IS NULL FROM forge_system_migrations WHERE version LIKE 'other%'"));
    }

    @Test
    @SuppressWarnings("try")
    void roleWithoutRightsIsRefusedWithTheServersWords(TestDatabase server) throws Exception {
        String role = server.name() + "_app";
        server.execute("CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA elsewhere TO " + role);
        try {
            server.execute("ALTER DATABASE " + server.name() + " SET role = " + role);
            try (Database weak = open(server)) {
                MigrationException e = assertThrows(
                        MigrationException.class,
                        () -> migrator(weak, TABLE).build().migrate());
                assertEquals(Reason.REFUSED, e.reason());
                assertEquals("42501", e.sqlState());
                assertTrue(e.getMessage().contains("permission denied for schema elsewhere"), e.getMessage());
                // The owner of a schema needs no right on the database.
                server.execute("SET ROLE NONE; ALTER SCHEMA elsewhere OWNER TO " + role);
                assertEquals(
                        SystemSchemaFiles.versionsThen("0001_m"),
                        migrator(weak, TABLE).build().migrate().applied());
            }
            server.execute("SET ROLE NONE; ALTER DATABASE " + server.name() + " RESET role");
        } finally {
            server.execute("SET ROLE NONE; DROP OWNED BY " + role + " CASCADE; DROP ROLE " + role);
        }
    }

    @Test
    void sessionThatMayOnlyReadIsRefused(TestDatabase server) throws Exception {
        try (Database db = open(server)) {
            Migrator migrator = migrator(db, TABLE).build();
            try (Connection hold = db.primary().acquire()) {
                assertFalse(hold.isClosed());
            }
            server.server().execute("ALTER DATABASE " + server.name() + " SET default_transaction_read_only = on");
            RuntimeException e = assertThrows(RuntimeException.class, () -> {
                try (Database fresh = open(server)) {
                    migrator(fresh, TABLE).build().migrate();
                }
            });
            assertTrue(e.getMessage().contains("read"), e.getMessage());
            server.server().execute("ALTER DATABASE " + server.name() + " RESET default_transaction_read_only");
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_m"), migrator.migrate().applied());
        }
    }
}
