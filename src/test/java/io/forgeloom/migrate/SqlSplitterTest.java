package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Borders, lines and refusals, case by case; {@link SplitterAgreementTest} asks the server. */
class SqlSplitterTest {

    private static List<String> split(String sql) throws ScriptException {
        return SqlSplitter.split(sql, true).stream().map(SqlStatement::text).toList();
    }

    private static String refusal(String sql) {
        ScriptException refused = assertThrows(ScriptException.class, () -> SqlSplitter.split(sql, true), sql);
        return refused.line() + ": " + refused.getMessage();
    }

    private static void refusedWith(String expected, String sql) {
        assertTrue(refusal(sql).startsWith(expected), () -> refusal(sql));
    }

    @Test
    void statementsKeepTheirTextAndLoseWhatSurroundsIt() throws Exception {
        assertEquals(
                List.of("SELECT 1 -- one;\n + 1", "SELECT 'a'", "SELECT 2"),
                split("\n-- head;\nSELECT 1 -- one;\n + 1 /* tail */;;\n; SELECT 'a' -- tail\n;\tSELECT 2\n"));
        assertEquals(List.of(), split(" -- only a comment"));
        assertEquals(List.of(), split(""));
    }

    /** Each is one statement to the server. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT 'a;''b;'",
                "SELECT E'\\';' || e'\\\\'",
                "SELECT E'a'\n'\\';'",
                "SELECT E'a' -- ;\n '\\';'",
                "SELECT '\\' || ';'",
                "SELECT U&'\\' || ';'",
                "SELECT n'a;', b'1' || B'0', x'1F'",
                "SELECT \"a;\"\"b;\", U&\"c;\"",
                "SELECT $$;'$$, $a$ $$;$b$ $a$",
                "SELECT $é$;$é$",
                "SELECT a$b, ';$b' FROM t",
                "SELECT 1 /* ; /* ; */ ; */ + 1",
                "SELECT 1 +/* ; */ 1",
                "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2;)",
                "CREATE OR REPLACE /* ; */ RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT (2))",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
                "create or replace procedure p() begin atomic end",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 1 end; END",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT begin atomic FROM b; SELECT t.end FROM t; END",
                "CREATE FUNCTION begin(begin atomic) RETURNS begin BEGIN ATOMIC SELECT 1; END",
                "CREATE FUNCTION begin() RETURNS int RETURN 1",
                "DO $$BEGIN COMMIT; END$$"
            })
    void semicolonsInsideOfAStatementDoNotEndIt(String sql) throws Exception {
        assertEquals(List.of(sql, "SELECT 'next'"), split(sql + "; SELECT 'next'"));
    }

    @Test
    void aFunctionNamedBeginHasNoBodyThatSwallowsTheNextStatement() throws Exception {
        assertEquals(
                2,
                split("CREATE FUNCTION begin() RETURNS int RETURN 1; SELECT 1").size());
        assertEquals(2, split("CREATE TABLE begin (atomic int); SELECT 1").size());
        assertEquals(2, split("SELECT begin atomic; SELECT 1").size());
    }

    @Test
    void backslashesEscapeWhereStringsAreNotStandard() throws Exception {
        assertEquals(1, SqlSplitter.split("SELECT '\\';', n'\\';'", false).size());
        assertEquals(2, SqlSplitter.split("SELECT '\\'; SELECT 1", true).size());
        // A string of digits has no quote inside: what follows it at once is another string, of the other kind.
        assertEquals(1, SqlSplitter.split("SELECT b'1''\\'; SELECT 1'", false).size());
        assertEquals(1, SqlSplitter.split("SELECT $$\\$$ || U&\"\\\"", false).size());
    }

    @Test
    void linesAreCountedOverEveryKindOfLineBreak() throws Exception {
        List<SqlStatement> statements = SqlSplitter.split("\r\nSELECT 1;\r\n\r\nSELECT\n'a\n😀', x;\rSELECT 3", true);
        assertEquals(
                List.of(2, 4, 7), statements.stream().map(SqlStatement::line).toList());
        // The server counts characters: x is the 15th, although 😀 is two UTF-16 units.
        assertEquals("x", statements.get(1).text().substring(15));
        assertEquals(6, statements.get(1).lineOf(15));
        assertEquals(4, statements.get(1).lineOf(0));
        assertEquals(6, statements.get(1).lineOf(Integer.MAX_VALUE));
    }

    @Test
    void whatHasNoEndIsRefusedWhereItBegins() {
        assertEquals("2: the string that begins here has no end", refusal("SELECT 1;\nSELECT 'a\n\n"));
        assertEquals("1: the string $a$ that begins here has no end", refusal("SELECT $a$ $b$ $$\n"));
        assertEquals("1: the quoted name that begins here has no end", refusal("SELECT \"a\"\"\n"));
        assertEquals("3: the comment /* that begins here has no end", refusal("\n\n/* /* */ \n"));
        assertEquals("1: the string that begins here has no end", refusal("SELECT E'\\"));
    }

    @Test
    void commandsOfPsqlAreRefused() {
        refusedWith("2: \"\\i\" is a command of psql", "SELECT 1;\n\\i other.sql\n");
        refusedWith("1: \"\\gexec\" is a command of psql", "SELECT 1 \\gexec");
        refusedWith("1: \"\\.\" is a command of psql", "\\.");
    }

    @Test
    void copyWithTheClientIsRefusedBeforeItsRowsAreRead() throws Exception {
        refusedWith("2: COPY with the client (STDIN)", "\nCOPY t (a, b) FROM stdin;\n1\tit's\n\\.\n");
        refusedWith("2: COPY with the client (STDOUT)", "COPY (SELECT a FROM stdin)\nTO STDOUT");
        assertEquals(1, split("COPY (SELECT a FROM stdin) TO '/tmp/x'").size());
        assertEquals(1, split("COPY t FROM PROGRAM 'stdin'").size());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "BEGIN",
                "begin isolation level serializable",
                "START TRANSACTION",
                "COMMIT",
                "/* */ COMMIT AND CHAIN",
                "END",
                "ABORT",
                "ROLLBACK",
                "ROLLBACK AND CHAIN",
                "ROLLBACK WORK",
                "PREPARE TRANSACTION 'x'",
                "COMMIT PREPARED 'x'",
                "ROLLBACK PREPARED 'x'",
                "SET standard_conforming_strings = off",
                "SET LOCAL standard_conforming_strings TO 'off'",
                "RESET standard_conforming_strings"
            })
    void whatEndsTheTransactionOrMovesStringsIsRefusedWithItsLine(String sql) {
        refusedWith("3: ", "SELECT 1;\n\n" + sql + ";\nSELECT 'unfinished");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SAVEPOINT a",
                "RELEASE a",
                "ROLLBACK TO a",
                "ROLLBACK WORK TO SAVEPOINT a",
                "PREPARE transaction AS SELECT 1",
                "SET standard_conforming_strings = on",
                "SET standard_conforming_strings TO 'on'",
                "CREATE TABLE commit (\"end\" int)"
            })
    void whatOnlyLooksLikeItIsNotRefused(String sql) throws Exception {
        assertEquals(List.of(sql), split(sql));
    }

    @Test
    void aNulIsRefusedWithItsLine() {
        assertEquals("2: a NUL byte, which SQL cannot hold", refusal("SELECT\n'\0'"));
    }

    /** Twenty times the text may cost some forty times as much; a splitter that looks back costs four hundred times. */
    @Test
    void timeIsLinearInTheLengthOfTheScript() throws Exception {
        for (String unit : List.of("SELECT '", "$a$ ", "/*", "'\n", "e'\\", "(", "\"", "a.", ";", "-- '\n", "$a ")) {
            cost(unit.repeat(20_000));
            long few = cost(unit.repeat(20_000));
            long many = cost(unit.repeat(400_000));
            assertTrue(many < 40 * few + 200_000_000, () -> unit + ": " + few + " ns and " + many + " ns");
        }
    }

    /** Of this thread's own CPU time, which others do not take part in. */
    private static long cost(String sql) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long start = threads.getCurrentThreadCpuTime();
        try {
            SqlSplitter.split(sql, true);
        } catch (ScriptException e) {
            // Endless or not: only the time counts.
        }
        return threads.getCurrentThreadCpuTime() - start;
    }
}
