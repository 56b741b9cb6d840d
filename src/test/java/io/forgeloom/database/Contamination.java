package io.forgeloom.database;

import io.forgeloom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGStatement;
import org.postgresql.jdbc.AutoSave;

/**
 * What one user of a pool can leave for the next, each kind with a question that tells. The question is put to a session
 * that is clean, the kind is left, and the question is put to the next user: another answer, an error or none within 3 s
 * is contamination. The pool must have one session.
 */
record Contamination(String name, Action leave, Question question) {

    interface Action {
        void on(Connection connection) throws Exception;
    }

    interface Question {
        String of(Connection connection) throws Exception;
    }

    private static final int PATIENCE_SECONDS = 3;

    /** Makes what the kinds need. */
    static void prepare(TestDatabase server) throws SQLException {
        server.execute("""
                CREATE TABLE public.mark (kind text);
                CREATE SCHEMA apart;
                CREATE SEQUENCE public.numbers;
                CREATE FUNCTION public.tenant(name text) RETURNS text LANGUAGE sql VOLATILE
                    AS $$ SELECT set_config('app.tenant', name, false) $$;
                CREATE PROCEDURE public.enter(name text) LANGUAGE plpgsql
                    AS $$ BEGIN PERFORM set_config('app.tenant', name, false); END $$;
                CREATE FUNCTION public.on_mark() RETURNS trigger LANGUAGE plpgsql
                    AS $$ BEGIN PERFORM set_config('app.tenant', 'trigger', false); RETURN NEW; END $$;
                CREATE TABLE public.watched (id int);
                CREATE TRIGGER watched BEFORE INSERT ON public.watched FOR EACH ROW EXECUTE FUNCTION public.on_mark();
                CREATE VIEW public.seen AS SELECT public.tenant('view') AS tenant;
                CREATE FUNCTION public.concatenated(a text, b int) RETURNS text LANGUAGE sql VOLATILE
                    AS $$ SELECT set_config('app.tenant', a, false) $$;
                CREATE OPERATOR elsewhere.<+> (LEFTARG = text, RIGHTARG = int, FUNCTION = public.concatenated);
                CREATE TABLE public.ruled (id int);
                CREATE RULE ruled AS ON INSERT TO public.ruled DO ALSO SELECT public.tenant('rule');
                """);
        // Roles belong to the server, not to the database.
        server.execute("""
                DO $$ BEGIN CREATE ROLE forgeloom_other; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
                """);
    }

    private static Contamination of(String name, Action leave, Question question) {
        return new Contamination(name, leave, question);
    }

    private static Contamination sql(String name, String leave, String question) {
        return of(name, c -> run(c, leave), c -> ask(c, question));
    }

    private static Contamination tenant(String name, Action leave) {
        return of(name, leave, c -> ask(c, "SELECT nullif(current_setting('app.tenant', true), '')"));
    }

    private static Contamination tenant(String name, String leave) {
        return tenant(name, c -> run(c, leave));
    }

    private static final String MARKS = "SELECT count(*) FROM public.mark";
    private static final String LOCKS =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    private static final String PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE from_sql";

    static List<Contamination> transactions() {
        return List.of(
                of("BEGIN by SQL", c -> run(c, "BEGIN", "INSERT INTO public.mark VALUES ('a')"), c -> ask(c, MARKS)),
                of(
                        "a prepared BEGIN",
                        c -> {
                            prepared(c, "BEGIN");
                            prepared(c, "INSERT INTO public.mark VALUES ('b')");
                        },
                        c -> ask(c, MARKS)),
                of("a transaction that failed", c -> run(c, "BEGIN", "SELECT 1/0"), c -> ask(c, MARKS)),
                of(
                        "uncommitted work without auto-commit",
                        c -> {
                            c.setAutoCommit(false);
                            run(c, "INSERT INTO public.mark VALUES ('c')");
                        },
                        c -> ask(c, MARKS)),
                of("auto-commit off", c -> c.setAutoCommit(false), c -> "" + c.getAutoCommit()),
                of(
                        "COMMIT AND CHAIN",
                        c -> run(c, "BEGIN", "COMMIT AND CHAIN", "INSERT INTO public.mark VALUES ('d')"),
                        c -> ask(c, MARKS)),
                of(
                        "a savepoint",
                        c -> {
                            c.setAutoCommit(false);
                            run(c, "SAVEPOINT leftover");
                        },
                        c -> stateOf(c, "ROLLBACK TO SAVEPOINT leftover")));
    }

    private static List<Contamination> settings() {
        return List.of(
                sql("SET ROLE", "SET ROLE forgeloom_other", "SELECT current_user"),
                sql("SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION forgeloom_other", "SELECT session_user"),
                tenant("SET of a setting", "SET app.tenant = 'a'"),
                tenant("set_config", "SELECT set_config('app.tenant', 'b', false)"),
                tenant("set_config, prepared", c -> prepared(c, "SELECT 1, set_config('app.tenant', 'c', false)")),
                tenant("set_config in a DO block", "DO $$ BEGIN PERFORM set_config('app.tenant', 'd', false); END $$"),
                tenant("CALL of a procedure", "CALL public.enter('e')"),
                tenant("a JDBC call", c -> {
                    try (PreparedStatement call = c.prepareCall("{call public.tenant(?)}")) {
                        call.setString(1, "f");
                        call.execute();
                    }
                }),
                tenant("a function in a SELECT", "SELECT id FROM (VALUES (1)) AS v(id) WHERE public.tenant('g') <> ''"),
                tenant(
                        "a function in an INSERT",
                        "WITH gone AS (DELETE FROM public.mark) INSERT INTO public.mark SELECT public.tenant('h') LIMIT 0;"
                                + " SELECT public.tenant('h')"),
                tenant("the second of two statements", "SELECT 1; SET app.tenant = 'i'"),
                tenant("a batch", c -> {
                    try (Statement batch = c.createStatement()) {
                        batch.addBatch("UPDATE public.mark SET kind = kind");
                        batch.addBatch("SET app.tenant = 'j'");
                        batch.executeBatch();
                    }
                }),
                tenant("EXPLAIN ANALYZE", "EXPLAIN ANALYZE SELECT public.tenant('k')"),
                sql("search_path", "SET search_path = apart", "SHOW search_path"),
                of("setSchema", c -> c.setSchema("apart"), c -> ask(c, "SHOW search_path")),
                sql("statement_timeout", "SET statement_timeout = '7s'", "SHOW statement_timeout"),
                sql("TimeZone", "SET TIME ZONE 'Antarctica/Troll'", "SHOW TimeZone"),
                sql("application_name by SQL", "SET application_name = 'other'", "SHOW application_name"),
                sql(
                        "session characteristics",
                        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                        "SHOW default_transaction_read_only"),
                of("the random seed", c -> run(c, "SELECT setseed(0.5)"), c -> {
                    // The first number after this seed, which nobody else would get.
                    String first = ask(c, "SELECT random()");
                    return "" + first.equals("0.9851677175347999");
                }));
    }

    static List<Contamination> objects() {
        return List.of(
                sql("a session's advisory lock", "SELECT pg_advisory_lock(4711)", LOCKS),
                of(
                        "a shared one, prepared",
                        c -> prepared(c, "SELECT pg_try_advisory_lock_shared(1, 2)"),
                        c -> ask(c, LOCKS)),
                sql("LISTEN", "LISTEN leftover", "SELECT count(*) FROM pg_listening_channels()"),
                of("a notification", c -> run(c, "LISTEN leftover", "NOTIFY leftover", "UNLISTEN *"), c -> {
                    var waiting = c.unwrap(PGConnection.class).getNotifications();
                    return "" + (waiting == null ? 0 : waiting.length);
                }),
                sql(
                        "a temporary table",
                        "CREATE TEMP TABLE leftover (id int)",
                        "SELECT to_regclass('pg_temp.leftover')"),
                sql("SELECT INTO TEMP", "SELECT 1 AS id INTO TEMP leftover", "SELECT to_regclass('pg_temp.leftover')"),
                sql("PREPARE", "PREPARE leftover AS SELECT 1", PREPARED),
                sql(
                        "PREPARE in a DO block",
                        "DO $$ BEGIN EXECUTE 'PREPARE \"Left over\" AS SELECT 1'; END $$",
                        PREPARED),
                sql(
                        "a held cursor",
                        "BEGIN; DECLARE leftover CURSOR WITH HOLD FOR SELECT 1; COMMIT",
                        "SELECT count(*) FROM pg_cursors"));
    }

    private static List<Contamination> jdbc() {
        return List.of(
                of(
                        "isolation",
                        c -> c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE),
                        c -> "" + c.getTransactionIsolation()),
                of("read-only", c -> c.setReadOnly(true), c -> "" + c.isReadOnly()),
                of(
                        "holdability",
                        c -> c.setHoldability(ResultSet.HOLD_CURSORS_OVER_COMMIT),
                        c -> "" + c.getHoldability()),
                of("network timeout", c -> c.setNetworkTimeout(Runnable::run, 12_345), c -> "" + c.getNetworkTimeout()),
                of("type map", c -> c.setTypeMap(Map.of("t", String.class)), c -> "" + c.getTypeMap()),
                of(
                        "client info",
                        c -> c.setClientInfo("ApplicationName", "other"),
                        c -> ask(c, "SHOW application_name")),
                of("warnings", c -> run(c, "ROLLBACK"), c -> "" + (c.getWarnings() == null)));
    }

    private static List<Contamination> driver() {
        return List.of(
                tenant(
                        "the driver's connection",
                        c -> run((Connection) c.unwrap(PGConnection.class), "SET app.tenant = 'l'")),
                tenant(
                        "the connection of the metadata",
                        c -> run(c.getMetaData().getConnection(), "SET app.tenant = 'm'")),
                tenant("the driver's statement", c -> {
                    try (Statement mine = c.createStatement()) {
                        Statement drivers = (Statement) mine.unwrap(PGStatement.class);
                        run(drivers.getConnection(), "SET app.tenant = 'n'");
                    }
                }),
                of(
                        "the driver's prepare threshold",
                        c -> c.unwrap(PGConnection.class).setPrepareThreshold(1),
                        c -> "" + c.unwrap(PGConnection.class).getPrepareThreshold()),
                of(
                        "the driver's fetch size",
                        c -> c.unwrap(PGConnection.class).setDefaultFetchSize(3),
                        c -> "" + c.unwrap(PGConnection.class).getDefaultFetchSize()),
                of(
                        "the driver's savepoints",
                        c -> c.unwrap(PGConnection.class).setAutosave(AutoSave.ALWAYS),
                        c -> "" + c.unwrap(PGConnection.class).getAutosave()),
                of(
                        "a COPY to the server, half done",
                        c -> c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY public.mark FROM STDIN"),
                        c -> ask(c, MARKS)),
                of(
                        "a COPY from the server, half done",
                        c -> c.unwrap(PGConnection.class)
                                .getCopyAPI()
                                .copyOut("COPY (SELECT generate_series(1, 1000000)) TO STDOUT")
                                .readFromCopy(),
                        c -> ask(c, MARKS)));
    }

    /** What can be seen from outside. */
    static List<Contamination> visible() {
        List<Contamination> all = new ArrayList<>();
        all.addAll(transactions());
        all.addAll(settings());
        all.addAll(objects());
        all.addAll(jdbc());
        all.addAll(driver());
        return all;
    }

    /** What the texts of the user's statements do not show. */
    static List<Contamination> invisible() {
        return List.of(
                tenant("a trigger", "INSERT INTO public.watched VALUES (1)"),
                tenant("a view", "SELECT tenant FROM public.seen"),
                tenant("an operator", "SELECT 'operator'::text <+> 1"),
                tenant("a rule", "INSERT INTO public.ruled VALUES (1)"));
    }

    /** The kinds that reached the next user, each with what he saw. */
    static List<String> reaching(List<Contamination> kinds, DataSource pool) throws Exception {
        List<String> reached = new ArrayList<>();
        for (Contamination kind : kinds) {
            String how = kind.reaches(pool);
            if (how != null) {
                reached.add(kind.name() + ": " + how);
            }
        }
        return reached;
    }

    /** What the next user saw of this, or null for nothing. */
    String reaches(DataSource pool) throws Exception {
        String clean;
        try (Connection connection = pool.getConnection()) {
            clean = question.of(connection);
        }
        try (Connection connection = pool.getConnection()) {
            try {
                leave.on(connection);
            } catch (SQLException e) {
                if (!"22012".equals(e.getSQLState())) {
                    throw new AssertionError(name, e);
                }
            }
        }
        FutureTask<String> next = new FutureTask<>(() -> {
            try (Connection connection = pool.getConnection()) {
                return question.of(connection);
            } catch (SQLException e) {
                return "SQLSTATE " + e.getSQLState();
            }
        });
        Thread user = Thread.ofVirtual().name("next-user").start(next);
        try {
            String dirty = next.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            return Objects.equals(clean, dirty) ? null : clean + " became " + dirty;
        } catch (TimeoutException e) {
            user.interrupt();
            return "hung";
        }
    }

    static void run(Connection connection, String... statements) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    static String ask(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private static void prepared(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.execute();
        }
    }

    private static String stateOf(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
            return "done";
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
