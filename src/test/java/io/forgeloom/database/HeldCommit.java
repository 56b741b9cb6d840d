package io.forgeloom.database;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Holds the COMMIT of an insert into {@code public.item} until told, so that it can be seen under way however slow the
 * machine is. All on one session, which is open before.
 */
final class HeldCommit implements AutoCloseable {

    private static final String LOCK = "(7)";
    private static final String TRIGGER = """
            CREATE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock%s; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER held AFTER INSERT ON public.item DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION public.held()
            """.formatted(LOCK);

    private final Connection session;

    HeldCommit(TestDatabase server) throws SQLException {
        server.execute(TRIGGER);
        session = server.connect();
        query("SELECT pg_advisory_lock" + LOCK);
    }

    private String query(String sql) throws SQLException {
        try (Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return String.valueOf(row.getString(1));
        }
    }

    /** Returns when a statement like this one, a COMMIT, waits. */
    void awaitUnderWay(String like) throws SQLException, InterruptedException {
        String sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '" + like
                + "' AND state = 'active' AND wait_event = 'advisory'";
        Await.until(sql, () -> "1".equals(query(sql)));
    }

    /** Lets it go on; returns when its row is there. */
    void finish() throws SQLException, InterruptedException {
        query("SELECT pg_advisory_unlock" + LOCK);
        Await.until("the row", () -> "1".equals(query("SELECT count(*) FROM public.item")));
    }

    /** Lets it go on, too. */
    @Override
    public void close() throws SQLException {
        session.close();
    }
}
