package io.forgeloom.database;

import io.forgeloom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * What the users of a soak leave in their sessions, mixed from a random source, and the one question that finds any of it
 * in the session of the next. {@link Contamination} has each kind by itself, and more of them. Safe for use by many
 * threads.
 */
final class Leftovers {

    /** Leaves something. */
    private interface Action {
        void on(Connection connection) throws SQLException;
    }

    /** One row, NULL in a session where nothing was left. Must not count as touching, or each look would have it reset. */
    private static final String LOOK = """
            SELECT string_agg(found, '; ') FROM (
                SELECT name || ' = ' || setting FROM pg_settings
                    WHERE source = 'session' AND setting IS DISTINCT FROM reset_val
                UNION ALL SELECT 'app.tenant = ' || current_setting('app.tenant', true)
                    WHERE current_setting('app.tenant', true) <> ''
                UNION ALL SELECT 'role ' || current_user || ' of ' || session_user
                    WHERE current_user <> '%1$s' OR session_user <> '%1$s'
                UNION ALL SELECT 'advisory lock ' || objid FROM pg_locks
                    WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                UNION ALL SELECT 'listens on ' || channel FROM pg_listening_channels() AS channel
                UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements WHERE from_sql
                UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable
                UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()
                UNION ALL SELECT 'transaction ' || pg_current_xact_id_if_assigned()
                    WHERE pg_current_xact_id_if_assigned() IS NOT NULL
            ) AS all_of_it (found)""";

    /** In auto-commit, in any order, several by one user. */
    private static final Map<String, Action> SESSION = new LinkedHashMap<>();

    /** The last that a user does; what they insert must never be seen. */
    private static final Map<String, Action> ENDS = new LinkedHashMap<>();

    private static void session(String name, String sql) {
        SESSION.put(name, c -> execute(c, sql));
    }

    static {
        session("SET of a setting", "SET app.tenant = 'a'");
        session("SET search_path", "SET search_path = public");
        session("SET TIME ZONE", "SET TIME ZONE 'Antarctica/Troll'");
        session("SET work_mem", "SET SESSION work_mem = '77kB'; SELECT 1");
        session("read-only sessions", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
        session("SET ROLE", "SET ROLE forgeloom_other");
        session("SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION forgeloom_other");
        session("set_config", "SELECT set_config('app.tenant', 'b', false)");
        SESSION.put("set_config, prepared", c -> prepared(c, "SELECT set_config('app.tenant', ?, false)", "c"));
        session("set_config in a DO block", "DO $$ BEGIN PERFORM set_config('app.tenant', 'd', false); END $$");
        session("set_config in a function", "SELECT public.tenant('e')");
        session("set_config in a procedure", "CALL public.enter('f')");
        session("an advisory lock", "SELECT pg_try_advisory_lock((random() * 1000)::int)");
        SESSION.put("a shared one, prepared", c -> prepared(c, "SELECT pg_advisory_lock_shared(?::int)", "4711"));
        session("LISTEN", "LISTEN left_behind");
        session("a temporary table", "CREATE TEMP TABLE left_behind (id int); INSERT INTO left_behind VALUES (1)");
        session("SELECT INTO TEMP", "SELECT 1 AS id INTO TEMP left_too");
        session("PREPARE", "PREPARE left_behind AS SELECT 1");
        session("PREPARE in a DO block", "DO $$ BEGIN EXECUTE 'PREPARE \"Left too\" AS SELECT 1'; END $$");
        session("a held cursor", "BEGIN; DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1; COMMIT");
        SESSION.put("setSchema", c -> c.setSchema("public"));
        SESSION.put("setReadOnly", c -> c.setReadOnly(true));
        SESSION.put("setTransactionIsolation", c -> c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE));
        SESSION.put("setNetworkTimeout", c -> c.setNetworkTimeout(Runnable::run, 20_000));

        String insert = "INSERT INTO public.left_open VALUES (1)";
        ENDS.put("nothing more", c -> {});
        ENDS.put("BEGIN", c -> execute(c, "BEGIN; " + insert));
        ENDS.put("a prepared BEGIN", c -> {
            prepared(c, "BEGIN", null);
            execute(c, insert);
        });
        ENDS.put("COMMIT AND CHAIN", c -> execute(c, "BEGIN; COMMIT AND CHAIN; " + insert));
        ENDS.put("a failed transaction", c -> {
            execute(c, "BEGIN; " + insert);
            fail(c);
        });
        ENDS.put("auto-commit off", c -> {
            c.setAutoCommit(false);
            execute(c, insert);
        });
        ENDS.put("a savepoint", c -> {
            c.setAutoCommit(false);
            c.setSavepoint();
            execute(c, insert);
        });
        ENDS.put("a failed transaction without auto-commit", c -> {
            c.setAutoCommit(false);
            execute(c, insert);
            fail(c);
        });
        ENDS.put("a half-done COPY to the server", c -> {
            CopyIn copy = c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY public.left_open FROM STDIN");
            copy.writeToCopy(new byte[] {'1', '\n'}, 0, 2);
            copy.flushCopy();
        });
        ENDS.put(
                "a half-done COPY from the server",
                c -> c.unwrap(PGConnection.class)
                        .getCopyAPI()
                        .copyOut("COPY (SELECT generate_series(1, 100000)) TO STDOUT")
                        .readFromCopy());
    }

    private final String look;

    /** How often each kind was left in full, by its name. */
    private final Map<String, AtomicLong> left = new ConcurrentHashMap<>();

    Leftovers(TestDatabase server) throws SQLException {
        this.look = LOOK.formatted(server.user());
        Contamination.prepare(server);
        server.execute("CREATE TABLE public.left_open (id bigint); GRANT ALL ON public.left_open TO PUBLIC");
    }

    /** The statement of {@link #find}. */
    String look() {
        return look;
    }

    /** What is in this session of others; null for nothing. */
    @Nullable
    String find(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(look)) {
            row.next();
            return row.getString(1);
        }
    }

    /** Leaves some, as {@code random} will have it, and stops where the connection breaks. */
    void leave(Connection connection, SplittableRandom random) throws SQLException {
        List<String> kinds = new ArrayList<>(SESSION.keySet());
        for (int count = random.nextInt(4); count > 0; count--) {
            String kind = kinds.remove(random.nextInt(kinds.size()));
            SESSION.get(kind).on(connection);
            count(kind);
        }
        String end = List.copyOf(ENDS.keySet()).get(random.nextInt(ENDS.size()));
        ENDS.get(end).on(connection);
        count(end);
    }

    private void count(String kind) {
        left.computeIfAbsent(kind, name -> new AtomicLong()).incrementAndGet();
    }

    /** Kinds that nobody managed to leave: where there are any, the soak says less than it claims. */
    List<String> neverLeft() {
        List<String> never = new ArrayList<>(SESSION.keySet());
        never.addAll(ENDS.keySet());
        never.removeAll(left.keySet());
        return never;
    }

    private static void fail(Connection connection) throws SQLException {
        try {
            execute(connection, "SELECT 1/0");
        } catch (SQLException e) {
            // Division by zero is meant; a connection that broke is the user's failure.
            if (!"22012".equals(e.getSQLState())) {
                throw e;
            }
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void prepared(Connection connection, String sql, @Nullable String parameter) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            if (parameter != null) {
                statement.setString(1, parameter);
            }
            statement.execute();
        }
    }
}
