package io.forgeloom.migrate;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the comments of a migration tell the runner. The header is the run of blank lines and {@code --} comments that a
 * file begins with; {@code -- @transactional false} in it is the one directive. {@code -- @up} is a comment like others.
 */
final class MigrationHeader {

    private static final Pattern DIRECTIVE =
            Pattern.compile("--\\s*@transactional\\s*=?\\s*(.*)", Pattern.CASE_INSENSITIVE);

    /** How other tools, and an earlier Forge, mark the part that undoes: here it would run right after the other. */
    private static final Pattern DOWN = Pattern.compile(
            "^[ \\t]*--[ \\t]*(@down|\\+goose down|\\+migrate down|migrate:down)\\b",
            Pattern.CASE_INSENSITIVE | Pattern.MULTILINE);

    private MigrationHeader() {}

    /** Whether the file runs in a transaction. Defaults to true. */
    static boolean transactional(String text) throws ScriptException {
        @Nullable Boolean transactional = null;
        int number = 0;
        for (String line : (Iterable<String>) text.lines()::iterator) {
            number++;
            String content = line.strip();
            if (!content.isEmpty() && !content.startsWith("--")) {
                break;
            }
            Matcher directive = DIRECTIVE.matcher(content);
            if (directive.matches()) {
                if (transactional != null) {
                    throw new ScriptException(number, "@transactional stands here for the second time");
                }
                transactional = value(directive.group(1), number);
            }
        }
        return transactional == null || transactional;
    }

    private static boolean value(String text, int line) throws ScriptException {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "yes", "1" -> true;
            case "false", "no", "0" -> false;
            default -> throw new ScriptException(line, "@transactional is true or false, and not \"" + text + "\"");
        };
    }

    /** Migrations go forward only. */
    static void refuseDownPart(String text) throws ScriptException {
        Matcher down = DOWN.matcher(text);
        if (down.find()) {
            throw new ScriptException(
                    new SqlStatement(text, 1).lineOf(text.codePointCount(0, down.start(1)) + 1),
                    "a part that undoes the migration would run here, right after it; leave it out,"
                            + " and undo by a migration of its own");
        }
    }
}
