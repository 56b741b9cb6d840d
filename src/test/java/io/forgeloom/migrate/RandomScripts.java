package io.forgeloom.migrate;

import java.util.List;
import java.util.Random;
import java.util.function.Supplier;

/** Makes scripts of all quoting forms, each full of what would mislead a splitter that reads the form wrongly. */
final class RandomScripts {

    private static final List<String> NASTY = List.of(
            ";",
            "'",
            "\"",
            "\\",
            "--",
            "/*",
            "*/",
            "$$",
            "$a$",
            "$",
            "e'",
            "(",
            ")",
            "\n",
            "\r\n",
            " ",
            "x",
            "é",
            "😀",
            "BEGIN ATOMIC ",
            "END;",
            "COMMIT;",
            "\\d",
            "1",
            "a$b",
            "\u00a0");

    private static final List<String> BLANKS = List.of(
            " ",
            " ",
            " ",
            " ",
            "\n",
            "\t",
            "\r\n",
            "\f",
            "\u000b ",
            "/* c */",
            "/**/",
            "/* /* ; */ ' */",
            "/*/**/*/",
            "-- ; ' $$ \" \\\n",
            "--\r",
            "/* -- */",
            "/***/ ");

    private static final List<String> TAGS = List.of("$$", "$a$", "$A_1$", "$é$", "$ab$", "$_$");

    private final Random random;
    private final boolean standardStrings;
    private boolean breaking;

    RandomScripts(Random random, boolean standardStrings) {
        this.random = random;
        this.standardStrings = standardStrings;
    }

    /** A script that the server accepts. */
    String valid() {
        StringBuilder script = new StringBuilder(maybeBlank());
        int statements = random.nextInt(5);
        for (int i = 0; i < statements; i++) {
            script.append(statement()).append(maybeBlank());
            script.append(i + 1 < statements || random.nextBoolean() ? ";" : "").append(maybeBlank());
        }
        return script.toString();
    }

    /** A script with some characters changed: mostly one that the server refuses. */
    String broken() {
        breaking = true;
        StringBuilder script = new StringBuilder(valid());
        breaking = false;
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = between(script, random.nextInt(script.length() + 1));
            int end = between(script, Math.min(script.length(), at + random.nextInt(3)));
            script.replace(at, end, random.nextInt(4) == 0 ? literal() : pick(NASTY));
        }
        return script.toString();
    }

    /** The place, or the one before it in the middle of a character: half of one cannot be sent, nor be in a migration. */
    private static int between(StringBuilder script, int at) {
        return at < script.length() && Character.isLowSurrogate(script.charAt(at)) ? at - 1 : at;
    }

    private String statement() {
        return switch (random.nextInt(24)) {
            case 0 -> "";
            // A broken block would be refused by another lexer, with the words of this one.
            case 1 -> breaking ? select() : words("DO", literalText("BEGIN NULL; END"));
            case 2 -> function();
            case 3 -> function();
            case 4 -> words("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS", literalText("SELECT 'a;'; SELECT 'b'"));
            case 5 -> rule();
            case 6 -> words("SAVEPOINT", name());
            case 7 -> words("COMMENT ON SCHEMA elsewhere IS", literal());
            case 8 -> words("VALUES", "(", expression(), ")", ",", "(", expression(), ")");
            case 9 -> words("SET LOCAL", "\"my.setting\"", "TO", literal());
            case 10 -> words("WITH w AS (", select(), ") SELECT * FROM w");
            default -> select();
        };
    }

    private String select() {
        StringBuilder select = new StringBuilder(words("SELECT", expression(), "AS", name()));
        for (int i = random.nextInt(3); i > 0; i--) {
            select.append(maybeBlank()).append(',').append(maybeBlank()).append(words(expression(), "AS", name()));
        }
        return select.toString();
    }

    /** Bodies in which every END is somebody else's: of a CASE, a label, a column, a function. */
    private String function() {
        StringBuilder body = new StringBuilder();
        for (int i = random.nextInt(3); i >= 0; i--) {
            body.append(blank())
                    .append(innerStatement())
                    .append(maybeBlank())
                    .append(';')
                    .append(maybeBlank());
        }
        String head = pick(List.of(
                "CREATE FUNCTION f() RETURNS text",
                "CREATE OR REPLACE FUNCTION f() RETURNS text",
                "CREATE FUNCTION begin(begin int, atomic int) RETURNS text LANGUAGE sql",
                "create or replace function f() returns text language sql set my.x to begin"));
        if (random.nextInt(4) == 0) {
            return words("CREATE PROCEDURE p() LANGUAGE sql BEGIN", "ATOMIC", "END");
        }
        if (random.nextInt(6) == 0) {
            return words("CREATE FUNCTION begin() RETURNS text RETURN", literal());
        }
        return words(head, "BEGIN", "atomic", body + "SELECT 'x'::text;" + maybeBlank() + "END");
    }

    private String innerStatement() {
        return pick(List.<Supplier<String>>of(
                        this::select,
                        () -> words("SELECT CASE WHEN true THEN", literal(), "END"),
                        () -> "SELECT 1 end",
                        () -> "SELECT 1 AS case, 2 AS end",
                        () -> "SELECT t.end FROM (SELECT 1 AS end) t",
                        () -> "SELECT begin atomic FROM (SELECT 1 AS begin) t",
                        () -> "SELECT CASE 1 WHEN 1 THEN CASE WHEN false THEN 2 END END AS begin"))
                .get();
    }

    private String rule() {
        String table = "t" + Math.abs(random.nextInt());
        return "CREATE TEMP TABLE " + table + "(a text);"
                + words(
                        "CREATE",
                        random.nextBoolean() ? "OR REPLACE RULE" : "RULE",
                        name(),
                        "AS ON INSERT TO " + table + " DO ALSO",
                        "(",
                        "DELETE FROM " + table + " WHERE a =",
                        expression() + "::text",
                        ";",
                        "NOTIFY x",
                        random.nextBoolean() ? ";" : "",
                        ")");
    }

    private String expression() {
        return switch (random.nextInt(9)) {
            case 0 -> "1 - -1";
            case 1 -> words("2 +", "3") + "*/* c */4";
            case 2 -> words("CASE WHEN true THEN", literal(), "END");
            case 3 -> "(" + maybeBlank() + literal() + maybeBlank() + ")";
            case 4 -> words("1.5e3 -", "1") + "--;'\n";
            case 5 -> words("ARRAY[", "1", "]");
            default -> literal();
        };
    }

    private String name() {
        return switch (random.nextInt(6)) {
            case 0 -> "\"" + content("a").replace("\"", "\"\"") + "\"";
            case 1 -> "U&\"b" + content("").replace("\\", "\\\\").replace("\"", "\"\"") + "\"";
            case 2 -> "a$b$c" + random.nextInt(9);
            case 3 -> "é$\u00a0";
            case 4 -> "e";
            default -> "n_1";
        };
    }

    private String literal() {
        return literalText(content(""));
    }

    /** A text in any form that can hold it. */
    private String literalText(String text) {
        String quoted = text.replace("'", "''");
        String plain = standardStrings ? quoted : quoted.replace("\\", "\\\\");
        String escaped = text.replace("\\", "\\\\").replace("'", random.nextBoolean() ? "\\'" : "''");
        return switch (random.nextInt(9)) {
            case 0, 1 -> (random.nextBoolean() ? "E'" : "e'") + escaped + "'";
            case 2 -> standardStrings ? "U&'" + quoted.replace("\\", "\\\\") + "'" : "'" + plain + "'";
            case 3 -> "N'" + plain + "'";
            case 4 -> "'" + plain + "'" + newline() + "'" + "'";
            case 5 -> "E''" + newline() + "'" + escaped + "'";
            case 6, 7 -> dollarQuoted(text);
            default -> "'" + plain + "'";
        };
    }

    private String dollarQuoted(String text) {
        for (String tag : TAGS.subList(random.nextInt(TAGS.size()), TAGS.size())) {
            // The tag may also arise from the end of the text and the first dollar behind it.
            if ((text + tag).indexOf(tag) == text.length()) {
                return tag + text + tag;
            }
        }
        return "$other_tag$" + text + "$other_tag$";
    }

    /** What a string may continue over. */
    private String newline() {
        return pick(List.of("\n", "\r\n", " \t\n ", " -- ; '\n", "\n-- '\n--\n", "\f\r"));
    }

    private String content(String least) {
        StringBuilder content = new StringBuilder(least);
        for (int i = random.nextInt(6); i > 0; i--) {
            content.append(pick(NASTY));
        }
        return content.toString();
    }

    private String words(String... words) {
        StringBuilder text = new StringBuilder();
        for (String word : words) {
            text.append(text.isEmpty() ? "" : blank()).append(word);
        }
        return text.toString();
    }

    private String blank() {
        return pick(BLANKS) + (random.nextInt(8) == 0 ? pick(BLANKS) : "");
    }

    private String maybeBlank() {
        return random.nextInt(3) == 0 ? blank() : "";
    }

    private <T> T pick(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}
