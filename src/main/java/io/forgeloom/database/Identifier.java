package io.forgeloom.database;

import io.forgeloom.error.ConfigurationException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;

/**
 * A name that may enter SQL: of a schema, a table, a column, a trigger. PostgreSQL cuts a longer name short without an
 * error, keeps the prefix {@code pg_} for itself and knows no NUL; here each of them is refused. Its text form is the
 * quoted one, so that {@code "ANALYZE " + table} is right for whatever name: case, spaces, keywords and quotes are kept,
 * and nothing of it is taken for SQL. Its twin in SQL, {@code forge_validate_identifier} of the system schema, gives the same
 * verdict.
 *
 * <p>Immutable, safe for use by many threads.
 *
 * @param name the name as it is, without quotes: 1 to 63 bytes of UTF-8, not beginning with {@code pg_}
 */
public record Identifier(String name) implements Serializable {

    /** NAMEDATALEN - 1, which is compiled into the server. */
    private static final int MAX_BYTES = 63;

    /** So much of a refused name is shown: it may come from anywhere and be of any length. */
    private static final int SHOWN = 80;

    /**
     * Checks the name.
     *
     * @throws ConfigurationException saying which name it is and what is wrong with it
     */
    public Identifier {
        if (name.isEmpty()) {
            throw refused(name, "it must not be empty");
        }
        if (name.indexOf('\0') >= 0) {
            throw refused(name, "it must not have a NUL character");
        }
        // Would be sent as a question mark, and two names be one.
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
            throw refused(name, "it has half of a surrogate pair, which is no character");
        }
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_BYTES) {
            throw refused(name, "it has " + bytes + " bytes of UTF-8; PostgreSQL keeps " + MAX_BYTES);
        }
        // As the server compares: "PG_x" in quotes is nobody's.
        if (name.startsWith("pg_")) {
            throw refused(name, "PostgreSQL keeps the prefix pg_ for itself");
        }
    }

    private static ConfigurationException refused(String name, String why) {
        String shown = name.length() <= SHOWN ? name : name.substring(0, SHOWN) + "…";
        return new ConfigurationException("identifier", "\"" + shown.replaceAll("\\p{Cntrl}", "?") + "\": " + why);
    }

    /** The name in double quotes, as it stands in SQL. */
    public String quoted() {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    /** As {@link #quoted()}. */
    @Override
    public String toString() {
        return quoted();
    }
}
