package io.forgeloom.database;

import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgSession;
import java.lang.System.Logger.Level;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Asks the primary where its log is, for the replicas to be measured against, and takes those out of the rotation whose
 * measurement has grown too old; in one virtual thread. Safe for use by many threads.
 */
final class LagWatch {

    private static final System.Logger LOG = ConnectionPool.LOG;

    private static final String POSITION = "SELECT pg_catalog.pg_current_wal_lsn() - '0/0'::pg_catalog.pg_lsn";

    private final ConnectionPool primary;
    private final LagBound bound;
    private final PrimaryLog log = new PrimaryLog();
    private final Semaphore wake = new Semaphore(0);
    private final BackgroundTask task = new BackgroundTask("forgeloom-lag", this::run);

    /** Set before the task is started. */
    private List<Replica> replicas = List.of();

    private volatile boolean primaryAnswers = true;

    LagWatch(ConnectionPool primary, ReplicaOptions options) {
        this.primary = primary;
        this.bound = LagBound.of(options);
    }

    PrimaryLog log() {
        return log;
    }

    LagBound bound() {
        return bound;
    }

    /** Whether the primary answered when it was last asked. */
    boolean primaryAnswers() {
        return primaryAnswers;
    }

    void start(List<Replica> watched) {
        replicas = List.copyOf(watched);
        if (!replicas.isEmpty()) {
            wake.release();
            task.start();
        }
    }

    /** A replica is being asked: the primary is, too, where that is not done often enough by itself. */
    void replicaIsAsked() {
        if (!bound.isTimeSet()) {
            wake.release();
        }
    }

    private void run(BooleanSupplier stopRequested) throws InterruptedException {
        long interval = bound.primaryInterval().toNanos();
        long due = System.nanoTime() + interval;
        while (!stopRequested.getAsBoolean()) {
            // Whoever is over the bound before the next look is due is not left in until then.
            long pause = Math.max(0, Math.min(due - System.nanoTime(), nextExcessNanos()));
            boolean woken = wake.tryAcquire(pause, TimeUnit.NANOSECONDS);
            if (woken) {
                wake.drainPermits();
            }
            if (woken || System.nanoTime() - due >= 0) {
                // From look to look, not from answer to question: the distance is how exact the lag is.
                due = System.nanoTime() + interval;
                look();
            }
            replicas.forEach(Replica::lookAtLag);
        }
    }

    private long nextExcessNanos() {
        return replicas.stream().mapToLong(Replica::excessInNanos).min().orElse(Long.MAX_VALUE);
    }

    private void look() throws InterruptedException {
        try {
            long asked = System.nanoTime();
            long lsn = primary.control().ask(LagWatch::position, Deadline.after(bound.primaryTimeout()));
            log.add(lsn, asked);
            if (!primaryAnswers) {
                LOG.log(Level.INFO, "{0}: the lag of the replicas is known again", primary);
            }
            primaryAnswers = true;
        } catch (SQLException e) {
            if (primaryAnswers) {
                LOG.log(
                        bound.isSet() ? Level.WARNING : Level.DEBUG,
                        "{0}: the lag of the replicas is not known, since it cannot be asked for its position: {1}",
                        primary,
                        e.getMessage());
            }
            primaryAnswers = false;
        }
    }

    private static long position(PgSession session) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(POSITION)) {
            row.next();
            return row.getLong(1);
        }
    }

    /** Returns when the thread has ended, or {@code end} will not wait any longer. */
    void close(ClosingWait end) {
        end.await(task::stop);
    }
}
