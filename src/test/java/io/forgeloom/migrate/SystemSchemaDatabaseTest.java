package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Identifier;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What every file of the system schema must be: at home in any schema, deaf to its caller's path, and removable. */
@WithDatabase
class SystemSchemaDatabaseTest {

    private static final Identifier HOME = new Identifier("Odd \"Schema");

    /** Everything that a script can make and that outlives its session. */
    private static final List<String> CATALOGS = List.of(
            "pg_am",
            "pg_cast",
            "pg_class",
            "pg_collation",
            "pg_constraint",
            "pg_conversion",
            "pg_default_acl",
            "pg_event_trigger",
            "pg_extension",
            "pg_foreign_data_wrapper",
            "pg_foreign_server",
            "pg_language",
            "pg_namespace",
            "pg_opclass",
            "pg_operator",
            "pg_opfamily",
            "pg_policy",
            "pg_proc",
            "pg_publication",
            "pg_rewrite",
            "pg_statistic_ext",
            "pg_transform",
            "pg_trigger",
            "pg_ts_config",
            "pg_ts_dict",
            "pg_type");

    /** Those that are not the server's own, as {@code catalog identity}. */
    private static TreeSet<String> objects(Connection connection) throws SQLException {
        String query = CATALOGS.stream()
                .map(catalog -> "SELECT '" + catalog + " ' || (pg_identify_object(tableoid, oid, 0)).identity FROM "
                        + catalog + " WHERE oid >= 16384")
                .collect(Collectors.joining(" UNION ALL "));
        return new TreeSet<>(column(connection, query));
    }

    private static List<String> column(Connection connection, String query) throws SQLException {
        List<String> values = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(query)) {
            while (rows.next()) {
                values.add(rows.getString(1));
            }
        }
        return values;
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void applied(TestDatabase database, Connection connection) throws Exception {
        execute(connection, "CREATE SCHEMA " + HOME);
        SystemSchemaFiles.apply(database.url(), HOME);
    }

    @Test
    void removalLeavesNothingAndTakesNothingElse(TestDatabase database) throws Exception {
        try (Connection connection = database.connect()) {
            execute(connection, "CREATE SCHEMA " + HOME + "; CREATE TABLE " + HOME + ".account (id int PRIMARY KEY)");
            TreeSet<String> before = objects(connection);
            SystemSchemaFiles.run(connection, HOME, SystemSchemaFiles.removal());
            assertEquals(before, objects(connection), "where there is nothing, nothing is removed");

            SystemSchemaFiles.apply(database.url(), HOME);
            TreeSet<String> applied = objects(connection);
            assertTrue(applied.contains("pg_proc \"Odd \"\"Schema\".forge_validate_identifier(pg_catalog.text)"));
            SystemSchemaFiles.run(connection, HOME, SystemSchemaFiles.removal());
            assertEquals(before, objects(connection), "remove.sql forgets these");

            // What remove.sql does not know is seen here.
            SystemSchemaFiles.run(connection, HOME, "CREATE SEQUENCE forge_later");
            SystemSchemaFiles.run(connection, HOME, SystemSchemaFiles.removal());
            TreeSet<String> left = objects(connection);
            left.removeAll(before);
            assertEquals(List.of("pg_class \"Odd \"\"Schema\".forge_later"), List.copyOf(left));
        }
    }

    @Test
    void everythingIsNamedForgeAndLiesInTheSchema(TestDatabase database) throws Exception {
        try (Connection connection = database.connect()) {
            execute(connection, "CREATE SCHEMA " + HOME);
            TreeSet<String> made = new TreeSet<>(objects(connection));
            SystemSchemaFiles.apply(database.url(), HOME);
            TreeSet<String> after = objects(connection);
            after.removeAll(made);
            after.removeIf(object -> object.contains(" pg_toast.") || object.startsWith("pg_constraint "));
            assertFalse(after.isEmpty());
            for (String object : after) {
                assertTrue(
                        object.matches("\\w+ (forge_\\w+ on )?\"Odd \"\"Schema\"\\.\"?_?forge_.*"),
                        () -> object + ": neither ours by its name nor in the schema");
            }
        }
    }

    @Test
    void whatIsBuiltOnTheSystemSchemaStopsItsRemovalAsAWhole(TestDatabase database) throws Exception {
        try (Connection connection = database.connect()) {
            applied(database, connection);
            execute(
                    connection,
                    "CREATE TABLE mine (name text CHECK (" + HOME + ".forge_validate_identifier(name) = name))");
            TreeSet<String> before = objects(connection);
            SQLException refused = assertThrows(
                    SQLException.class, () -> SystemSchemaFiles.run(connection, HOME, SystemSchemaFiles.removal()));
            assertEquals("2BP01", refused.getSQLState());
            assertTrue(refused.getMessage().contains("table elsewhere.mine"), refused.getMessage());
            assertEquals(before, objects(connection));
        }
    }

    /** Both ways that there are; a file that forgets is refused here, whatever its function does. */
    @Test
    void everyFunctionSaysByWhichSearchPathItIsRead(TestDatabase database) throws Exception {
        try (Connection connection = database.connect()) {
            applied(database, connection);
            List<String> settings = column(
                    connection,
                    "SELECT proname || ' ' || coalesce((SELECT s FROM unnest(proconfig) s WHERE s LIKE 'search_path=%'),"
                            + " 'none') FROM pg_proc WHERE pronamespace = '" + HOME + "'::regnamespace");
            assertFalse(settings.isEmpty());
            for (String setting : settings) {
                assertTrue(
                        setting.endsWith(" search_path=pg_catalog, pg_temp")
                                || setting.endsWith(" search_path=" + HOME + ", pg_temp"),
                        setting);
            }
        }
    }

    /** The caller has functions and temporary ones before those of the server and before ours. */
    @Test
    void decoysOfTheCallerAreNotCalled(TestDatabase database) throws Exception {
        try (Connection connection = database.connect()) {
            applied(database, connection);
            execute(connection, """
                    CREATE SCHEMA decoy;
                    CREATE FUNCTION decoy.forge_validate_identifier(name text) RETURNS text
                        RETURN 'decoy';
                    CREATE FUNCTION decoy.convert_to(a text, b name) RETURNS bytea RETURN 'a'::bytea;
                    CREATE FUNCTION decoy.octet_length(a bytea) RETURNS int RETURN 1;
                    CREATE FUNCTION decoy.starts_with(a text, b text) RETURNS boolean RETURN false;
                    CREATE FUNCTION decoy.always(a int, b int) RETURNS boolean RETURN false;
                    CREATE OPERATOR decoy.> (FUNCTION = decoy.always, LEFTARG = int, RIGHTARG = int);
                    CREATE TEMPORARY TABLE forge_system_migrations (decoy int);
                    SET search_path = decoy, pg_temp, pg_catalog
                    """);
            assertEquals(List.of("f"), column(connection, "SELECT starts_with('pg_', 'pg_')"), "no hostile session");
            for (String name : List.of("", "pg_class", "a".repeat(64))) {
                SQLException refused = assertThrows(
                        SQLException.class,
                        () -> column(connection, "SELECT " + HOME + ".forge_validate_identifier('" + name + "')"),
                        name);
                assertEquals("22023", refused.getSQLState());
            }
            assertEquals(
                    List.of("account"), column(connection, "SELECT " + HOME + ".forge_validate_identifier('account')"));
        }
    }
}
