package io.forgeloom.testing.chaos;

import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;

/** Reads what a run has left in the database. */
final class StateReader {

    private interface Row {
        void read(ResultSet row) throws SQLException;
    }

    private StateReader() {}

    static FinalState read(TestServer server) throws SQLException {
        FinalState state = new FinalState();
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            each(
                    statement,
                    "SELECT node || '/' || n FROM chaos_journal",
                    row -> state.journal.merge(row.getString(1), 1, Integer::sum));
            each(statement, "SELECT node || '/' || n FROM chaos_sent", row -> add(state.sent, row));
            each(
                    statement,
                    "SELECT id FROM chaos_effect",
                    row -> state.effects.merge(row.getString(1), 1, Integer::sum));
            each(statement, "SELECT id FROM chaos_source", row -> add(state.source, row));
            each(
                    statement,
                    "SELECT id, value FROM chaos_followed",
                    row -> state.followed.put(row.getString(1), row.getString(2)));
            each(
                    statement,
                    "SELECT * FROM chaos_write ORDER BY id",
                    row -> state.leaderWrites.add(new FinalState.LeaderWrite(
                            row.getLong(1),
                            row.getString(2),
                            row.getLong(3),
                            row.getLong(4),
                            row.getLong(5),
                            row.getLong(6),
                            row.getBoolean(7))));
            each(
                    statement,
                    "SELECT * FROM chaos_term ORDER BY id",
                    row -> state.leaderTerms.add(new FinalState.LeaderTerm(
                            row.getLong(1), row.getString(2), row.getLong(3), row.getLong(4))));
            each(
                    statement,
                    "SELECT name FROM chaos_migrated",
                    row -> state.migrations.merge(row.getString(1), 1, Integer::sum));
            each(statement, "SELECT sum(balance) FROM chaos_account", row -> state.balance = row.getLong(1));
            each(statement, "SELECT count(*) FROM chaos_dirt", row -> state.dirt = row.getLong(1));
        }
        return state;
    }

    private static void add(Collection<String> to, ResultSet row) throws SQLException {
        to.add(row.getString(1));
    }

    private static void each(Statement statement, String sql, Row reader) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
                reader.read(row);
            }
        }
    }
}
