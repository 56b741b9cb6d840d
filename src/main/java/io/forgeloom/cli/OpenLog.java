package io.forgeloom.cli;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A change log, and what it is opened with; its bus is not started. One thread at a time.
 *
 * @param log where the session finds it, or in the schema that was named
 */
record OpenLog(Database database, NotifyBus bus, ChangeLog log) implements AutoCloseable {

    private static final String FIND = """
            SELECT n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = pg_catalog.to_regclass(?)
            """;

    private static final String NAME = """
            SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = pg_catalog.to_regclass(?)
            """;

    /** Opens the log, does {@code what} and closes it. */
    static <T> T call(DatabaseConfig config, @Nullable Identifier schema, Function<OpenLog, T> what) {
        try (OpenLog open = open(config, schema)) {
            return what.apply(open);
        }
    }

    /** @throws ConfigurationException if there is none */
    static OpenLog open(DatabaseConfig config, @Nullable Identifier schema) {
        Database database = Database.open(config);
        try {
            String table = (schema == null ? "" : schema.quoted() + ".") + "forge_change_log";
            String home = database.withConnection(connection -> text(connection, FIND, table));
            if (home == null) {
                throw new ConfigurationException(
                        "--schema",
                        "there is no table forge_change_log "
                                + (schema == null ? "on the search path of the URL" : "in schema " + schema.quoted())
                                + "; run forge migrate first, or name the schema that has it");
            }
            NotifyBus bus = NotifyBus.of(database);
            return new OpenLog(database, bus, ChangeLog.of(database, bus, new Identifier(home)));
        } catch (RuntimeException e) {
            database.close();
            throw e;
        }
    }

    /** A table as the log names it. */
    String name(String table) {
        String found = database.withConnection(connection -> text(connection, NAME, table));
        if (found == null) {
            throw new ConfigurationException("--table", "there is no table " + DeliveryLine.visible(table));
        }
        return found;
    }

    /** By the server's clock. */
    Instant now() {
        return database.withConnection(connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT pg_catalog.clock_timestamp()");
                    ResultSet row = statement.executeQuery()) {
                row.next();
                return Objects.requireNonNull(row.getObject(1, OffsetDateTime.class))
                        .toInstant();
            }
        });
    }

    private static @Nullable String text(Connection connection, String question, String name) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(question)) {
            statement.setString(1, name);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? row.getString(1) : null;
            }
        }
    }

    @Override
    public void close() {
        try {
            bus.close();
        } finally {
            database.close();
        }
    }
}
