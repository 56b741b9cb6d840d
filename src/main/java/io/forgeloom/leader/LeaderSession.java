package io.forgeloom.leader;

import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.Database;
import io.forgeloom.internal.pg.ScriptSession;
import io.forgeloom.lock.LockId;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The one session that has the locks of all roles of a process. What goes wrong on it ends it, but for a row that others
 * have locked: nobody may guess what a session holds that has failed.
 *
 * <p>Safe for use by many threads: each call owns the session for its one round trip.
 */
final class LeaderSession implements AutoCloseable {

    /** What the pool shows it as. */
    static final String PURPOSE = "leader-election";

    /** Sent by whoever gives a role up, with the role's name. */
    static final String RELEASED = "forge_leader_released";

    private static final String LOCK_NOT_AVAILABLE = "55P03";

    /** One that a table's owner might wait for: another leader's fenced transaction is not worth more. */
    private static final Duration ROW_LOCK = Duration.ofMillis(50);

    private static final int LOOKS_BEHIND_A_POOLER = 5;

    private static final Duration CONNECT = Duration.ofSeconds(5);

    /** Alone in its SELECT, for with a FROM the planner might have it called twice; never on a standby, where anybody gets it. */
    private static final String TRY =
            "CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_try_advisory_lock(?) END";

    private static final String HELD = """
            SELECT CAST(l.classid AS bigint) << 32 | CAST(l.objid AS bigint) FROM pg_catalog.pg_locks AS l
            WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
              AND l.mode = 'ExclusiveLock'
              AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
            """;

    /** One text of one line for a row: what the old leader left is needed, and is seen in the same statement. */
    private static String election(String table, String role, String node, long leaseMillis, String incarnation) {
        return """
                SET LOCAL synchronous_commit = on;
                INSERT INTO %1$s AS r (role, node_id, acquired_at, lease_until, lease_millis, resigned_at, timeline, term,
                                       incarnation, backend_pid, backend_start)
                SELECT %2$s, %3$s, pg_catalog.now(), pg_catalog.now() + interval '%4$d ms', %4$d, NULL,
                       CAST(CAST('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)
                            AS bit(32)) AS bigint), 1, CAST('%5$s' AS uuid), b.pid, b.backend_start
                FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS b
                ON CONFLICT (role) DO UPDATE SET node_id = EXCLUDED.node_id, acquired_at = EXCLUDED.acquired_at,
                    lease_until = EXCLUDED.lease_until, lease_millis = EXCLUDED.lease_millis, resigned_at = NULL,
                    timeline = EXCLUDED.timeline, term = r.term + 1, incarnation = EXCLUDED.incarnation,
                    backend_pid = EXCLUDED.backend_pid, backend_start = EXCLUDED.backend_start
                RETURNING pg_catalog.concat_ws(' ', NEW.timeline, NEW.term, OLD.timeline, OLD.term,
                    CASE WHEN OLD.resigned_at IS NULL THEN OLD.lease_millis ELSE 0 END)
                """.formatted(table, role, node, leaseMillis, incarnation);
    }

    private static String refreshing(String table) {
        return """
                UPDATE %s AS r SET lease_until = pg_catalog.now() + r.lease_millis * interval '1 millisecond'
                FROM ROWS FROM (pg_catalog.unnest(CAST(? AS text[])), pg_catalog.unnest(CAST(? AS bigint[]))) AS h (role, term)
                WHERE r.role = h.role AND r.term = h.term AND r.incarnation = CAST(? AS uuid) RETURNING r.role
                """.formatted(table);
    }

    /** The lock is free before the message goes out: that waits for the commit, and unlocking does not. */
    private static String release(String table, String role, long term, String incarnation, LockId lock) {
        return """
                UPDATE %1$s SET lease_until = pg_catalog.now(), resigned_at = pg_catalog.now()
                WHERE role = %2$s AND term = %3$d AND incarnation = '%4$s';
                NOTIFY forge_leader_released, %2$s;
                SELECT pg_catalog.pg_advisory_unlock(%5$s)
                """.formatted(table, role, term, incarnation, lock);
    }

    private final Connection connection;
    private final ScriptSession script;
    private final LeaderConfig config;
    private final LeaderTable table;
    private final String nodeId;
    private final String incarnation;
    private final boolean findsDeadClients;

    /** Held for one round trip, by a thread that waits for nothing but this session's server. */
    private final ReentrantLock owner = new ReentrantLock();

    private final AtomicBoolean retired = new AtomicBoolean();

    /** {@link System#nanoTime()} of the last statement. Guarded by {@link #owner}. */
    private long usedNanos = System.nanoTime();

    private LeaderSession(Connection connection, LeaderConfig config, String nodeId, String incarnation)
            throws SQLException {
        this.connection = connection;
        this.script = connection.unwrap(ScriptSession.class);
        this.config = config;
        this.nodeId = nodeId;
        this.incarnation = incarnation;
        connection.setNetworkTimeout(Runnable::run, Math.toIntExact(answer().toMillis()));
        this.table = LeaderTable.find(connection, config.schema());
        LeaderSettings settings = new LeaderSettings(config.leaseDuration(), ROW_LOCK);
        this.findsDeadClients = settings.apply(connection, script);
    }

    /** A new session of the primary, whichever server that is now. */
    static LeaderSession open(ConnectionPool pool, LeaderConfig config, String nodeId, String incarnation)
            throws SQLException {
        Connection connection = pool.acquireDedicated(PURPOSE, CONNECT);
        try {
            LeaderSession opened = new LeaderSession(connection, config, nodeId, incarnation);
            if (LeaderSettings.pid(opened.script) != opened.script.announcedPid()) {
                opened.requireItsOwn(pool);
            }
            return opened;
        } catch (Throwable e) {
            connection.close();
            throw e;
        }
    }

    /**
     * Behind a pooler: that no other connection is given this session while it is idle. Tried more than once, since which one
     * a pooler gives is its own affair; most give the one that was used last.
     */
    private void requireItsOwn(ConnectionPool pool) throws SQLException {
        try (Connection other = pool.acquire(CONNECT)) {
            for (int i = 0; i < LOOKS_BEHIND_A_POOLER; i++) {
                int mine = LeaderSettings.pid(script);
                if (LeaderSettings.pid(other.unwrap(ScriptSession.class)) == mine) {
                    throw LeaderSettings.shared();
                }
            }
        }
    }

    LeaderTable table() {
        return table;
    }

    /** How long an answer may take; a statement is given up by the server after half a lease. */
    private Duration answer() {
        return config.leaseDuration().multipliedBy(2).dividedBy(3);
    }

    /** One use of the session. */
    interface Call<T extends @Nullable Object> {
        T ask() throws SQLException;
    }

    /** Has the session for a round trip; what changes with the answer is changed before anybody else has it. */
    <T extends @Nullable Object> T use(Call<T> call) throws SQLException, InterruptedException {
        if (!owner.tryLock(answer().toNanos(), TimeUnit.NANOSECONDS)) {
            throw new SQLException(
                    "the session was not free within " + answer().toMillis() + " ms: its server does not answer",
                    "08006");
        }
        try {
            if (retired.get()) {
                throw new SQLException("the session has ended", "08003");
            }
            return call.ask();
        } finally {
            owner.unlock();
        }
    }

    /** Whether this is the first to say so: from now on nobody uses it. */
    boolean retire() {
        return retired.compareAndSet(false, true);
    }

    boolean isRetired() {
        return retired.get();
    }

    /** Whether nothing was asked for so long; within use. */
    boolean isIdleFor(Duration time) {
        return System.nanoTime() - usedNanos >= time.toNanos();
    }

    /** How leaderships that are won over this session do their work. */
    Leadership.Fence fence(Database database, BiConsumer<Leadership, String> superseded) {
        String sql = (findsDeadClients ? "SET LOCAL client_connection_check_interval = '100ms'; " : "")
                + "SELECT 1 FROM " + table.name()
                + " WHERE role = ? AND term = ? AND timeline = ? AND incarnation = CAST(? AS uuid) FOR KEY SHARE";
        return new Leadership.Fence(
                database, sql, incarnation, config.leaseDuration().dividedBy(2), superseded);
    }

    // ---- what is asked; within use ----

    /** Tries the locks, none of which this session may have. */
    List<LeaderRole> tryLocks(List<LeaderRole> roles) throws SQLException {
        usedNanos = System.nanoTime();
        String sql = "SELECT " + roles.stream().map(role -> TRY).collect(Collectors.joining(", "));
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < roles.size(); i++) {
                statement.setLong(i + 1, roles.get(i).lockId().value());
            }
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                Set<LeaderRole> won = new HashSet<>();
                for (int i = 0; i < roles.size(); i++) {
                    if (row.getBoolean(i + 1)) {
                        won.add(roles.get(i));
                    } else if (row.wasNull()) {
                        throw new SQLException("the server is a standby, whose locks keep nobody out", "25006");
                    }
                }
                return roles.stream().filter(won::contains).toList();
            }
        }
    }

    /** The numbers of the locks that the server says this session has. */
    Set<Long> held() throws SQLException {
        usedNanos = System.nanoTime();
        try (PreparedStatement statement = connection.prepareStatement(HELD);
                ResultSet row = statement.executeQuery()) {
            Set<Long> held = new HashSet<>();
            while (row.next()) {
                held.add(row.getLong(1));
            }
            return held;
        }
    }

    /**
     * The next term.
     *
     * @param earlier who was before; null if nobody was
     * @param earlierLease how long that one may trust itself at most; zero if it resigned
     */
    record Term(LeadershipToken token, @Nullable LeadershipToken earlier, Duration earlierLease) {}

    /** Writes the next term of a role whose lock this session has; null while an old leader's transaction keeps the row. */
    @Nullable
    Term elect(LeaderRole role) throws SQLException {
        String sql = election(
                table.name(),
                literal(role.name()),
                literal(nodeId),
                config.leaseDuration().toMillis(),
                incarnation);
        try {
            String[] row = script.send(sql).getFirst().split(" ", -1);
            LeadershipToken token = token(row[0], row[1]);
            return row.length == 2
                    ? new Term(token, null, Duration.ZERO)
                    : new Term(token, token(row[2], row[3]), Duration.ofMillis(Long.parseLong(row[4])));
        } catch (SQLException e) {
            if (isRowLocked(e)) {
                return null;
            }
            throw e;
        }
    }

    /**
     * Renews the leases of roles whose term this session has written.
     *
     * @return those whose row says otherwise; empty also if somebody has locked a row
     */
    List<LeaderRole> refresh(List<Seat> seats) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(refreshing(table.name()))) {
            Object[] roles = seats.stream().map(seat -> seat.role.name()).toArray();
            Object[] terms = seats.stream()
                    .map(seat -> seat.token == null ? 0 : seat.token.term())
                    .toArray();
            statement.setArray(1, connection.createArrayOf("text", roles));
            statement.setArray(2, connection.createArrayOf("bigint", terms));
            statement.setString(3, incarnation);
            Set<String> renewed = new HashSet<>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    renewed.add(row.getString(1));
                }
            }
            return seats.stream()
                    .map(seat -> seat.role)
                    .filter(role -> !renewed.contains(role.name()))
                    .toList();
        } catch (SQLException e) {
            if (isRowLocked(e)) {
                LeaderElection.LOG.log(
                        Level.DEBUG, "a row of " + table.name() + " is locked by others; its lease is not renewed", e);
                return List.of();
            }
            throw e;
        }
    }

    /** Gives a role up that this session leads or was about to: its row says so, its lock is free, the standbys are told. */
    void release(LeaderRole role, @Nullable LeadershipToken token) throws SQLException {
        List<String> freed = script.send(release(
                table.name(), literal(role.name()), token == null ? 0 : token.term(), incarnation, role.lockId()));
        if (!freed.equals(List.of("t"))) {
            throw new SQLException("the session did not have the lock of " + role + " any more", "55000");
        }
    }

    /** Says something. */
    void keepAlive() throws SQLException {
        script.send("SELECT 1");
    }

    private static LeadershipToken token(String timeline, String term) {
        return new LeadershipToken(Long.parseLong(timeline), Long.parseLong(term));
    }

    private static boolean isRowLocked(SQLException e) {
        return LOCK_NOT_AVAILABLE.equals(e.getSQLState());
    }

    /** The session has standard_conforming_strings on: see {@link LeaderSettings}. */
    private static String literal(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    /** Ends the session at once, and with it every lock, as soon as the server knows. Any thread. */
    void abort() {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            LeaderElection.LOG.log(Level.DEBUG, "the session of an election could not be aborted", e);
        }
    }

    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            LeaderElection.LOG.log(Level.DEBUG, "the session of an election could not be closed", e);
        }
    }
}
