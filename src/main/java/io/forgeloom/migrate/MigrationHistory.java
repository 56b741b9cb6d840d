package io.forgeloom.migrate;

import io.forgeloom.database.Identifier;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code forge_system_migrations}: what was applied, and what the schema was then. Only who has the lock writes
 * to it. One row, the last of a run, has the fingerprint of the schema object by object, so that a difference can be named;
 * what it says of the schemas that a run works on goes with the run's first file and comes with its last, since a
 * fingerprint after each would be most of the work in a large schema. Confined to one thread.
 */
final class MigrationHistory {

    /** The table as Forge has it, and our columns, which may be there already. */
    private static final String CREATE = """
            CREATE TABLE IF NOT EXISTS {schema}.forge_system_migrations (
                version varchar(255) PRIMARY KEY,
                applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
                checksum varchar(64));
            ALTER TABLE {schema}.forge_system_migrations
                ADD COLUMN IF NOT EXISTS algorithm text,
                ADD COLUMN IF NOT EXISTS state text NOT NULL DEFAULT 'applied' CHECK (state IN ('running', 'applied')),
                ADD COLUMN IF NOT EXISTS duration_ms bigint,
                ADD COLUMN IF NOT EXISTS applied_by text,
                ADD COLUMN IF NOT EXISTS server_version integer,
                ADD COLUMN IF NOT EXISTS fingerprint text,
                ADD COLUMN IF NOT EXISTS catalog jsonb;
            """;

    /** By way of JSON, so that a table that Forge made, without our columns, can be read before it is extended. */
    private static final String READ = """
            SELECT m.version, m.applied_at, m.checksum, pg_catalog.to_jsonb(m) ->> 'algorithm',
                   pg_catalog.to_jsonb(m) ->> 'state'
            FROM {schema}.forge_system_migrations AS m ORDER BY m.version COLLATE "C"
            """;

    private static final String BEGIN_LOOSE = """
            INSERT INTO {schema}.forge_system_migrations (version, checksum, algorithm, state, applied_by, server_version)
            VALUES (?, ?, ?, 'running', session_user, CAST(pg_catalog.current_setting('server_version_num') AS integer))
            """;

    private static final String FORGET =
            "DELETE FROM {schema}.forge_system_migrations WHERE version = ? AND state = 'running'";

    /** For a row that is new and for one that was running. The notification goes out with the commit. */
    private static final String APPLIED = """
            WITH stale AS (
                UPDATE {schema}.forge_system_migrations AS m SET catalog = m.catalog - CAST(? AS text[])
                WHERE pg_catalog.jsonb_exists_any(m.catalog, CAST(? AS text[])))
            INSERT INTO {schema}.forge_system_migrations AS h (version, checksum, algorithm, state, duration_ms, applied_by,
                                                          server_version)
            SELECT ?, ?, ?, 'applied', ?, session_user, CAST(pg_catalog.current_setting('server_version_num') AS integer)
            WHERE CAST(pg_catalog.pg_notify('forge_schema_changed', 'migrations_applied') AS text) IS NOT NULL
              AND (CAST(? AS text) IS NULL OR ? = CAST(pg_catalog.pg_current_xact_id() AS text))
            ON CONFLICT (version) DO UPDATE
            SET state = 'applied', applied_at = pg_catalog.now(), duration_ms = EXCLUDED.duration_ms,
                applied_by = EXCLUDED.applied_by, server_version = EXCLUDED.server_version
            """;

    /** What is known of schemas that were not looked at is carried over. The first parameter is the fingerprint's. */
    private static final String REMEMBER = """
            WITH {live},
            before AS MATERIALIZED (
                SELECT m.catalog FROM {schema}.forge_system_migrations AS m WHERE m.catalog IS NOT NULL
                ORDER BY m.applied_at DESC LIMIT 1),
            after AS MATERIALIZED (
                SELECT COALESCE((SELECT b.catalog FROM before AS b), '{}') || {json} AS catalog),
            forget AS (
                UPDATE {schema}.forge_system_migrations AS m SET catalog = NULL
                WHERE m.catalog IS NOT NULL AND m.version <> CAST(? AS text))
            UPDATE {schema}.forge_system_migrations AS h
            SET catalog = a.catalog,
                fingerprint = pg_catalog.encode(
                    pg_catalog.sha256(pg_catalog.convert_to(CAST(a.catalog AS text), 'UTF8')), 'hex')
            FROM after AS a WHERE h.version = ?
            """;

    /** What differs, ten objects at most; nothing for a schema that was not looked at, or by another major version. */
    private static final String DIFFERENCES = """
            WITH {live},
            stored AS MATERIALIZED (
                SELECT n.key AS schema, o.key AS object, o.value AS hash, m.version
                FROM {schema}.forge_system_migrations AS m
                CROSS JOIN LATERAL pg_catalog.jsonb_each(m.catalog) AS n
                CROSS JOIN LATERAL pg_catalog.jsonb_each_text(n.value) AS o
                WHERE m.server_version / 10000 = CAST(pg_catalog.current_setting('server_version_num') AS integer) / 10000),
            known AS MATERIALIZED (
                SELECT s.nspname AS schema, m.version FROM {schema}.forge_system_migrations AS m
                JOIN scope AS s ON pg_catalog.jsonb_exists(m.catalog, s.nspname)
                WHERE m.server_version / 10000 = CAST(pg_catalog.current_setting('server_version_num') AS integer) / 10000)
            SELECT k.schema, COALESCE(l.object, t.object), l.hash IS NULL, t.hash IS NULL, k.version
            FROM (SELECT s.* FROM stored AS s JOIN scope AS c ON c.nspname = s.schema) AS t
            FULL JOIN live AS l ON l.schema = t.schema AND l.object = t.object
            JOIN known AS k ON k.schema = COALESCE(l.schema, t.schema)
            WHERE l.hash IS DISTINCT FROM t.hash
            ORDER BY k.schema COLLATE "C", COALESCE(l.object, t.object) COLLATE "C" LIMIT 10
            """;

    private final Connection connection;
    private final String schema;
    private final Array fingerprinted;

    /**
     * @param schema where the table is, or will be
     * @param fingerprinted the schemas that migrations create things in
     */
    MigrationHistory(Connection connection, Identifier schema, String[] fingerprinted) throws SQLException {
        this.connection = connection;
        this.schema = schema.quoted();
        this.fingerprinted = connection.createArrayOf("text", fingerprinted);
    }

    private String sql(String template) {
        return template.replace("{live}", CatalogFingerprint.LIVE.strip())
                .replace("{json}", CatalogFingerprint.AS_JSON.strip())
                .replace("{schema}", schema);
    }

    /**
     * The statements that make the table, or bring one of Forge's up to date.
     *
     * @param withSchema whether the schema is to be made, too, for which even IF NOT EXISTS needs a right on the database
     */
    String creation(boolean withSchema) {
        return (withSchema ? "CREATE SCHEMA IF NOT EXISTS " + schema + "; " : "") + sql(CREATE);
    }

    /** All rows. The table must be there. */
    List<AppliedMigration> read() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(READ));
                ResultSet row = statement.executeQuery()) {
            List<AppliedMigration> rows = new ArrayList<>();
            while (row.next()) {
                rows.add(new AppliedMigration(
                        row.getString(1),
                        Objects.requireNonNull(row.getObject(2, OffsetDateTime.class), "applied_at")
                                .toInstant(),
                        row.getString(3),
                        row.getString(4),
                        "running".equals(row.getString(5))));
            }
            return rows;
        }
    }

    /** Before a migration without a transaction. */
    void begun(String key, MigrationFile file) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(BEGIN_LOOSE))) {
            statement.setString(1, key);
            statement.setString(2, file.checksum());
            statement.setString(3, MigrationText.ALGORITHM);
            statement.executeUpdate();
        }
    }

    /** After a migration without a transaction that has left nothing behind. */
    void forget(String key) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(FORGET))) {
            statement.setString(1, key);
            statement.executeUpdate();
        }
    }

    /**
     * Writes the row of a file; what is known of the schema counts no more until {@link #remember}.
     *
     * @param transaction the transaction that it must be part of; null for whichever it is
     * @return false if it is another transaction
     */
    boolean applied(String key, MigrationFile file, Duration took, @Nullable String transaction) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(APPLIED))) {
            statement.setArray(1, fingerprinted);
            statement.setArray(2, fingerprinted);
            statement.setString(3, key);
            statement.setString(4, file.checksum());
            statement.setString(5, MigrationText.ALGORITHM);
            statement.setLong(6, took.toMillis());
            statement.setString(7, transaction);
            statement.setString(8, transaction);
            return statement.executeUpdate() == 1;
        }
    }

    /**
     * Writes down in its row what the schema is after a file; needs an empty search path.
     *
     * @throws SQLException also one that {@link CatalogFingerprint#isPassing passes}
     */
    void remember(String key) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(REMEMBER))) {
            statement.setArray(1, fingerprinted);
            statement.setString(2, key);
            statement.setString(3, key);
            statement.executeUpdate();
        }
    }

    /**
     * What in the schema is not as the last migration left it, ten objects at most, in the order of their names; needs an
     * empty search path and a table with our columns.
     *
     * @throws SQLException also one that {@link CatalogFingerprint#isPassing passes}
     */
    List<String> differences() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql(DIFFERENCES))) {
            statement.setArray(1, fingerprinted);
            try (ResultSet row = statement.executeQuery()) {
                List<String> differences = new ArrayList<>();
                while (row.next()) {
                    String what = row.getBoolean(3) ? "is gone" : row.getBoolean(4) ? "was added" : "was changed";
                    differences.add(row.getString(2) + " in schema " + row.getString(1) + " " + what + " since "
                            + row.getString(5) + " was applied");
                }
                return differences;
            }
        }
    }
}
