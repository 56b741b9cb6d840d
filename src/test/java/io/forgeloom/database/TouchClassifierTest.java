package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@WithDatabase
class TouchClassifierTest {

    /** Each must cost nothing on return. */
    private static final List<String> HARMLESS = List.of(
            "",
            " ; ;",
            "SELECT 1",
            "select * from item where id = ?",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "SELECT a, count(*), max(b) FROM t GROUP BY (a) HAVING (count(*) > 1) ORDER BY (a) LIMIT (5)",
            "SELECT 1 WHERE 1 IN (1, 2) AND NOT EXISTS (SELECT 1) OR 1 = ANY (ARRAY(SELECT 1))",
            "SELECT coalesce(a, nullif(b, 1), greatest(1, 2)) FROM t",
            "SELECT cast(a AS varchar(10)), b::numeric(10, 2), c::character varying(3), d::timestamp(3) FROM t",
            "SELECT now(), clock_timestamp(), random(), gen_random_uuid(), nextval('s'), pg_backend_pid()",
            "SELECT pg_catalog.lower('A'), \"lower\"('A'), pg_catalog.\"lower\"('B'), LOWER  ('C'), lower/* */('D')",
            "SELECT row_number() OVER (PARTITION BY (a) ORDER BY (b)) FROM t",
            "SELECT sum(a) FILTER (WHERE b > 0) FROM t",
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t",
            "SELECT * FROM a JOIN (SELECT 1 AS id) b USING (id) LEFT JOIN LATERAL (SELECT 2) c ON (true)",
            "SELECT * FROM unnest(?::int[]) AS t(id)",
            "SELECT * FROM jsonb_to_recordset(?::jsonb) AS x(a int, b text)",
            "SELECT * FROM (VALUES (1, 'a')) AS v(id, name)",
            "SELECT extract(epoch FROM now()), substring('abc' FROM 2), position('a' IN 'b'), trim(both 'x' FROM 'y')",
            "SELECT 'set_config(''a'', ''b'', false)'",
            "SELECT E'it\\'s set_config('",
            "SELECT $$ ; SET x = 1 $$, $tag$ $$ LISTEN x $tag$",
            "SELECT 1 -- ; SET x = 1",
            "/* SET x = 1; /* nested */ LISTEN y */ SELECT 1",
            "SELECT a AS \"set_config(\" FROM \"DO\"",
            "SELECT id FROM t WHERE name LIKE ('%\\_%') FOR UPDATE SKIP LOCKED",
            "SELECT * FROM t WHERE a ILIKE ('x') AND (b, c) IN ((1, 2))",
            "SELECT a[1], (b).c, d->>'e', f @> '{}' FROM t",
            "SELECT temp FROM weather",
            "SELECT x INTO result FROM t",
            "SELECT ts AT TIME ZONE ('UTC') FROM t",
            "SELECT * FROM t FETCH FIRST (?) ROWS ONLY",
            "SELECT a FROM t GROUP BY GROUPING SETS ((a), (b)), ROLLUP (a, b), CUBE (c)",
            "SELECT {fn lower('A')}, {ts '2020-01-01 00:00:00'}, {d '2020-01-01'}",
            "SELECT json_build_object('a', 1), jsonb_agg(x), string_agg(y, ','), to_char(now(), 'YYYY') FROM t",
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT pg_notify('channel', 'payload')",
            "TABLE item",
            "VALUES (1), (2)",
            "INSERT INTO item VALUES (1, 'x')",
            "INSERT INTO item (id, name) VALUES (?, ?) RETURNING (id)",
            "INSERT INTO public.item (id) SELECT id FROM other",
            "INSERT INTO \"Public\".\"Item\" AS i (id) VALUES (DEFAULT) ON CONFLICT (id) DO UPDATE SET (a, b) = (1, 2)",
            "UPDATE item SET name = upper(name) WHERE id IN (?)",
            "UPDATE item SET (a, b) = (SELECT 1, 2)",
            "DELETE FROM item USING other WHERE item.id = other.id",
            "MERGE INTO item i USING (SELECT 1 AS id) s ON (i.id = s.id) WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
            "WITH x AS (SELECT 1), y AS MATERIALIZED (SELECT 2) SELECT * FROM x, y",
            "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
            "WITH t(n) AS (SELECT 1) INSERT INTO item (id) SELECT n FROM t",
            "BEGIN",
            "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "COMMIT; BEGIN; ROLLBACK",
            "SAVEPOINT a; RELEASE SAVEPOINT a",
            "ROLLBACK TO SAVEPOINT a",
            "SET LOCAL statement_timeout = 5",
            "SET LOCAL ROLE other",
            "SET TRANSACTION READ ONLY; SET LOCAL transaction_timeout = 100",
            "SET CONSTRAINTS ALL DEFERRED",
            "SHOW search_path",
            "NOTIFY channel, 'x'",
            "LOCK TABLE item IN EXCLUSIVE MODE",
            "TRUNCATE item",
            "EXPLAIN SELECT 1",
            "EXPLAIN (ANALYZE, FORMAT JSON, BUFFERS off) UPDATE item SET id = abs(id)",
            "FETCH 10 FROM c");

    /** Each must be reset. */
    private static final List<String> TOUCHING = List.of(
            "SET search_path = x",
            "SET SESSION app.tenant = 'a'",
            "SET ROLE other",
            "SET SESSION AUTHORIZATION other",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET TIME ZONE 'UTC'",
            "SET local.setting = 1",
            "SET transaction.setting = 1",
            "SET \"local\" = 1",
            "RESET ALL",
            "DISCARD ALL",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "{call p()}",
            "{ ? = call f(?) }",
            "LISTEN x",
            "UNLISTEN x",
            "PREPARE x AS SELECT 1",
            "EXECUTE x",
            "DEALLOCATE x",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "COPY item FROM STDIN",
            "CREATE TEMP TABLE x (id int)",
            "CREATE TABLE x (id int)",
            "SELECT 1 INTO TEMP x",
            "SELECT 1 INTO TEMPORARY TABLE x",
            "SELECT 1 INTO LOCAL TEMP x",
            "SELECT 1 INTO pg_temp.x",
            "INSERT INTO pg_temp.x VALUES (1)",
            "SELECT set_config('a.b', 'c', false)",
            "SELECT pg_catalog.set_config('a.b', 'c', false)",
            "SELECT \"set_config\"('a.b', 'c', false)",
            "SELECT U&\"set\\005fconfig\"('a.b', 'c', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock_shared(1, 2)",
            "SELECT pg_advisory_unlock_all()",
            "SELECT my_function(1)",
            "SELECT public.lower('x')",
            "SELECT a.b.lower('x')",
            "SELECT \"select\"(1)",
            "SELECT (a).f(1)",
            "SELECT DISTINCT ON (a) my_function(a) FROM t",
            "SELECT a OPERATOR(pg_catalog.+) my_function(1)",
            "SELECT 1 WHERE EXISTS (SELECT my_function(1))",
            "SELECT * FROM dblink('x', 'y') AS t(a int)",
            "SELECT * FROM t WHERE a IN (my_function(1))",
            "INSERT INTO item (id) VALUES (my_function(1))",
            "INSERT INTO item VALUES (1) ON CONFLICT (id) DO UPDATE SET name = my_function('x')",
            "UPDATE item SET name = my_function(name)",
            "DELETE FROM item RETURNING my_function(id)",
            "WITH x AS (SELECT my_function(1)) SELECT * FROM x",
            "WITH x(n) AS (SELECT 1) SELECT my_function(n) FROM x",
            "VALUES (my_function(1))",
            "SELECT 1; SET x.y = 1",
            "BEGIN; SET x.y = 1; COMMIT",
            "SELECT 'a'; SELECT my_function(1)",
            "SELECT 'it''s', my_function(1)",
            "SELECT 'back\\', my_function(1), ''",
            "SELECT E'\\'', my_function(1)",
            "SELECT e'\\\\', my_function(1)",
            "SELECT E'a'\n'\\', my_function(1), '",
            "SELECT $$'$$, my_function(1), $$'$$",
            "SELECT $a$ $b$ $a$, my_function(1), $b$x$b$",
            "SELECT $1, my_function($2)",
            "SELECT a$1, my_function(1) FROM t -- $1",
            "SELECT 1 /* /* */ */, my_function(1)",
            "SELECT 1 -- comment\n, my_function(1)",
            "SELECT 1 -- comment\r, my_function(1)",
            "SELECT \"a\"\"b\", my_function(1) FROM t",
            "SELECT 1+my_function(1)",
            "SELECT -my_function(1)",
            "SELECT 1--\n+my_function(1)",
            "SELECT fonction_\u00e9(1)",
            "SELECT my_function\u000b(1)",
            "SELECT my_function /* ( */ -- (\n (1)",
            "SELECT lo_open(1, 2)",
            "SELECT pg_terminate_backend(1)",
            "SELECT query_to_xml('SELECT my_function(1)', true, true, '')",
            "SELECT {fn my_function(1)}",
            "EXPLAIN ANALYZE SELECT my_function(1)",
            "EXPLAIN (SELECT my_function(1))",
            "EXPLAIN EXECUTE x",
            "EXPLAIN CREATE TABLE x AS SELECT 1",
            "SELECT 'unterminated",
            "SELECT $$unterminated",
            "SELECT /* unterminated",
            "SELECT \"unterminated",
            "?",
            "42",
            "frobnicate");

    private static final List<String> LASTING = List.of(
            "LOAD 'auto_explain'",
            "SELECT setseed(0.1)",
            "SELECT 1; SELECT pg_catalog.setseed(0.1)",
            "SELECT pg_create_logical_replication_slot('a', 'b', true)");

    private HarmlessFunctions harmless;

    @BeforeEach
    void read(TestDatabase server) throws Exception {
        harmless = read(server.url());
    }

    private static HarmlessFunctions read(String url) throws Exception {
        try (PgSession session = new PgConnector(PgUrl.parse("url", url), "test", Map.of())
                .connect(Deadline.after(Duration.ofSeconds(10)))) {
            return HarmlessFunctions.read(session);
        }
    }

    @Test
    void plainStatementsAreHarmless() {
        for (String sql : HARMLESS) {
            assertEquals(SqlTouch.NONE, TouchClassifier.classify(sql, harmless), sql);
        }
    }

    @Test
    void whatCanChangeTheSessionIsNotHarmless() {
        for (String sql : TOUCHING) {
            assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify(sql, harmless), sql);
        }
        assertTrue(HARMLESS.size() + TOUCHING.size() >= 150);
    }

    /** The Kelvin sign, whose lower case is a k in Java and not in PostgreSQL. */
    @Test
    void lowerCaseIsTheServersAndNotJavas() {
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT \"Lower\"('x')", harmless));
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("INSERT INTO \"pg_temp\".x VALUES (1)", harmless));
        assertEquals(SqlTouch.NONE, TouchClassifier.classify("SELECT RANK() OVER ()", harmless));
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT RAN\u212A() OVER ()", harmless));
    }

    @Test
    void whatNoStatementTakesBackEndsTheSession() {
        for (String sql : LASTING) {
            assertEquals(SqlTouch.LASTING, TouchClassifier.classify(sql, harmless), sql);
        }
    }

    /** Whatever blanks, comments, cases and harmless neighbours a statement is dressed in, the seed tells which. */
    @Test
    void noDisguiseMakesATouchingStatementHarmless() {
        long seed = 20_260_101;
        Random random = new Random(seed);
        List<UnaryOperator<String>> disguises = List.of(
                sql -> "  \t\r\n" + sql,
                sql -> "/* SELECT */ " + sql,
                sql -> "/* ' /* \" */ $$ */" + sql,
                sql -> "-- 'x\n" + sql,
                sql -> "SELECT ';'; " + sql,
                sql -> "SELECT $x$ ' $x$;" + sql,
                sql -> "SELECT E'\\'', \"a\"\"\", 1e5;\n" + sql,
                sql -> ";;" + sql,
                sql -> "BEGIN;" + sql,
                sql -> sql + "\n; SELECT 1",
                sql -> sql.toUpperCase(Locale.ROOT),
                sql -> sql.toLowerCase(Locale.ROOT));
        for (String sql : TOUCHING) {
            for (int round = 0; round < 50; round++) {
                String text = sql;
                for (int i = random.nextInt(4); i >= 0; i--) {
                    text = disguises.get(random.nextInt(disguises.size())).apply(text);
                }
                assertNotEquals(SqlTouch.NONE, TouchClassifier.classify(text, harmless), "seed " + seed + ": " + text);
            }
        }
    }

    @Test
    void aCallInAnyPlaceOfAHarmlessStatementIsSeen() {
        for (String sql : HARMLESS) {
            for (String call : List.of("my_function(1)", "public.lower('x')", "set_config('a', 'b', false)")) {
                if (!sql.contains("--")) {
                    assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify(sql + " " + call, harmless), sql);
                }
                assertEquals(
                        SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT " + call + ";" + sql, harmless), sql);
            }
        }
    }

    @Test
    void aFunctionOfTheUsersUnderOneOfOurNamesIsNotHarmless(TestDatabase server) throws Exception {
        assertTrue(harmless.isHarmless("upper", false));
        assertTrue(harmless.isHarmless("join", false));
        server.execute("CREATE FUNCTION upper(point) RETURNS int LANGUAGE sql AS 'SELECT 1';"
                + "CREATE FUNCTION \"join\"(int) RETURNS int LANGUAGE sql AS 'SELECT 1'");
        HarmlessFunctions now = read(server.url());
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT upper('a')", now));
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT join(1)", now));
    }

    @Test
    void whereBackslashesEscapeStringsEndLater(TestDatabase server) throws Exception {
        server.execute("ALTER DATABASE " + server.name() + " SET standard_conforming_strings = off");
        String sql = "SELECT 'it\\'s my_function('";
        assertEquals(SqlTouch.NONE, TouchClassifier.classify(sql, read(server.url())));
        assertEquals(SqlTouch.RESETTABLE, TouchClassifier.classify("SELECT '\\', my_function(1), '", harmless));
    }

    @Test
    void aTextIsJudgedOnceAndAnotherOneInItsPlaceIsNotTakenForIt() {
        SessionHygiene hygiene =
                new SessionHygiene("test", SessionReset.whenTouched(), harmless, Patience.DEFAULTS.cleaning());
        // "Aa" and "BB" have one hash.
        String plain = "SELECT 'Aa' -- x";
        String other = "SELECT 'BB' -- x";
        assertEquals(plain.hashCode(), other.hashCode());
        for (int i = 0; i < 3; i++) {
            assertEquals(SqlTouch.NONE, hygiene.touchOf(plain));
            assertEquals(SqlTouch.NONE, hygiene.touchOf(other));
            assertEquals(SqlTouch.RESETTABLE, hygiene.touchOf("SET Aa.x = 1"));
            assertEquals(SqlTouch.RESETTABLE, hygiene.touchOf("SET BB.x = 1"));
        }
    }
}
