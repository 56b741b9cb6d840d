package io.forgeloom.leader;

import io.forgeloom.database.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An elector as it is often written, for checking the checker: a flag is set when the lock is won and cleared by an orderly
 * release alone; an error of the session of the lock is ignored, and nothing is fenced.
 */
final class FlagElector implements ElectionNode.Elector {

    private static final Duration POLL = Duration.ofMillis(50);

    private static final String TERM = "INSERT INTO public.forge_leaders AS r"
            + " (role, node_id, acquired_at, lease_until, lease_millis, timeline, term, incarnation, backend_pid, backend_start)"
            + " SELECT '" + ElectionNode.ROLE
            + "', 'flag', now(), now(), 1, 1, 1, gen_random_uuid(), pg_backend_pid(), now()"
            + " ON CONFLICT (role) DO UPDATE SET term = r.term + 1, backend_pid = EXCLUDED.backend_pid RETURNING term";

    private final Database database;
    private volatile @Nullable LeadershipToken leads;

    FlagElector(Database database) {
        this.database = database;
        Thread.ofVirtual().name("flag-elector").start(this::campaign);
    }

    private void campaign() {
        while (true) {
            try (Connection connection = database.primary().acquireDedicated("flag-elector");
                    Statement statement = connection.createStatement()) {
                while (leads == null) {
                    if (isTrue(statement, "SELECT pg_try_advisory_lock(" + ElectionNode.ROLE.lockId() + ")")) {
                        leads = new LeadershipToken(1, number(statement, TERM));
                    }
                    LockSupport.parkNanos(POLL.toNanos());
                }
                while (true) {
                    number(statement, "SELECT 1");
                    LockSupport.parkNanos(POLL.toNanos());
                }
            } catch (SQLException | RuntimeException e) {
                // Here the leadership should end.
                LockSupport.parkNanos(POLL.toNanos());
            }
        }
    }

    private static boolean isTrue(Statement statement, String sql) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            return row.next() && row.getBoolean(1);
        }
    }

    private static long number(Statement statement, String sql) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Override
    public @Nullable LeadershipToken leads() {
        return leads;
    }

    @Override
    public void write(LeadershipToken token, boolean stale, ElectionNode.Write write) {
        database.<@Nullable Void, RuntimeException>inTransaction(transaction -> {
            write.on(transaction.connection());
            return null;
        });
    }

    @Override
    public void resign() {
        leads = null;
    }
}
