package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.WithDatabase;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** {@code forge_validate_identifier} and {@link Identifier} say the same of every name. */
@WithDatabase
class IdentifierAgreementTest {

    private static final Identifier HOME = new Identifier("elsewhere");
    private static final List<String> PIECES = List.of(
            "a", "Z", "_", "é", "ß", "线", "🐘", "\"", "'", "\\", "$", "%", " ", "\n", "\u001b", "pg_", "İ", "e\u0301");

    private static final int NAMES = 10_000;
    private static final int A_TRIP = 100;

    /** Turns a refusal into text, so that a round trip can ask for many: null, or the SQLSTATE and the message. */
    private static final String JUDGE = """
            CREATE FUNCTION pg_temp.judge(name text) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                RETURN CASE WHEN elsewhere.forge_validate_identifier(name) IS DISTINCT FROM name THEN 'changed' END;
            EXCEPTION WHEN OTHERS THEN
                RETURN SQLSTATE || ' ' || SQLERRM;
            END
            $$
            """;

    private static Connection prepared(TestServer server, String database) throws Exception {
        Connection connection = server.connect(database);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE SCHEMA IF NOT EXISTS elsewhere");
            SystemSchemaFiles.apply(server.url(database), HOME);
            statement.execute(JUDGE);
        }
        return connection;
    }

    private static List<@Nullable String> verdicts(Connection connection, List<String> names) throws SQLException {
        List<@Nullable String> verdicts = new ArrayList<>();
        try (PreparedStatement question = connection.prepareStatement(
                "SELECT pg_temp.judge(name) FROM unnest(?::text[]) WITH ORDINALITY n(name, i) ORDER BY i")) {
            question.setArray(1, connection.createArrayOf("text", names.toArray()));
            try (ResultSet rows = question.executeQuery()) {
                while (rows.next()) {
                    verdicts.add(rows.getString(1));
                }
            }
        }
        assertEquals(names.size(), verdicts.size());
        return verdicts;
    }

    private static boolean accepts(String name) {
        try {
            return new Identifier(name).name().equals(name);
        } catch (ConfigurationException e) {
            return false;
        }
    }

    @Test
    void bothSayTheSameOfRandomNames(TestDatabase database) throws Exception {
        Random random = new Random(20_261_121);
        Set<String> reasons = new HashSet<>();
        int accepted = 0;
        try (Connection connection = prepared(database, database.name())) {
            for (int i = 0; i < NAMES; i += A_TRIP) {
                List<String> names = new ArrayList<>();
                for (int j = 0; j < A_TRIP; j++) {
                    names.add(name(random));
                }
                List<@Nullable String> verdicts = verdicts(connection, names);
                for (int j = 0; j < A_TRIP; j++) {
                    String name = names.get(j);
                    String verdict = verdicts.get(j);
                    assertEquals(accepts(name), verdict == null, () -> "\"" + name + "\": " + verdict);
                    if (verdict == null) {
                        accepted++;
                    } else {
                        assertTrue(verdict.startsWith("22023 identifier \""), verdict);
                        assertTrue(verdict.codePointCount(0, verdict.length()) < 200, verdict);
                        assertTrue(verdict.chars().noneMatch(c -> c < ' ' || c == 0x7f), verdict);
                        reasons.add(verdict.replaceFirst("(?s).*\": ", "").replaceFirst("\\d+ bytes of", "N bytes of"));
                    }
                }
            }
        }
        // All sides of the question came up.
        assertTrue(accepted > NAMES / 10 && accepted < NAMES * 9 / 10, accepted + " accepted");
        assertEquals(3, reasons.size(), reasons::toString);
    }

    private static String name(Random random) {
        StringBuilder name = new StringBuilder();
        name.append(
                switch (random.nextInt(8)) {
                    case 0 -> "pg_";
                    case 1 ->
                        List.of("PG_", "Pg_", "pg", " pg_", "p\u0261_", "pg\u2017")
                                .get(random.nextInt(6));
                    default -> "";
                });
        if (random.nextInt(10) == 0) {
            return random.nextBoolean() ? name.toString() : name + "x".repeat(random.nextInt(10_000));
        }
        // Ends on both sides of the bound, since nearly all that can go wrong is there.
        int bytes = random.nextInt(4) == 0 ? random.nextInt(60) : 58 + random.nextInt(8);
        while (name.toString().getBytes(StandardCharsets.UTF_8).length < bytes) {
            name.append(PIECES.get(random.nextInt(PIECES.size())));
        }
        return name.toString();
    }

    @Test
    void aRefusalNamesTheValueTheBoundAndTheRemedy(TestDatabase database) throws Exception {
        try (Connection connection = prepared(database, database.name())) {
            List<@Nullable String> verdicts =
                    verdicts(connection, Arrays.asList("x".repeat(100), "", "pg_\u001b[31m", null, "x".repeat(63)));
            assertEquals(
                    Arrays.asList(
                            "22023 identifier \"" + "x".repeat(80)
                                    + "...\": it has 100 bytes of UTF-8; PostgreSQL keeps 63: shorten it",
                            "22023 identifier \"\": it must not be empty; give a name of 1 to 63 bytes",
                            "22023 identifier \"pg_?[31m\": PostgreSQL keeps the prefix pg_ for itself: choose another name",
                            "22023 identifier NULL: it must not be null; give a name of 1 to 63 bytes",
                            null),
                    verdicts);
        }
    }

    /** Bytes are counted as Java counts them, although this server keeps one for each of these letters. */
    @Test
    void aDatabaseOfAnotherEncodingGivesTheSameVerdict(TestDatabase database) throws Exception {
        String latin = database.name() + "_latin1";
        database.execute("CREATE DATABASE " + latin + " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        try (Connection connection = prepared(SharedServer.get(), latin)) {
            List<String> names = List.of("é".repeat(31), "é".repeat(32), "pg_é", "é\u001b".repeat(60));
            List<@Nullable String> verdicts = verdicts(connection, names);
            for (int i = 0; i < names.size(); i++) {
                assertEquals(accepts(names.get(i)), verdicts.get(i) == null, names.get(i) + ": " + verdicts.get(i));
            }
        } finally {
            database.execute("DROP DATABASE " + latin + " WITH (FORCE)");
        }
    }
}
