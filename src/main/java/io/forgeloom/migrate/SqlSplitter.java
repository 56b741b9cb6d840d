package io.forgeloom.migrate;

import io.forgeloom.migrate.SqlScanner.Token;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes a script apart into its statements, so that each is sent, timed and blamed by itself.
 *
 * <p>The invariant: for a script that the server accepts as one simple query, the number of statements is the number of
 * its {@code CommandComplete} messages, and each statement sent alone gives the same answer. What a migration may not
 * hold is refused while splitting, since what stands behind it (the lines of a COPY) may not be SQL.
 */
final class SqlSplitter {

    private SqlSplitter() {}

    /**
     * The statements in their order; none for a script of blanks and comments.
     *
     * @param standardStrings what {@code standard_conforming_strings} is in the session that will run them
     */
    static List<SqlStatement> split(String sql, boolean standardStrings) throws ScriptException {
        refuseNul(sql);
        SqlScanner scanner = new SqlScanner(sql, standardStrings);
        List<SqlStatement> statements = new ArrayList<>();
        StatementShape shape = new StatementShape(standardStrings);
        int start = -1;
        int end = -1;
        int line = 0;
        while (true) {
            Token token = scanner.next();
            boolean over = token == Token.END || (token == Token.SEMICOLON && shape.endsAtSemicolon());
            if (!over) {
                if (start < 0) {
                    start = scanner.start();
                    line = scanner.line();
                }
                shape.accept(token, scanner);
                end = scanner.end();
            } else if (start >= 0) {
                shape.refuseIfForbidden(line);
                statements.add(new SqlStatement(sql.substring(start, end), line));
                start = -1;
                shape = new StatementShape(standardStrings);
            }
            if (token == Token.END) {
                return statements;
            }
        }
    }

    /** The protocol ends a text at its first NUL: the rest would silently not run. */
    private static void refuseNul(String sql) throws ScriptException {
        int nul = sql.indexOf('\0');
        if (nul >= 0) {
            throw new ScriptException(
                    new SqlStatement(sql.substring(0, nul), 1).lineOf(nul + 1), "a NUL byte, which SQL cannot hold");
        }
    }
}
