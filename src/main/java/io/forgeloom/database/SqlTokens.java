package io.forgeloom.database;

import java.util.Locale;

/**
 * Splits SQL as PostgreSQL's lexer does, as far as finding words and calls asks for it. Strings, dollar quotes and
 * comments are passed over whole, so that nothing in them is taken for a word, nor a word for something in them.
 * Confined to one thread.
 */
final class SqlTokens {

    /** What a token is. */
    enum Kind {
        /** A name or a keyword without quotes; {@link #text} in lower case. */
        WORD,
        /** A name in double quotes; {@link #text} without them. */
        QUOTED,
        STRING,
        OPEN,
        CLOSE,
        DOT,
        SEMICOLON,
        /** The begin of a JDBC escape. */
        BRACE,
        /** Any other character, number or parameter. */
        OTHER,
        END,
        /** What follows cannot be told apart: a string without end, or one whose end depends on what we do not know. */
        BROKEN
    }

    private final String sql;
    private final boolean standardStrings;
    private int at;
    private String text = "";
    private boolean afterEscapeString;

    /** @param standardStrings whether a backslash is an ordinary character in {@code '…'} */
    SqlTokens(String sql, boolean standardStrings) {
        this.sql = sql;
        this.standardStrings = standardStrings;
    }

    /** The name of the last token, if it was one. */
    String text() {
        return text;
    }

    Kind next() {
        if (!skipBlank()) {
            return Kind.BROKEN;
        }
        if (at >= sql.length()) {
            return Kind.END;
        }
        char c = sql.charAt(at);
        if (c == '\'') {
            // After a line break it would continue the string before it, and with that one's rules.
            return afterEscapeString ? Kind.BROKEN : string(!standardStrings);
        }
        afterEscapeString = false;
        if (isWordStart(c)) {
            return word();
        }
        if (c >= '0' && c <= '9') {
            return number();
        }
        if (c == '"') {
            return quoted();
        }
        if (c == '$') {
            return dollar();
        }
        at++;
        return switch (c) {
            case '(' -> Kind.OPEN;
            case ')' -> Kind.CLOSE;
            case '.' -> Kind.DOT;
            case ';' -> Kind.SEMICOLON;
            case '{' -> Kind.BRACE;
            default -> Kind.OTHER;
        };
    }

    /** White space and comments; false if a comment does not end. */
    private boolean skipBlank() {
        int length = sql.length();
        while (at < length) {
            char c = sql.charAt(at);
            if (c == ' ' || (c >= '\t' && c <= '\r')) {
                at++;
            } else if (c == '-' && sql.startsWith("--", at)) {
                while (at < length && sql.charAt(at) != '\n' && sql.charAt(at) != '\r') {
                    at++;
                }
            } else if (c == '/' && sql.startsWith("/*", at)) {
                if (!skipComment()) {
                    return false;
                }
            } else {
                return true;
            }
        }
        return true;
    }

    /** PostgreSQL's comments nest. */
    private boolean skipComment() {
        int depth = 0;
        while (at < sql.length()) {
            if (sql.startsWith("/*", at)) {
                depth++;
                at += 2;
            } else if (sql.startsWith("*/", at)) {
                depth--;
                at += 2;
                if (depth == 0) {
                    return true;
                }
            } else {
                at++;
            }
        }
        return false;
    }

    private Kind word() {
        int start = at;
        while (at < sql.length() && isWordPart(sql.charAt(at))) {
            at++;
        }
        if (at == start + 1 && at < sql.length() && sql.charAt(at) == '\'' && (sql.charAt(start) | 0x20) == 'e') {
            Kind kind = string(true);
            afterEscapeString = true;
            return kind;
        }
        text = lower(sql, start, at);
        return Kind.WORD;
    }

    /** Only A to Z, as the server does: other letters have other lower cases in other places. */
    private static String lower(String sql, int start, int end) {
        for (int i = start; i < end; i++) {
            if (sql.charAt(i) >= 0x80) {
                return sql.substring(start, end);
            }
        }
        return sql.substring(start, end).toLowerCase(Locale.ROOT);
    }

    /** With whatever letters stick to it: the server refuses those that are no part of a number. */
    private Kind number() {
        while (at < sql.length() && (isWordPart(sql.charAt(at)) || sql.charAt(at) == '.')) {
            at++;
        }
        return Kind.OTHER;
    }

    private Kind string(boolean backslashEscapes) {
        at++;
        while (at < sql.length()) {
            char c = sql.charAt(at++);
            if (c == '\\' && backslashEscapes) {
                at++;
            } else if (c == '\'') {
                if (at < sql.length() && sql.charAt(at) == '\'') {
                    at++;
                } else {
                    return Kind.STRING;
                }
            }
        }
        return Kind.BROKEN;
    }

    private Kind quoted() {
        StringBuilder name = new StringBuilder();
        at++;
        while (at < sql.length()) {
            char c = sql.charAt(at++);
            if (c != '"') {
                name.append(c);
            } else if (at < sql.length() && sql.charAt(at) == '"') {
                name.append('"');
                at++;
            } else {
                text = name.toString();
                return Kind.QUOTED;
            }
        }
        return Kind.BROKEN;
    }

    /** A parameter, a quote without a tag or one with it; otherwise a lone character. */
    private Kind dollar() {
        int tagEnd = at + 1;
        while (tagEnd < sql.length() && isWordPart(sql.charAt(tagEnd)) && sql.charAt(tagEnd) != '$') {
            tagEnd++;
        }
        boolean tagged = tagEnd < sql.length() && sql.charAt(tagEnd) == '$';
        boolean digit = tagEnd > at + 1 && sql.charAt(at + 1) <= '9';
        if (!tagged || digit) {
            at++;
            return Kind.OTHER;
        }
        String tag = sql.substring(at, tagEnd + 1);
        int close = sql.indexOf(tag, tagEnd + 1);
        if (close < 0) {
            return Kind.BROKEN;
        }
        at = close + tag.length();
        return Kind.STRING;
    }

    private static boolean isWordStart(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    }

    private static boolean isWordPart(char c) {
        return isWordStart(c) || (c >= '0' && c <= '9') || c == '$';
    }
}
