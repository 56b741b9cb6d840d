package io.forgeloom.database;

import io.forgeloom.database.ReplicaStatus.State;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.System.Logger.Level;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One replica: its pool, whether reads may go there, and the virtual thread that probes it. Safe for use by many threads.
 */
final class Replica implements ServerListener, AutoCloseable {

    // Evidence against a replica takes it out of the rotation on the spot, by whichever thread meets it, and wakes the
    // prober; only a probe that succeeds takes it in again. So no user ever waits to find out what the pool knows, and
    // a
    // false alarm costs the others a few milliseconds of its share.

    private static final System.Logger LOG = ConnectionPool.LOG;

    /** How long a probe may take, connecting included. */
    static final Duration PROBE_TIMEOUT = Duration.ofSeconds(1);

    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
    private static final Duration LAST_RETRY = Duration.ofSeconds(4);

    /** What the probe asks; the position as a number, null on a server that is in no recovery. */
    private static final String PROBE = """
            SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_catalog.pg_lsn
            """;

    /**
     * How far a server had replayed.
     *
     * @param lsn the position in the log
     * @param server whose
     * @param nanos when this was asked for; {@link System#nanoTime()}
     */
    record Replay(long lsn, Backend.Server server, long nanos) {}

    /** What a probe found. */
    private record Found(boolean inRecovery, @Nullable Replay replay) {}

    /** A state and how it came about. */
    private record Standing(State state, Instant since, String reason) {}

    private final ConnectionPool pool;
    private final Duration interval;
    private final BackgroundTask prober;
    private final Semaphore wake = new Semaphore(0);

    /** Guards the change of {@link #standing}; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile Standing standing;
    private volatile @Nullable Replay replay;

    /** Set once, before the prober is started. */
    private Runnable onChange = () -> {};

    /** Counts the evidence, so that a probe that began before does not overrule it. Guarded by the lock. */
    private long suspicions;

    Replica(ConnectionPool pool, ReplicaOptions options) {
        this.pool = pool;
        this.interval = options.probeInterval();
        this.standing = new Standing(State.IN_ROTATION, Instant.now(), "it passed the start-up check");
        pool.listen(this);
        this.prober = new BackgroundTask("forgeloom-probe-" + pool.name(), this::run);
    }

    ConnectionPool pool() {
        return pool;
    }

    boolean isInRotation() {
        return standing.state == State.IN_ROTATION;
    }

    /** Whom to tell when it enters or leaves the rotation. */
    void onChange(Runnable listener) {
        onChange = listener;
    }

    void start() {
        prober.start();
    }

    ReplicaStatus status(long reads, double share) {
        Standing now = standing;
        return new ReplicaStatus(pool.name(), now.state, now.since, now.reason, reads, share, pool.stats());
    }

    /**
     * Whether a session of this replica is known to show everything up to {@code lsn}, without asking. No is no proof.
     * A session opened before the position was asked for, and alive, belongs to the same life of the same server: a
     * standby that crashes ends all its sessions, and may fall behind its former position.
     */
    boolean covers(long lsn, PooledSession session) {
        Replay known = replay;
        return known != null
                && known.lsn >= lsn
                && known.nanos - session.openedNanos > 0
                && known.server.equals(session.session.backend().server());
    }

    // ---- evidence ----

    @Override
    public void suspected(String evidence) {
        lock.lock();
        try {
            suspicions++;
            if (standing.state == State.IN_ROTATION) {
                standing = new Standing(State.SUSPECT, Instant.now(), evidence);
            }
        } finally {
            lock.unlock();
        }
        onChange.run();
        wake.release();
    }

    @Override
    public void reportedRole(boolean standby) {
        if (!standby) {
            enter(State.NOT_A_REPLICA, "it reports that it is a standby no more: it was promoted");
        }
        wake.release();
    }

    @Override
    public @Nullable String opened(PgSession session) {
        if (session.role() != ServerRole.STANDBY) {
            reportedRole(false);
        }
        return null;
    }

    // ---- probing ----

    private void run(BooleanSupplier stopRequested) throws InterruptedException {
        Backoff backoff = new Backoff(FIRST_RETRY, LAST_RETRY);
        while (!stopRequested.getAsBoolean()) {
            long pause = standing.state == State.DOWN ? backoff.nextNanos() : interval.toNanos();
            boolean woken = wake.tryAcquire(pause, TimeUnit.NANOSECONDS);
            wake.drainPermits();
            if (woken && standing.state == State.DOWN) {
                // Known already: whatever still breaks there is no reason to try sooner.
                continue;
            }
            probe();
            if (standing.state == State.IN_ROTATION) {
                backoff = new Backoff(FIRST_RETRY, LAST_RETRY);
            }
        }
    }

    private void probe() throws InterruptedException {
        long before = suspicionsNow();
        try {
            Found found = pool.control().ask(Replica::look, Deadline.after(PROBE_TIMEOUT));
            replay = found.replay;
            pool.admit();
            judge(found, before);
        } catch (SQLException e) {
            replay = null;
            String reason = "it does not answer a probe: " + e.getMessage();
            enter(State.DOWN, reason);
            // Those who wait there go elsewhere.
            pool.refuse(reason);
        }
    }

    private static Found look(PgSession session) throws SQLException {
        long asked = System.nanoTime();
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(PROBE)) {
            row.next();
            long lsn = row.getLong(2);
            return new Found(
                    row.getBoolean(1),
                    row.wasNull() ? null : new Replay(lsn, session.backend().server(), asked));
        }
    }

    private void judge(Found found, long suspicionsBefore) {
        if (!found.inRecovery) {
            enter(State.NOT_A_REPLICA, "it is in no recovery: it was promoted, or never was a standby");
        } else if (suspicionsNow() == suspicionsBefore) {
            enter(State.IN_ROTATION, "it answered a probe");
        } else {
            wake.release();
        }
    }

    private long suspicionsNow() {
        lock.lock();
        try {
            return suspicions;
        } finally {
            lock.unlock();
        }
    }

    private void enter(State state, String reason) {
        Standing before;
        lock.lock();
        try {
            before = standing;
            if (before.state == state) {
                return;
            }
            standing = new Standing(state, Instant.now(), reason);
        } finally {
            lock.unlock();
        }
        onChange.run();
        if (before.state == State.SUSPECT && state == State.IN_ROTATION) {
            LOG.log(Level.DEBUG, "{0} was suspected ({1}) and answers", pool.name(), before.reason);
        } else if (state == State.IN_ROTATION) {
            LOG.log(Level.INFO, "{0}: reads go there again: {1}", pool, reason);
        } else {
            LOG.log(Level.WARNING, "{0}: no reads go there: {1}", pool, reason);
        }
    }

    /** Ends the prober; the pool is closed apart from it. */
    @Override
    public void close() {
        prober.close();
    }
}
