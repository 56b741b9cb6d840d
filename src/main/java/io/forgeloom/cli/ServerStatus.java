package io.forgeloom.cli;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.cli.ServerOptions.Target;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How one server is: asked on one session in two questions. One thread at a time. */
final class ServerStatus implements SideBySide.Look {

    private static final String APPLICATION_NAME = "forge status";

    /**
     * Of the receiver, others than monitoring roles see no more than that there is one. Kinds of processes are not visible
     * to everyone: what has no user is no client.
     */
    private static final String ASK = """
            SELECT s.standby,
                   CASE WHEN NOT s.standby
                        THEN CASE WHEN pg_catalog.current_setting('default_transaction_read_only') = 'on'
                                  THEN 'read-only' ELSE 'writable' END
                        WHEN pg_catalog.pg_get_wal_replay_pause_state() <> 'not paused' THEN 'paused'
                        ELSE coalesce((SELECT coalesce(r.status, 'receiving')
                                         FROM pg_catalog.pg_stat_wal_receiver r), 'cut off') END,
                   CASE WHEN s.standby THEN pg_catalog.pg_last_wal_replay_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn() END::text,
                   pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1),
                   (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
                     WHERE a.datid IS NOT NULL AND a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()),
                   pg_catalog.current_setting('max_connections')::int
              FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby) s
            """;

    /**
     * What the server says of itself.
     *
     * @param role {@code primary} or {@code replica}, by what it does and not by what the command line calls it
     * @param state {@code writable}, {@code read-only}; {@code streaming}, {@code cut off}, {@code paused}, …
     * @param position written by a primary, replayed by a replica
     * @param connections in use by clients, this one not counted
     */
    record Facts(String role, String state, String position, String version, int connections, int maxConnections) {}

    private final Target target;
    private final PrimaryMark mark;
    private final Duration timeout;
    private @Nullable Facts facts;
    private PrimaryMark.@Nullable Lag lag;
    private @Nullable String problem;
    private @Nullable Throwable cause;

    ServerStatus(Target target, PrimaryMark mark, Duration timeout) {
        this.target = target;
        this.mark = mark;
        this.timeout = timeout;
    }

    @Override
    public String role() {
        return target.role();
    }

    String address() {
        return target.url().toString();
    }

    /** Null if there was no answer. */
    @Nullable
    Facts facts() {
        return facts;
    }

    /** Null for the primary, and where it is not known. */
    PrimaryMark.@Nullable Lag lag() {
        return lag;
    }

    /** Why it is not in order; null if it is. */
    @Nullable
    String problem() {
        return problem;
    }

    @Nullable
    Throwable cause() {
        return cause;
    }

    @Override
    public void run(Deadline deadline) {
        boolean primary = role().equals(ServerReport.PRIMARY);
        try (PgSession session = new PgConnector(target.url(), APPLICATION_NAME, Map.of()).connect(deadline)) {
            if (primary) {
                askPrimary(session);
            } else {
                askReplica(session, deadline);
            }
        } catch (SQLException e) {
            fail(deadline.expired() ? tooLate() : String.valueOf(e.getMessage()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            fail(tooLate(), e);
        } finally {
            if (primary) {
                mark.giveUp();
            }
        }
    }

    private void askPrimary(PgSession session) throws SQLException {
        Facts found = ask(session);
        facts = found;
        if (found.role.equals("replica")) {
            problem = "it is in recovery, so a replica: name the primary by --url";
        } else {
            mark.read(session);
        }
    }

    private void askReplica(PgSession session, Deadline deadline) throws SQLException, InterruptedException {
        Facts found = ask(session);
        facts = found;
        if (found.role.equals("primary")) {
            problem = "it is in no recovery, so no replica: it was promoted, or never was one";
        } else {
            lag = mark.behind(session, deadline);
        }
    }

    private static Facts ask(PgSession session) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(ASK)) {
            row.next();
            String position = row.getString(3);
            return new Facts(
                    row.getBoolean(1) ? "replica" : "primary",
                    row.getString(2),
                    position == null ? "" : position,
                    row.getString(4),
                    row.getInt(5),
                    row.getInt(6));
        }
    }

    private String tooLate() {
        return "no answer within " + timeout.toSeconds() + " s; --timeout allows more";
    }

    private void fail(String why, Throwable thrown) {
        problem = why;
        cause = thrown;
    }
}
