package io.forgeloom.database;

import io.forgeloom.database.SqlTokens.Kind;
import java.util.Set;

/**
 * Tells from a statement's text what it can leave behind in its session. In doubt it says that there is something: a
 * needless reset costs a round trip, a missing one the next user's data. Confined to one thread; one object for each
 * text.
 */
final class TouchClassifier {

    /** Statements that change nothing but data, provided that the functions in them do not. */
    private static final Set<String> QUERIES =
            Set.of("select", "insert", "update", "delete", "merge", "with", "values", "table");

    /** Statements whose effect ends with the transaction, or that have none on the session. */
    private static final Set<String> PASSING = Set.of(
            "begin",
            "start",
            "commit",
            "end",
            "abort",
            "rollback",
            "savepoint",
            "release",
            "show",
            "notify",
            "lock",
            "truncate",
            "fetch",
            "move",
            "close");

    private static final Set<String> EXPLAIN_OPTIONS = Set.of(
            "analyze",
            "verbose",
            "costs",
            "settings",
            "generic_plan",
            "buffers",
            "serialize",
            "wal",
            "timing",
            "summary",
            "memory",
            "format",
            "text",
            "xml",
            "json",
            "yaml",
            "on",
            "off",
            "true",
            "false",
            "none",
            "binary");

    /** A name before a parenthesis is a table's or an alias's after these, and what is in it are columns. */
    private static final Set<String> BEFORE_COLUMNS = Set.of("into", "as", "with", "recursive");

    private static final Set<String> JDBC_ESCAPES = Set.of("d", "t", "ts", "fn", "oj", "escape");

    private static final Set<String> LASTING_FUNCTIONS = Set.of(
            "setseed",
            "pg_replication_origin_session_setup",
            "pg_create_physical_replication_slot",
            "pg_create_logical_replication_slot",
            "pg_copy_physical_replication_slot",
            "pg_copy_logical_replication_slot");

    private final HarmlessFunctions harmless;
    private final SqlTokens tokens;

    /** The name that ends at the last token: its first part, its last part, and how many there are; 0 for none. */
    private String first = "";

    private String last = "";
    private boolean lastQuoted;
    private int parts;

    /** The word before that name; empty if it was none. */
    private String before = "";

    private TouchClassifier(String sql, HarmlessFunctions harmless) {
        this.harmless = harmless;
        this.tokens = new SqlTokens(sql, harmless.standardStrings());
    }

    /** What {@code sql}, one statement or several, can leave behind. */
    static SqlTouch classify(String sql, HarmlessFunctions harmless) {
        return new TouchClassifier(sql, harmless).all();
    }

    private SqlTouch all() {
        SqlTouch worst = SqlTouch.NONE;
        Kind kind = tokens.next();
        while (kind != Kind.END) {
            if (kind == Kind.BROKEN) {
                return worst.or(SqlTouch.RESETTABLE);
            }
            if (kind == Kind.SEMICOLON) {
                kind = tokens.next();
                continue;
            }
            while (kind == Kind.OPEN) {
                kind = tokens.next();
            }
            worst = worst.or(begin(kind));
            // The rest is looked at whatever it began with, for what is worse than resettable.
            kind = Kind.WORD;
            last = tokens.text();
            lastQuoted = false;
            parts = 1;
            while (kind != Kind.END && kind != Kind.SEMICOLON) {
                Kind previous = kind;
                kind = tokens.next();
                if (kind == Kind.BROKEN) {
                    return worst.or(SqlTouch.RESETTABLE);
                }
                worst = worst.or(step(previous, kind));
            }
        }
        return worst;
    }

    /** Judges how a statement begins, up to and with its first token of consequence. */
    private SqlTouch begin(Kind kind) {
        if (kind != Kind.WORD) {
            return SqlTouch.RESETTABLE;
        }
        String word = tokens.text();
        if (QUERIES.contains(word) || PASSING.contains(word)) {
            return SqlTouch.NONE;
        }
        return switch (word) {
            case "set" -> set();
            case "explain" -> explain();
            case "load" -> SqlTouch.LASTING;
            default -> SqlTouch.RESETTABLE;
        };
    }

    /** What SET changes for the transaction alone. A dot would make the word the name of a setting: {@code local.x}. */
    private SqlTouch set() {
        if (tokens.next() != Kind.WORD) {
            return SqlTouch.RESETTABLE;
        }
        boolean passing = switch (tokens.text()) {
            case "local", "transaction", "constraints" -> true;
            default -> false;
        };
        Kind kind = tokens.next();
        return passing && (kind == Kind.WORD || kind == Kind.QUOTED) ? SqlTouch.NONE : SqlTouch.RESETTABLE;
    }

    /** EXPLAIN may run what it explains. */
    private SqlTouch explain() {
        while (true) {
            Kind kind = tokens.next();
            if (kind == Kind.WORD) {
                if (QUERIES.contains(tokens.text())) {
                    return SqlTouch.NONE;
                }
                if (!EXPLAIN_OPTIONS.contains(tokens.text())) {
                    return SqlTouch.RESETTABLE;
                }
            } else if (kind != Kind.OPEN && kind != Kind.CLOSE && kind != Kind.OTHER) {
                return SqlTouch.RESETTABLE;
            }
        }
    }

    /** Judges a token by those before it. */
    private SqlTouch step(Kind previous, Kind kind) {
        switch (kind) {
            case WORD, QUOTED -> {
                return name(previous, kind == Kind.QUOTED);
            }
            case OPEN -> {
                SqlTouch touch = isName(previous) ? call() : SqlTouch.NONE;
                parts = 0;
                return touch;
            }
            case BRACE -> {
                parts = 0;
                boolean known = tokens.next() == Kind.WORD && JDBC_ESCAPES.contains(tokens.text());
                return known ? SqlTouch.NONE : SqlTouch.RESETTABLE;
            }
            case DOT -> {
                // Kept: the name goes on.
            }
            default -> parts = 0;
        }
        return SqlTouch.NONE;
    }

    private static boolean isName(Kind kind) {
        return kind == Kind.WORD || kind == Kind.QUOTED;
    }

    private SqlTouch name(Kind previous, boolean quoted) {
        String text = tokens.text();
        if (previous == Kind.DOT) {
            // After anything but a name, as in (row).field, the parts are one too many to be a function that we know.
            parts = parts == 0 ? 3 : parts + 1;
        } else {
            before = isName(previous) && !lastQuoted && parts == 1 ? last : "";
            first = text;
            parts = 1;
        }
        last = text;
        lastQuoted = quoted;
        boolean temporary = text.startsWith("pg_temp") || (before.equals("into") && parts == 1 && isTemporary(text));
        return temporary ? SqlTouch.RESETTABLE : SqlTouch.NONE;
    }

    private static boolean isTemporary(String word) {
        return switch (word) {
            case "temp", "temporary", "local", "global" -> true;
            default -> false;
        };
    }

    /** Judges the name before a parenthesis. */
    private SqlTouch call() {
        if (BEFORE_COLUMNS.contains(before)) {
            return SqlTouch.NONE;
        }
        boolean known = parts == 1
                ? harmless.isHarmless(last, lastQuoted)
                : parts == 2
                        && first.equals("pg_catalog")
                        && harmless.functions().contains(last);
        if (known) {
            return SqlTouch.NONE;
        }
        return LASTING_FUNCTIONS.contains(last) ? SqlTouch.LASTING : SqlTouch.RESETTABLE;
    }
}
