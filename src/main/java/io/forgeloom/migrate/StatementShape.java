package io.forgeloom.migrate;

import io.forgeloom.migrate.SqlScanner.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * What kind of statement is being read: where its semicolon may stand inside of it, and whether a migration may hold it.
 * Made anew for each statement. Confined to one thread.
 *
 * <p>A semicolon ends a statement everywhere but in two places of the grammar: between the parentheses of
 * {@code CREATE RULE … DO (…; …)}, and in the body {@code BEGIN ATOMIC …; END} of a function. In that body every inner
 * statement ends with a semicolon, and none begins with END: so the END right behind a semicolon, or right behind
 * ATOMIC, closes the body. Any other END closes a CASE or is somebody's name, and needs no counting.
 */
final class StatementShape {

    /** The longest beginning that anything here asks about: SET SESSION name = value. */
    private static final int MOST_LEADING = 5;

    /** Longer than any keyword here, so that a long name is not copied. */
    private static final int LONGEST_WORD = 32;

    private static final Set<String> ENDS_TRANSACTION = Set.of("begin", "start", "commit", "end", "abort");
    private static final Set<String> CLIENT_STREAMS = Set.of("stdin", "stdout");

    private enum Body {
        NONE,
        BEGIN_SEEN,
        OPEN,
        CLOSED
    }

    private final boolean standardStrings;
    private final List<String> leading = new ArrayList<>(MOST_LEADING);
    private int depth;
    private Body body = Body.NONE;
    private boolean atInnerStart;
    private boolean afterCopyDirection;

    StatementShape(boolean standardStrings) {
        this.standardStrings = standardStrings;
    }

    /** Whether a semicolon that comes now is the end. */
    boolean endsAtSemicolon() {
        return body != Body.OPEN && !(depth > 0 && isCreate("rule"));
    }

    /** Takes the next token, a semicolon inside of the statement included. */
    void accept(Token token, SqlScanner scanner) throws ScriptException {
        boolean isWord = token == Token.WORD && scanner.end() - scanner.start() <= LONGEST_WORD;
        String word = isWord ? scanner.word().toLowerCase(Locale.ROOT) : "";
        if (leading.size() < MOST_LEADING) {
            leading.add(isWord ? word : token == Token.STRING ? "'" + scanner.word() : "");
        }
        if (token == Token.OPEN) {
            depth++;
        } else if (token == Token.CLOSE) {
            depth--;
        }
        followBody(token, word);
        followCopy(word, scanner);
    }

    private void followBody(Token token, String word) {
        switch (body) {
            case NONE -> {
                if (word.equals("begin") && depth == 0 && (isCreate("function") || isCreate("procedure"))) {
                    body = Body.BEGIN_SEEN;
                }
            }
            case BEGIN_SEEN -> {
                // A function, a type or a column may be named begin: only the two words together open a body.
                boolean again = word.equals("begin") && depth == 0;
                body = word.equals("atomic") ? Body.OPEN : again ? Body.BEGIN_SEEN : Body.NONE;
                atInnerStart = true;
            }
            case OPEN -> {
                if (atInnerStart && word.equals("end")) {
                    body = Body.CLOSED;
                }
                atInnerStart = token == Token.SEMICOLON;
            }
            case CLOSED -> {
                // Nothing may follow but the end.
            }
        }
    }

    /** Refused at once: the lines behind are data, and may look like anything. */
    private void followCopy(String word, SqlScanner scanner) throws ScriptException {
        if (!leading.getFirst().equals("copy") || depth != 0) {
            return;
        }
        if (afterCopyDirection && CLIENT_STREAMS.contains(word)) {
            throw new ScriptException(
                    scanner.line(),
                    "COPY with the client (" + word.toUpperCase(Locale.ROOT)
                            + ") has no place in a migration; write the rows as INSERT");
        }
        afterCopyDirection = word.equals("from") || word.equals("to");
    }

    /** Asked when the statement is complete. */
    void refuseIfForbidden(int line) throws ScriptException {
        if (isTransactionControl()) {
            throw new ScriptException(
                    line,
                    String.join(" ", leading.subList(0, Math.min(2, leading.size())))
                                    .strip()
                                    .toUpperCase(Locale.ROOT)
                            + " has no place in a migration, whose transaction is not its own; leave it out");
        }
        if (changesStrings()) {
            throw new ScriptException(
                    line,
                    "standard_conforming_strings may not change here: it moves the ends of the strings behind it;"
                            + " write those strings as E'…'");
        }
    }

    /** Whatever begins or ends a transaction; savepoints do not. */
    private boolean isTransactionControl() {
        String first = at(0);
        if (ENDS_TRANSACTION.contains(first)) {
            return true;
        }
        if (first.equals("prepare")) {
            // A prepared statement may have the name transaction; then no string follows.
            return at(1).equals("transaction") && at(2).startsWith("'");
        }
        if (first.equals("rollback")) {
            String second = at(1);
            return !(second.equals("work") || second.equals("transaction") ? at(2) : second).equals("to");
        }
        return false;
    }

    /** Only to another value: every dump sets it to on. */
    private boolean changesStrings() {
        boolean reset = at(0).equals("reset");
        if (!reset && !at(0).equals("set")) {
            return false;
        }
        int name = at(1).equals("session") || at(1).equals("local") ? 2 : 1;
        if (!at(name).equals("standard_conforming_strings")) {
            return false;
        }
        // Behind = or TO; in quotes or without.
        String value = at(name + 2).replace("'", "").toLowerCase(Locale.ROOT);
        return reset
                || !Set.of(standardStrings ? "on" : "off", standardStrings ? "true" : "false")
                        .contains(value);
    }

    private boolean isCreate(String kind) {
        return at(0).equals("create") && (at(1).equals("or") && at(2).equals("replace") ? at(3) : at(1)).equals(kind);
    }

    private String at(int index) {
        return index < leading.size() ? leading.get(index) : "";
    }
}
