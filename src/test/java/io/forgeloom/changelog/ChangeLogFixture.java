package io.forgeloom.changelog;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A database with the system schema, a bus and a log, for one test. */
final class ChangeLogFixture implements AutoCloseable {

    final Database database;
    final NotifyBus bus;
    final ChangeLog log;
    private final TestServer server;
    private final Identifier home;

    ChangeLogFixture(TestServer server) {
        this(server, new Identifier("elsewhere"));
    }

    ChangeLogFixture(TestServer server, Identifier home) {
        this.server = server;
        this.home = home;
        SystemSchemaFiles.apply(server.url(), home);
        database =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(12).build());
        bus = NotifyBus.of(database);
        log = ChangeLog.of(database, bus, home);
    }

    /** The schema of the log. */
    Identifier home() {
        return home;
    }

    /** Runs statements in the sessions of the application, one transaction for each. */
    void execute(String... statements) throws SQLException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** All that is behind a position, as one line each: {@code I elsewhere.t 1}, and the changed columns if there are any. */
    List<String> lines(ChangePosition from) {
        return rows(from).stream()
                .map(row -> row.op().name().charAt(0) + " " + row.table() + " " + row.rowId()
                        + (row.changed() == null ? "" : " " + String.join(",", row.changed())))
                .toList();
    }

    List<ChangeRow> rows(ChangePosition from) {
        List<ChangeRow> rows = new ArrayList<>();
        try (ChangeDrain drain = log.drain(from)) {
            for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                rows.addAll(((Batch) next.get()).rows());
            }
        }
        return rows;
    }

    /** The first column of a query, as text. */
    List<String> column(String sql) throws SQLException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            List<String> values = new ArrayList<>();
            while (row.next()) {
                values.add(row.getString(1));
            }
            return values;
        }
    }

    @Override
    public void close() {
        bus.close();
        database.close();
    }
}
