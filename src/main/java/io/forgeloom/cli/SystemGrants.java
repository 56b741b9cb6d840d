package io.forgeloom.cli;

import io.forgeloom.database.Identifier;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the owner of the system schema grants to a role that uses it and does not migrate: the resource {@code grants.sql},
 * which psql could run as it is, with its two variables filled in. Immutable.
 *
 * @param role whom it is granted to
 * @param schema where the system schema lies
 */
record SystemGrants(Identifier role, Identifier schema) {

    private static final String RESOURCE = "/io/forgeloom/migrate/grants.sql";

    /** As psql writes a variable that is to be quoted as an identifier. */
    private static final Pattern VARIABLE = Pattern.compile(":\"(role|schema)\"");

    /** For psql, with comments. */
    String sql() {
        return filled(template());
    }

    /** For programs: {@code {"ok":true,"role":…,"schema":…,"statements":[…]}}. */
    String json() {
        StringBuilder json = new StringBuilder("{\"ok\":true,\"role\":");
        JsonReport.appendString(json, role.name());
        json.append(",\"schema\":");
        JsonReport.appendString(json, schema.name());
        json.append(",\"statements\":[");
        String separator = "\n  ";
        for (String statement : statements()) {
            json.append(separator);
            JsonReport.appendString(json, statement);
            separator = ",\n  ";
        }
        return json.append("\n]}").toString();
    }

    /** Each stands on a line of its own in the resource; not so in the text, since names may hold line breaks. */
    private List<String> statements() {
        return template()
                .lines()
                .filter(line -> line.startsWith("GRANT "))
                .map(this::filled)
                .toList();
    }

    private String filled(String text) {
        return VARIABLE.matcher(text)
                .replaceAll(variable ->
                        Matcher.quoteReplacement((variable.group(1).equals("role") ? role : schema).quoted()));
    }

    private static String template() {
        try (InputStream content = SystemGrants.class.getResourceAsStream(RESOURCE)) {
            if (content == null) {
                throw new IllegalStateException("this build has no resource " + RESOURCE);
            }
            return new String(content.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(RESOURCE + " cannot be read", e);
        }
    }
}
