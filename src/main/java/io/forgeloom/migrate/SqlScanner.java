package io.forgeloom.migrate;

/**
 * Reads a script token by token as PostgreSQL 18's lexer does ({@code scan.l}), as far as finding the ends of statements
 * asks for it. Confined to one thread; linear in the length of the script.
 *
 * <p>The invariant: wherever the server sees a string, a quoted name or a comment begin or end, so does this class.
 * Whatever else the server would refuse (a malformed number, a bad escape) passes as some token, for the server to
 * refuse it with its own words.
 */
final class SqlScanner {

    /** What a token is. Only what the splitter tells apart. */
    enum Token {
        /** A keyword or a name without quotes: {@link #word()}. */
        WORD,
        /** Text of any quoting form; {@link #word()} is its raw content. */
        STRING,
        OPEN,
        CLOSE,
        SEMICOLON,
        /** A name in quotes, an operator, a number, a parameter. */
        OTHER,
        END
    }

    private final String sql;
    private final boolean standardStrings;
    private int at;
    private int start;
    private int end;
    private int wordFrom;
    private int wordTo;

    // The line of `counted`, moved forward only, so that all questions together cost one pass.
    private int counted;
    private int line = 1;

    /** @param standardStrings whether a backslash is an ordinary character in {@code '…'} */
    SqlScanner(String sql, boolean standardStrings) {
        this.sql = sql;
        this.standardStrings = standardStrings;
    }

    /** Where the last token begins. */
    int start() {
        return start;
    }

    /** Behind the last token. */
    int end() {
        return end;
    }

    /** The line of the last token's first character, from 1. */
    int line() {
        return lineOf(start);
    }

    /** What the last token says; empty unless it is a word or a string. */
    String word() {
        return sql.substring(wordFrom, wordTo);
    }

    Token next() throws ScriptException {
        end = -1;
        Token token = read();
        if (end < 0) {
            end = at;
        }
        return token;
    }

    private Token read() throws ScriptException {
        skipBlank();
        start = at;
        wordFrom = at;
        wordTo = at;
        if (at >= sql.length()) {
            return Token.END;
        }
        char c = sql.charAt(at);
        if (isWordStart(c)) {
            return prefixedOrWord(c);
        }
        return switch (c) {
            case '\'' -> string(standardStrings ? Quoting.DOUBLED : Quoting.ESCAPED);
            case '"' -> quotedName();
            case '$' -> dollar();
            case '\\' -> throw psqlCommand();
            case ';' -> single(Token.SEMICOLON);
            case '(' -> single(Token.OPEN);
            case ')' -> single(Token.CLOSE);
            default -> c >= '0' && c <= '9' ? number() : single(Token.OTHER);
        };
    }

    private Token single(Token token) {
        at++;
        return token;
    }

    /** White space and comments; the server's white space is these six characters and no other. */
    private void skipBlank() throws ScriptException {
        while (at < sql.length()) {
            char c = sql.charAt(at);
            if (isSpace(c)) {
                at++;
            } else if (sql.startsWith("--", at)) {
                skipLine();
            } else if (sql.startsWith("/*", at)) {
                blockComment();
            } else {
                return;
            }
        }
    }

    private void skipLine() {
        while (at < sql.length() && !isNewline(sql.charAt(at))) {
            at++;
        }
    }

    /** Nested, unlike in C. */
    private void blockComment() throws ScriptException {
        start = at;
        int depth = 0;
        do {
            if (sql.startsWith("/*", at)) {
                depth++;
                at += 2;
            } else if (sql.startsWith("*/", at)) {
                depth--;
                at += 2;
            } else if (at++ >= sql.length()) {
                throw unterminated("comment /*");
            }
        } while (depth > 0);
    }

    /** The letters e, b, x, n and u with an ampersand belong to the quote behind them; the last letter of a word does not. */
    private Token prefixedOrWord(char c) throws ScriptException {
        char second = charAt(at + 1);
        if (second == '\'') {
            switch (c) {
                case 'e', 'E' -> {
                    at++;
                    return string(Quoting.ESCAPED);
                }
                case 'b', 'B', 'x', 'X' -> {
                    at++;
                    return string(Quoting.DIGITS);
                }
                case 'n', 'N' -> {
                    // The server reads a keyword here, and then an ordinary string.
                    at++;
                    return string(standardStrings ? Quoting.DOUBLED : Quoting.ESCAPED);
                }
                default -> {
                    // A word, and a string behind it.
                }
            }
        } else if ((c == 'u' || c == 'U') && second == '&') {
            char third = charAt(at + 2);
            if (third == '\'') {
                at += 2;
                return string(Quoting.DOUBLED);
            }
            if (third == '"') {
                at += 2;
                return quotedName();
            }
        }
        while (at < sql.length() && isWordPart(sql.charAt(at))) {
            at++;
        }
        wordTo = at;
        return Token.WORD;
    }

    /** How a quote stands inside of a string. */
    private enum Quoting {
        /** Twice. */
        DOUBLED,
        /** Twice, or behind a backslash. */
        ESCAPED,
        /** Not at all. */
        DIGITS
    }

    /** A string; one behind a line break continues it, with this one's rules and not its own. */
    private Token string(Quoting quoting) throws ScriptException {
        wordFrom = at + 1;
        do {
            at++;
            segment(quoting);
            wordTo = at - 1;
        } while (continues());
        // Not where the search for a continuation has come to.
        end = wordTo + 1;
        return Token.STRING;
    }

    private void segment(Quoting quoting) throws ScriptException {
        while (at < sql.length()) {
            char c = sql.charAt(at++);
            if (c == '\\' && quoting == Quoting.ESCAPED) {
                at++;
            } else if (c == '\'') {
                if (quoting == Quoting.DIGITS || charAt(at) != '\'') {
                    return;
                }
                at++;
            }
        }
        throw unterminated("string");
    }

    /** Passes blanks and comments of a line, which no statement needs, and tells whether a quote follows on a later line. */
    private boolean continues() {
        boolean newline = false;
        while (at < sql.length()) {
            char c = sql.charAt(at);
            if (isSpace(c)) {
                newline |= isNewline(c);
                at++;
            } else if (sql.startsWith("--", at)) {
                skipLine();
            } else {
                return newline && c == '\'';
            }
        }
        return false;
    }

    private Token quotedName() throws ScriptException {
        at++;
        while (at < sql.length()) {
            if (sql.charAt(at++) == '"') {
                if (charAt(at) != '"') {
                    return Token.OTHER;
                }
                at++;
            }
        }
        throw unterminated("quoted name");
    }

    /** A parameter, a quote with or without a tag, or a lone character. */
    private Token dollar() throws ScriptException {
        int tagEnd = at + 1;
        if (isDigit(charAt(tagEnd))) {
            at = tagEnd;
            while (isDigit(charAt(at))) {
                at++;
            }
            return Token.OTHER;
        }
        while (tagEnd < sql.length() && sql.charAt(tagEnd) != '$' && isWordPart(sql.charAt(tagEnd))) {
            tagEnd++;
        }
        if (charAt(tagEnd) != '$') {
            return single(Token.OTHER);
        }
        String tag = sql.substring(at, tagEnd + 1);
        int close = sql.indexOf(tag, tagEnd + 1);
        if (close < 0) {
            throw unterminated("string " + tag);
        }
        wordFrom = tagEnd + 1;
        wordTo = close;
        at = close + tag.length();
        return Token.STRING;
    }

    /** Letters that stick to digits are no word, so that 1e'' has no string of E's kind; the server refuses them anyway. */
    private Token number() {
        while (at < sql.length() && isWordPart(sql.charAt(at)) && sql.charAt(at) != '$') {
            at++;
        }
        return Token.OTHER;
    }

    private ScriptException unterminated(String what) {
        // Of the place where it begins: its end is the end of the file, which tells nobody anything.
        return new ScriptException(lineOf(start), "the " + what + " that begins here has no end");
    }

    private ScriptException psqlCommand() {
        int end = at + 1;
        while (end < sql.length() && !isSpace(sql.charAt(end)) && end - at < 20) {
            end++;
        }
        return new ScriptException(
                lineOf(at),
                "\"" + sql.substring(at, end) + "\" is a command of psql, which the server does not know;"
                        + " write it as SQL or leave it out");
    }

    private int lineOf(int position) {
        for (; counted < position; counted++) {
            char c = sql.charAt(counted);
            if (c == '\n' || (c == '\r' && charAt(counted + 1) != '\n')) {
                line++;
            }
        }
        return line;
    }

    /** The character there, or NUL behind the end: no script that is scanned holds one. */
    private char charAt(int position) {
        return position < sql.length() ? sql.charAt(position) : '\0';
    }

    private static boolean isSpace(char c) {
        return c == ' ' || (c >= '\t' && c <= '\r');
    }

    private static boolean isNewline(char c) {
        return c == '\n' || c == '\r';
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /** Any character beyond ASCII is a letter to the server, its blanks and digits too. */
    private static boolean isWordStart(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    }

    private static boolean isWordPart(char c) {
        return isWordStart(c) || isDigit(c) || c == '$';
    }
}
