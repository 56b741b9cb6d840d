package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.testing.SharedServer;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IdentifierTest {

    /** 63 bytes in 42 characters. */
    private static final String LONGEST = "aé".repeat(21);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "account",
                "Mixed Case",
                "select",
                "a\"b",
                "\"",
                "a'b\\n$tag$",
                "x; DROP TABLE y; --",
                "PG_upper",
                "Größe",
                "线程",
                "🐘",
                "a\nb",
                "aéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaéaé"
            })
    void serverReadsTheSameNameAndQuotesAlike(String name) throws Exception {
        Identifier identifier = new Identifier(name);
        try (Connection connection = SharedServer.get().connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SET quote_all_identifiers = on");
            try (var quote = connection.prepareStatement("SELECT quote_ident(?)")) {
                quote.setString(1, name);
                ResultSet row = quote.executeQuery();
                assertTrue(row.next());
                assertEquals(row.getString(1), identifier.quoted());
            }
            // A name that is cut short or changed comes back as another one.
            statement.setEscapeProcessing(false);
            ResultSet rows = statement.executeQuery("SELECT 1 AS " + identifier);
            assertEquals(name, rows.getMetaData().getColumnLabel(1));
        }
    }

    @Test
    void lengthIsCountedInBytes() {
        assertEquals(63, LONGEST.getBytes(StandardCharsets.UTF_8).length);
        assertEquals(LONGEST, new Identifier(LONGEST).name());
        refused("a".repeat(64), "64 bytes");
        refused(LONGEST + "a", "64 bytes");
    }

    @Test
    void namesThatTheServerCannotKeepAreRefused() {
        refused("", "empty");
        refused("a\0b", "NUL");
        refused("pg_", "pg_");
        refused("pg_catalog", "pg_");
        refused("a\uD83D", "surrogate");
        assertEquals("pgx", new Identifier("pgx").name());
    }

    @Test
    void aRefusalShowsNoMoreThanItsBeginning() {
        ConfigurationException e =
                assertThrows(ConfigurationException.class, () -> new Identifier("a\u001b[31m" + "b".repeat(1_000_000)));
        String message = String.valueOf(e.getMessage());
        assertTrue(message.length() < 250, message.length() + " characters");
        assertFalse(message.contains("\u001b"), "an escape sequence reaches the terminal");
        assertTrue(message.contains("1000006 bytes"), message);
    }

    private static void refused(String name, String why) {
        ConfigurationException e = assertThrows(ConfigurationException.class, () -> new Identifier(name));
        assertEquals("identifier", e.option());
        assertTrue(String.valueOf(e.getMessage()).contains(why), e.getMessage());
    }
}
