package io.forgeloom.migrate;

import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.pg.ScriptSession;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The one session that a run has, for the lock and for the work, so that whoever has lost the lock can write no more.
 * Between files its search path is empty, as the fingerprint needs it. Confined to one thread.
 */
final class MigrationSession implements AutoCloseable {

    /**
     * So that a process that is frozen or dead does not keep the lock: idle for a minute, inside of a transaction or
     * outside, ends the session, and a client that is gone ends its statement within a second. A file's strings mean what
     * the splitter took them for.
     */
    private static final String SAFE = """
            SET standard_conforming_strings = on; SET search_path = pg_catalog; SET client_connection_check_interval = '1s';
            SET idle_session_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'; SET transaction_timeout = 0;
            """;

    /** Whatever a file did to the session, the next one finds it as the first did. */
    static final String FRESH = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DISCARD TEMP; UNLISTEN *; " + SAFE;

    /** One round trip; the inner question is answered before the search path is emptied. */
    private static final String OPEN = """
            SELECT f.pid, f.schema, f.path, f.history IS NOT NULL,
                   EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                           WHERE a.attrelid = f.history AND a.attname = 'catalog' AND NOT a.attisdropped),
                   pg_catalog.set_config('search_path', 'pg_catalog', false),
                   pg_catalog.set_config('idle_session_timeout', '60s', false),
                   pg_catalog.set_config('client_connection_check_interval', '1s', false)
            FROM (SELECT t.*, pg_catalog.to_regclass(pg_catalog.format('%I.forge_system_migrations', t.schema)) AS history
                  FROM (SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_schemas(false) AS path,
                               COALESCE(CAST(? AS text), pg_catalog.current_schema()) AS schema OFFSET 0) AS t
                  OFFSET 0) AS f
            """;

    private final Connection connection;
    private final ScriptSession script;
    private final int pid;
    private final Identifier schema;
    private final MigrationHistory history;

    /** Whether the table of the history is there, and whether it has our columns. */
    private boolean hasHistory;

    private boolean hasCatalog;

    private MigrationSession(Connection connection, @Nullable Identifier wanted) throws SQLException {
        this.connection = connection;
        this.script = connection.unwrap(ScriptSession.class);
        try (PreparedStatement statement = connection.prepareStatement(OPEN)) {
            statement.setString(1, wanted == null ? null : wanted.name());
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                pid = row.getInt(1);
                @Nullable String found = row.getString(2);
                if (found == null) {
                    throw new ConfigurationException(
                            "schema", "the search path of this session names no schema that exists; name one");
                }
                schema = new Identifier(found);
                hasHistory = row.getBoolean(4);
                hasCatalog = row.getBoolean(5);
                Set<String> schemas =
                        new LinkedHashSet<>(List.of((String[]) row.getArray(3).getArray()));
                schemas.add(found);
                history = new MigrationHistory(connection, schema, schemas.toArray(String[]::new));
            }
        }
    }

    /** Takes a dedicated connection; waits up to the pool's timeout. */
    static MigrationSession open(ConnectionPool pool, @Nullable Identifier schema) throws SQLException {
        Connection connection = pool.acquireDedicated("migrator");
        try {
            return new MigrationSession(connection, schema);
        } catch (Throwable e) {
            close(connection, e);
            throw e;
        }
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

    /** What differs from what the last migration left; nothing if that is not known. One round trip. */
    List<String> differences() throws SQLException {
        return hasCatalog ? history.differences() : List.of();
    }

    /** Makes the table, or extends it; whoever has the lock. */
    void prepare() throws SQLException {
        if (!hasCatalog) {
            // One message is one transaction.
            script.send("SET client_min_messages = warning; " + history.creation());
            hasHistory = true;
            hasCatalog = true;
        }
        script.send(FRESH);
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
