package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Identifier;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** "The owner migrates, the application writes": what {@code forge doctor --grants} prints is enough, and not too much. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class DoctorGrantsTest {

    private static final Identifier HOME = new Identifier("Odd \"Schema :\"role\"");

    private Identifier owner;
    private Identifier application;

    /** Roles belong to the whole server, so they have names of their own. */
    @BeforeEach
    void createRoles(TestDatabase database) throws SQLException {
        owner = new Identifier(database.name() + "_owner");
        application = new Identifier(database.name() + " \"ä':\"schema\"\n;");
        database.execute("CREATE ROLE " + owner + "; CREATE ROLE " + application);
    }

    @AfterEach
    void dropRoles(TestDatabase database) throws SQLException {
        database.execute(
                "DROP OWNED BY " + owner + ", " + application + " CASCADE; DROP ROLE " + owner + ", " + application);
    }

    private String url(TestDatabase database) {
        String path = URLEncoder.encode("-c search_path=" + HOME.quoted().replace(" ", "\\ "), StandardCharsets.UTF_8);
        return database.url() + "&options=" + path.replace("+", "%20");
    }

    /** As the owner, with the rights of nobody else. */
    private void applyAsOwner(TestDatabase database) throws Exception {
        database.execute("CREATE SCHEMA " + HOME + " AUTHORIZATION " + owner);
        try (Connection connection = as(database, owner)) {
            // The owner of a schema, who may create no other.
            SystemSchemaFiles.apply(database.url() + "&options=-c%20role%3D" + owner.name(), HOME);
            // Where an administrator has taken away what PostgreSQL gives to everybody.
            execute(connection, "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA " + HOME + " FROM PUBLIC");
        }
    }

    private static Connection as(TestDatabase database, Identifier role) throws SQLException {
        Connection connection = database.connect();
        execute(connection, "SET SESSION AUTHORIZATION " + role);
        return connection;
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false);
            statement.execute(sql);
        }
    }

    private static void refused(Connection connection, String sql) {
        assertEquals(
                "42501",
                assertThrows(SQLException.class, () -> execute(connection, sql), sql)
                        .getSQLState());
    }

    @Test
    void whatIsPrintedLetsTheApplicationWorkAndNotWriteTheHistory(TestDatabase database) throws Exception {
        applyAsOwner(database);
        ForgeRun run = ForgeRun.of("doctor", "--url", url(database), "--grants", application.name());
        assertEquals(0, run.exitCode(), run.err());
        assertEquals("", run.err());

        String read = "SELECT version, applied_at, checksum FROM " + HOME + ".forge_system_migrations";
        String call = "SELECT " + HOME + ".forge_validate_identifier('account')";
        try (Connection connection = as(database, application)) {
            refused(connection, read);
            refused(connection, call);
            try (Connection ownersConnection = as(database, owner)) {
                execute(ownersConnection, run.out());
            }
            execute(connection, read);
            execute(connection, call);
            for (String write : List.of(
                    "INSERT INTO HISTORY (version, checksum) VALUES ('__forge_v999', 'x')",
                    "UPDATE HISTORY SET checksum = 'x'",
                    "DELETE FROM HISTORY",
                    "TRUNCATE HISTORY",
                    "DROP TABLE HISTORY")) {
                refused(connection, write.replace("HISTORY", HOME + ".forge_system_migrations"));
            }
            refused(connection, "CREATE TABLE " + HOME + ".mine (id int)");
            refused(connection, "DROP FUNCTION " + HOME + ".forge_validate_identifier");
        }
    }

    /** A later file that makes something must say in grants.sql what the application needs of it, if only "nothing". */
    @Test
    void everyObjectOfTheSystemSchemaIsMentionedInTheGrants(TestDatabase database) throws Exception {
        applyAsOwner(database);
        String grants = SystemSchemaFiles.grants();
        List<String> forgotten = new ArrayList<>(objects(database));
        assertTrue(forgotten.contains("FUNCTION :\"schema\".forge_validate_identifier(text)"), forgotten::toString);
        forgotten.removeIf(object -> mentioned(object, grants));
        assertEquals(
                List.of(), forgotten, "grants.sql has to GRANT something on these, or to say: -- Nothing on …: why");

        database.execute("CREATE TABLE " + HOME + ".forge_system (id bigserial)");
        List<String> later = objects(database);
        later.removeIf(object -> mentioned(object, grants));
        assertEquals(List.of("SEQUENCE :\"schema\".forge_system_id_seq", "TABLE :\"schema\".forge_system"), later);
    }

    private static boolean mentioned(String object, String grants) {
        return grants.lines()
                .anyMatch(line -> line.startsWith("GRANT ") && line.contains(" ON " + object + " TO :\"role\";")
                        || line.startsWith("-- Nothing on " + object + ": "));
    }

    /** As GRANT names them; a sequence that belongs to an identity column needs none. */
    private static List<String> objects(TestDatabase database) throws SQLException {
        List<String> objects = new ArrayList<>();
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("""
                        SELECT 'FUNCTION :"schema".' || proname || '(' || oidvectortypes(proargtypes) || ')'
                          FROM pg_proc WHERE pronamespace = $schema$%1$s$schema$::regnamespace
                        UNION ALL
                        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END || ' :"schema".' || relname
                          FROM pg_class WHERE relnamespace = $schema$%1$s$schema$::regnamespace
                           AND relkind NOT IN ('i', 'I', 't', 'c')
                           AND NOT EXISTS (SELECT FROM pg_depend d
                                            WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid
                                              AND relkind = 'S' AND d.deptype = 'i')
                        UNION ALL
                        SELECT 'TYPE :"schema".' || typname
                          FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                         WHERE typnamespace = $schema$%1$s$schema$::regnamespace
                           AND (typtype IN ('d', 'e', 'r') OR c.relkind = 'c')
                         ORDER BY 1
                        """.formatted(HOME.quoted()))) {
            while (rows.next()) {
                objects.add(rows.getString(1));
            }
        }
        return objects;
    }

    @Test
    void jsonHasTheSameStatements(TestDatabase database) throws Exception {
        applyAsOwner(database);
        ForgeRun run = ForgeRun.doctor("--url", url(database), "--grants", application.name());
        assertEquals(0, run.exitCode(), run.out());
        Map<?, ?> json = (Map<?, ?>) JsonText.read(run.out());
        assertEquals(List.of("ok", "role", "schema", "statements"), List.copyOf(json.keySet()));
        assertEquals(true, json.get("ok"));
        assertEquals(application.name(), json.get("role"));
        assertEquals(HOME.name(), json.get("schema"));
        List<?> statements = (List<?>) json.get("statements");
        assertEquals("GRANT USAGE ON SCHEMA " + HOME + " TO " + application + ";", statements.getFirst());
        try (Connection connection = as(database, owner)) {
            for (Object statement : statements) {
                execute(connection, (String) statement);
            }
        }
        String all = ForgeRun.of("doctor", "--url", url(database), "--grants", application.name())
                .out();
        assertTrue(statements.stream().allMatch(statement -> all.contains((String) statement)), all);
        assertEquals(all.split("GRANT ", -1).length - 1, statements.size());
    }

    @Test
    void schemaIsNamedByTheOptionAsWellAsByTheUrl(TestDatabase database) throws Exception {
        applyAsOwner(database);
        String[] byOption = {"doctor", "--url", database.url(), "--grants", application.name(), "--schema", HOME.name()
        };
        ForgeRun run = ForgeRun.of(byOption);
        assertEquals(0, run.exitCode(), run.err());
        String byUrl = ForgeRun.of("doctor", "--url", url(database), "--grants", application.name())
                .out();
        assertEquals(byUrl, run.out());

        ForgeRun useless = ForgeRun.of("doctor", "--url", database.url(), "--schema", "x");
        assertEquals(2, useless.exitCode());
        assertTrue(useless.err().contains("--schema: is for --grants"), useless.err());
        ForgeRun tooLong =
                ForgeRun.of("doctor", "--url", database.url(), "--grants", "app", "--schema", "x".repeat(64));
        assertEquals(2, tooLong.exitCode());
        assertTrue(tooLong.err().contains("--schema: \"xxx"), tooLong.err());
    }

    @Test
    void withoutASystemSchemaOrARoleNothingIsPrinted(TestDatabase database) throws Exception {
        ForgeRun run = ForgeRun.of("doctor", "--url", database.url(), "--grants", "public");
        assertEquals(1, run.exitCode());
        assertEquals("", run.out());
        String words = run.err().replaceAll("\\s+", " ");
        assertTrue(words.contains("schema \"elsewhere\" has no table forge_system_migrations"), run.err());
        assertTrue(words.contains("currentSchema=NAME"), run.err());
        // GRANT would take it for everybody.
        assertTrue(words.contains("there is no role \"public\""), run.err());

        ForgeRun json = ForgeRun.doctor("--url", database.url(), "--grants", "nobody");
        assertEquals(List.of("schema", "role"), List.copyOf(json.checks().keySet()));
        assertFalse(json.check("role").ok());

        ForgeRun named = ForgeRun.doctor("--url", database.url(), "--grants", "nobody", "--schema", "Nowhere");
        assertTrue(named.check("schema").detail().contains("there is no schema \"Nowhere\""), named.out());

        ForgeRun nowhere = ForgeRun.doctor("--url", database.url() + "&currentSchema=nowhere", "--grants", "nobody");
        assertTrue(nowhere.check("schema").detail().contains("search_path"), nowhere.out());
    }

    @Test
    void roleThatNoServerCanHaveIsAUsageErrorAndAskedOfNone() {
        for (String role : List.of("", "pg_monitor", "x".repeat(64))) {
            ForgeRun run = ForgeRun.of("doctor", "--url", "postgres://127.0.0.1:1/app", "--grants", role);
            assertEquals(2, run.exitCode(), role);
            assertEquals("", run.out());
            assertTrue(run.err().contains("identifier: \"" + role), run.err());
        }
    }

    @Test
    void deadAndSilentServersAreProblemsOnStandardErrorOnly(TestDatabase database) {
        ForgeRun dead = ForgeRun.of("doctor", "--url", "postgres://app:hunter2@127.0.0.1:1/app", "--grants", "app");
        assertEquals(1, dead.exitCode());
        assertEquals("", dead.out());
        assertTrue(dead.err().contains("refused"), dead.err());
        assertFalse(dead.err().contains("hunter2"), dead.err());
        try (FaultyLink link = FaultyLink.to(database)) {
            link.blackhole(false, true);
            ForgeRun silent = ForgeRun.of("doctor", "--timeout", "1", "--url", link.url(), "--grants", "app");
            assertEquals(1, silent.exitCode());
            assertEquals("", silent.out());
            assertTrue(silent.err().contains("no session within 1 s"), silent.err());
        }
    }
}
