package io.forgeloom.migrate;

import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.pg.ScriptSession;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The one session that a run has, for the lock and for the work, so that whoever has lost the lock can write no more.
 * Between files its search path is empty, as the fingerprint needs it. Confined to one thread.
 */
final class MigrationSession implements AutoCloseable {

    /**
     * What the catalog's texts depend on. A default that is a point in time reads otherwise in each time zone, and the
     * driver takes that of its machine: without these, each node would find the others' schema changed. Files run with the
     * connection's own.
     */
    private static final Map<String, String> DEPARSING = new TreeMap<>(Map.of(
            "search_path", "pg_catalog, pg_temp",
            "TimeZone", "UTC",
            "DateStyle", "ISO, YMD",
            "IntervalStyle", "postgres",
            "bytea_output", "hex",
            "extra_float_digits", "1",
            "lc_monetary", "C",
            "quote_all_identifiers", "off"));

    /** Within a transaction, before the history is written. */
    static final String DEPARSE_LOCALLY = deparsing("SET LOCAL %s = %s; ");

    /** Before a file's own statements. */
    static final String AS_CONNECTED = deparsing("RESET %s; ");

    /**
     * One round trip; the inner question is answered before the search path is emptied. Until something is to be applied,
     * nothing here is worth a longer wait for a table that others have locked.
     */
    private static final String OPEN = """
            SELECT f.pid, f.schema, f.path, f.history IS NOT NULL,
                   EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                           WHERE a.attrelid = f.history AND a.attname = 'catalog' AND NOT a.attisdropped),
                   EXISTS (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname = f.schema),
                   %s
                   pg_catalog.set_config('lock_timeout', '1s', false),
                   pg_catalog.set_config('idle_session_timeout', ?, false),
                   pg_catalog.set_config('client_connection_check_interval', '1s', false)
            FROM (SELECT t.*, CASE WHEN t.schema IS NOT NULL THEN
                         pg_catalog.to_regclass(pg_catalog.format('%%I.forge_system_migrations', t.schema)) END AS history
                  FROM (SELECT pg_catalog.pg_backend_pid() AS pid,
                               ARRAY(SELECT p.name FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS p (name)
                                     WHERE NOT pg_catalog.starts_with(CAST(p.name AS text), 'pg_')) AS path,
                               COALESCE(CAST(? AS text), pg_catalog.current_schema()) AS schema OFFSET 0) AS t
                  OFFSET 0) AS f
            """.formatted(DEPARSING.entrySet().stream()
            .map(setting -> "pg_catalog.set_config('" + setting.getKey() + "', '" + setting.getValue() + "', false),")
            .collect(Collectors.joining(" ")));

    static final String LOCK_NOT_AVAILABLE = "55P03";

    /** How often the catalog is read before it counts as unreadable. */
    private static final int READINGS = 10;

    private static final Duration SHORT_PAUSE = Duration.ofMillis(5);
    private static final Duration LONG_PAUSE = Duration.ofMillis(100);

    private final Connection connection;
    private final ScriptSession script;
    private final int pid;
    private final Identifier schema;
    private final MigrationHistory history;
    private final String fresh;

    /** Whether the table of the history is there, and whether it has our columns. */
    private boolean hasHistory;

    private boolean hasCatalog;

    /** Making one that is there needs the right to make one, so that it is not even tried. */
    private final boolean hasSchema;

    private MigrationSession(Connection connection, @Nullable Identifier wanted, Duration idleTimeout)
            throws SQLException {
        this.connection = connection;
        this.script = connection.unwrap(ScriptSession.class);
        this.fresh = fresh(idleTimeout);
        try (PreparedStatement statement = connection.prepareStatement(OPEN)) {
            statement.setString(1, idleTimeout.toMillis() + "ms");
            statement.setString(2, wanted == null ? null : wanted.name());
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                pid = row.getInt(1);
                @Nullable String found = row.getString(2);
                if (found == null) {
                    throw new ConfigurationException(
                            "schema",
                            "the search path of this session names no schema that exists and that this role may use; name one");
                }
                schema = new Identifier(found);
                hasHistory = row.getBoolean(4);
                hasCatalog = row.getBoolean(5);
                hasSchema = row.getBoolean(6);
                Set<String> schemas =
                        new LinkedHashSet<>(List.of((String[]) row.getArray(3).getArray()));
                schemas.add(found);
                history = new MigrationHistory(connection, schema, schemas.toArray(String[]::new));
            }
        }
    }

    /** Takes a dedicated connection; waits up to the pool's timeout. */
    static MigrationSession open(ConnectionPool pool, @Nullable Identifier schema, Duration idleTimeout)
            throws SQLException {
        Connection connection = pool.acquireDedicated("migrator");
        try {
            return new MigrationSession(connection, schema, idleTimeout);
        } catch (Throwable e) {
            close(connection, e);
            throw e;
        }
    }

    private static String deparsing(String statement) {
        return DEPARSING.entrySet().stream()
                .map(setting -> statement.formatted(
                        setting.getKey(),
                        // A list of names there, and a text elsewhere.
                        setting.getKey().equals("search_path") ? setting.getValue() : "'" + setting.getValue() + "'"))
                .collect(Collectors.joining());
    }

    /**
     * A process that is frozen or dead does not keep the lock: idle for long, inside of a transaction or outside, ends the
     * session, and a client that is gone ends its statement within a second. What is done between files waits no longer
     * than a statement of a file would for what others have locked. A file's strings mean what the splitter took them for.
     */
    private static String fresh(Duration idleTimeout) {
        String idle = " = '" + idleTimeout.toMillis() + "ms'; ";
        // A transaction of its own: the next one begins by the defaults that are set here.
        return "BEGIN; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; DEALLOCATE ALL; DISCARD TEMP;"
                + " DISCARD SEQUENCES; UNLISTEN *; SET standard_conforming_strings = on; "
                + deparsing("SET %s = %s; ")
                + "SET client_connection_check_interval = '1s'; SET transaction_timeout = 0; SET lock_timeout = '5s'; SET"
                + " idle_session_timeout"
                + idle + "SET idle_in_transaction_session_timeout" + idle + "COMMIT; ";
    }

    /** Whatever a file did to the session, the next one finds it as the first did. */
    String fresh() {
        return fresh;
    }

    Connection connection() {
        return connection;
    }

    ScriptSession script() {
        return script;
    }

    /** Where the system's migrations put what they create. */
    Identifier schema() {
        return schema;
    }

    MigrationHistory history() {
        return history;
    }

    /** Nothing if there is no table yet. One round trip. */
    List<AppliedMigration> applied() throws SQLException {
        if (!hasHistory) {
            hasHistory = exists();
        }
        return hasHistory ? history.read() : List.of();
    }

    /**
     * What differs from what the last migration left; nothing if that is not known. One round trip, unless others change
     * the catalog while it is read.
     */
    List<String> differences() throws SQLException, InterruptedException {
        Backoff backoff = new Backoff(SHORT_PAUSE, LONG_PAUSE);
        for (int attempt = 1; hasCatalog; attempt++) {
            try {
                return history.differences();
            } catch (SQLException e) {
                if (isFinal(e, attempt)) {
                    throw e;
                }
                Thread.sleep(Duration.ofNanos(backoff.nextNanos()));
            }
        }
        return List.of();
    }

    /**
     * Writes down what the schema is after a file, in the transaction that is open; needs an empty search path. If others
     * do not let it be read, then it is not known until the next run: that is no reason to give up the file.
     */
    void remember(String key) throws SQLException {
        for (int attempt = 1; ; attempt++) {
            script.send("SAVEPOINT forge_fingerprint");
            try {
                history.remember(key);
                return;
            } catch (SQLException e) {
                if (!CatalogFingerprint.isPassing(e)) {
                    throw e;
                }
                script.send("ROLLBACK TO SAVEPOINT forge_fingerprint");
                if (isFinal(e, attempt)) {
                    Migrator.LOG.log(
                            System.Logger.Level.WARNING,
                            "what the schema is after " + key + " could not be written down in " + attempt
                                    + " attempts, so that changes by hand will not be seen before the next migration: "
                                    + e.getMessage());
                    return;
                }
            }
        }
    }

    /** A lock has been waited for already, and others wait behind that. */
    private static boolean isFinal(SQLException e, int attempt) {
        return !CatalogFingerprint.isPassing(e) || attempt == READINGS || LOCK_NOT_AVAILABLE.equals(e.getSQLState());
    }

    /**
     * Makes the table, or extends it; whoever has the lock.
     *
     * @param lockTimeout how long others may have to wait behind this where the table is in use
     */
    void prepare(Duration lockTimeout) throws SQLException {
        if (!hasCatalog) {
            // One message is one transaction.
            script.send("SET client_min_messages = warning; SET lock_timeout = " + lockTimeout.toMillis() + "; "
                    + history.creation(!hasSchema));
            hasHistory = true;
            hasCatalog = true;
        }
        script.send(fresh);
    }

    /** Whether statements still reach the process that the first one did. */
    boolean isSameBackend() throws SQLException {
        return script.send("SELECT pg_catalog.pg_backend_pid()").equals(List.of(Integer.toString(pid)));
    }

    private boolean exists() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT pg_catalog.to_regclass(pg_catalog.format('%I.forge_system_migrations', CAST(? AS text)))"
                        + " IS NOT NULL")) {
            statement.setString(1, schema.name());
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    @Override
    public void close() {
        close(connection, null);
    }

    private static void close(Connection connection, @Nullable Throwable because) {
        try {
            connection.close();
        } catch (SQLException e) {
            if (because != null) {
                because.addSuppressed(e);
            } else {
                Migrator.LOG.log(System.Logger.Level.DEBUG, "the session of a run could not be closed", e);
            }
        }
    }
}
