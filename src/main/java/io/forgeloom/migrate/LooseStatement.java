package io.forgeloom.migrate;

import io.forgeloom.migrate.SqlScanner.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a statement that runs without a transaction: how to go on if it was begun and nobody knows how it
 * ended.
 *
 * @param recovery what to do then
 * @param index the name of the index that it creates, as it is written; null if it creates none
 * @param table the table of that index, as it is written
 */
record LooseStatement(
        Recovery recovery, @Nullable String index, @Nullable String table) {

    /** What makes it right to run the statement again. */
    enum Recovery {
        /** {@code CREATE INDEX CONCURRENTLY}: leaves an invalid index, which must go first. */
        DROP_INVALID_INDEX,
        /** {@code DROP INDEX CONCURRENTLY}: done, if there is no such index any more. */
        DONE_IF_GONE,
        /** Running it twice is the same as once. */
        RUN_AGAIN,
        /** Nobody can tell from outside, as with a procedure that commits. */
        ASK
    }

    private static final Set<String> REPEATABLE = Set.of("vacuum", "analyze", "refresh", "checkpoint", "cluster");

    private static final int LOOKED_AT = 12;

    /** One token: a keyword in lower case, and as it is written. */
    private record Part(String word, String text) {}

    /** Reads the beginning of a statement that has passed the splitter. */
    static LooseStatement of(SqlStatement statement) throws ScriptException {
        List<Part> parts = parts(statement);
        String first = word(parts, 0);
        if (first.equals("create")) {
            int index = word(parts, 1).equals("unique") ? 2 : 1;
            if (word(parts, index).equals("index") && word(parts, index + 1).equals("concurrently")) {
                return createIndex(parts, index + 2, statement);
            }
        }
        if (first.equals("drop")
                && word(parts, 1).equals("index")
                && word(parts, 2).equals("concurrently")) {
            return new LooseStatement(Recovery.DONE_IF_GONE, null, null);
        }
        boolean repeatable = REPEATABLE.contains(first)
                || (first.equals("alter") && word(parts, 1).equals("system"))
                || asksForExistence(parts);
        return new LooseStatement(repeatable ? Recovery.RUN_AGAIN : Recovery.ASK, null, null);
    }

    private static LooseStatement createIndex(List<Part> parts, int from, SqlStatement statement)
            throws ScriptException {
        int name = word(parts, from).equals("if") ? from + 3 : from;
        if (word(parts, name).equals("on")) {
            throw new ScriptException(
                    statement.line(),
                    "an index that is created concurrently needs a name, by which it is found again after a crash");
        }
        // Behind it stand ON and the table, perhaps with ONLY before and a schema in it.
        int table = word(parts, name + 2).equals("only") ? name + 3 : name + 2;
        int end = table + 1;
        while (end + 1 < parts.size() && parts.get(end).text.equals(".")) {
            end += 2;
        }
        if (end > parts.size() || parts.get(name).text.toLowerCase(Locale.ROOT).startsWith("u&")) {
            throw new ScriptException(statement.line(), "the name of the index cannot be made out; write it plainly");
        }
        StringBuilder qualified = new StringBuilder();
        parts.subList(table, end).forEach(part -> qualified.append(part.text));
        return new LooseStatement(Recovery.DROP_INVALID_INDEX, parts.get(name).text, qualified.toString());
    }

    /** IF EXISTS or IF NOT EXISTS somewhere in its beginning. */
    private static boolean asksForExistence(List<Part> parts) {
        for (int i = 0; i + 1 < parts.size(); i++) {
            int next = word(parts, i + 1).equals("not") ? i + 2 : i + 1;
            if (word(parts, i).equals("if") && word(parts, next).equals("exists")) {
                return true;
            }
        }
        return false;
    }

    private static List<Part> parts(SqlStatement statement) throws ScriptException {
        SqlScanner scanner = new SqlScanner(statement.text(), true);
        List<Part> parts = new ArrayList<>();
        for (Token token = scanner.next(); token != Token.END && parts.size() < LOOKED_AT; token = scanner.next()) {
            String text = statement.text().substring(scanner.start(), scanner.end());
            parts.add(new Part(token == Token.WORD ? text.toLowerCase(Locale.ROOT) : "", text));
        }
        return parts;
    }

    private static String word(List<Part> parts, int index) {
        return index < parts.size() ? parts.get(index).word : "";
    }
}
