package io.forgeloom.database;

import io.forgeloom.database.ReplicaStatus.State;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.pg.Backend;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.System.Logger.Level;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One replica: its pool, whether reads may go there, and the virtual thread that probes it. Safe for use by many threads.
 */
final class Replica implements ServerListener {

    // Evidence against a replica takes it out of the rotation on the spot, by whichever thread meets it, and wakes the
    // prober; only a probe that succeeds takes it in again. So no user ever waits to find out what the pool knows, and
    // a false alarm costs the others a few milliseconds of its share. With a bound to its lag, LagWatch takes it out,
    // too, when the last answer has grown too old for it.
    //
    // A server that hangs gives no evidence, it gives nothing. So whoever begins to wait for it says so (doubted), and
    // if somebody has waited for a moment the prober asks. An answer that is late is evidence, none within
    // PROBE_TIMEOUT is a verdict: it is DOWN, and everybody who queues there is refused. Those who wait inside a query
    // are cut when a second probe finds the same.

    private static final System.Logger LOG = ConnectionPool.LOG;

    /** How long a probe may take, connecting included. */
    static final Duration PROBE_TIMEOUT = Duration.ofSeconds(1);

    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);

    /** With a probe before it that hung, a server is asked again within 4 s of being reachable. */
    private static final Duration LAST_RETRY = Duration.ofSeconds(3);

    /** How long a replica stays out that cancelled a read: about what it replays in one go. */
    private static final Duration CONFLICT_PAUSE = Duration.ofSeconds(1);

    /** What the probe asks; the position as a number, null on a server that is in no recovery. */
    private static final String PROBE = """
            SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_catalog.pg_lsn
            """;

    private static final String REPLAYED = "SELECT pg_catalog.pg_last_wal_replay_lsn()";

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
    private final LagWatch lagWatch;
    private final LagBound bound;
    private final Duration interval;
    private final ProbePatience patience;
    private final BackgroundTask prober;

    private final ProbeDemand probes;

    /** Guards the change of {@link #standing}; nothing blocks under it. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile Standing standing;
    private volatile @Nullable Replay replay;

    /** Set once, before the prober is started. */
    private Runnable onChange = () -> {};

    // Guarded by the lock.

    /** Counts the evidence, so that a probe that began before does not overrule it. */
    private long suspicions;

    private long conflictOverNanos = System.nanoTime();

    /** What a start-up check would have asked, if the server could not be reached then; null once it is answered. */
    private volatile ControlSession.@Nullable Question<HarmlessFunctions> firstCheck;

    // Confined to the prober.
    private final Backoff backoff = new Backoff(FIRST_RETRY, LAST_RETRY);

    /** How many probes in a row got no answer at all, not even a refusal. */
    private int silences;

    Replica(ConnectionPool pool, LagWatch lagWatch) {
        this.pool = pool;
        this.lagWatch = lagWatch;
        this.bound = lagWatch.bound();
        this.interval = bound.replicaInterval();
        this.standing = bound.isSet()
                ? new Standing(State.LAGGING, Instant.now(), "its lag is not measured yet")
                : new Standing(State.IN_ROTATION, Instant.now(), "it passed the start-up check");
        this.probes = new ProbeDemand(pool);
        this.patience = new ProbePatience(pool.name(), PROBE_TIMEOUT);
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

    /**
     * It could not be reached when the database was opened. To be called before the start, of the pool as well.
     *
     * @param check what to ask when it first answers
     */
    void absentAtStart(String reason, ControlSession.Question<HarmlessFunctions> check) {
        firstCheck = check;
        pool.refuse(reason);
        enter(State.DOWN, reason);
    }

    void start() {
        prober.start();
    }

    /** Whether it answers, though it may be behind. */
    boolean answers() {
        State now = standing.state;
        return now == State.IN_ROTATION || now == State.LAGGING;
    }

    /** Null if it is not known. */
    @Nullable
    ReplicaLag lag() {
        Replay known = replay;
        return known == null ? null : lagWatch.log().behind(known.lsn, known.nanos, System.nanoTime());
    }

    /** When it will be over its bound if nobody asks it, from now; the largest number if it is not in rotation, or has none. */
    long excessInNanos() {
        ReplicaLag lag = standing.state == State.IN_ROTATION ? lag() : null;
        return lag == null ? Long.MAX_VALUE : bound.excessIn(lag);
    }

    /** The primary was asked, or time has passed: takes it out of the rotation if it is over its bound by now. Never blocks. */
    void lookAtLag() {
        State now = standing.state;
        String excess = bound.exceededBy(lag(), now == State.LAGGING);
        if (now == State.IN_ROTATION && excess != null) {
            enter(State.LAGGING, excess, now);
        } else if (now == State.LAGGING && excess == null) {
            // What it answered last would do, now that the primary's position is known: ask again, which lets it in.
            probes.demand();
        }
    }

    ReplicaStatus status(long reads, double share) {
        Standing now = standing;
        return new ReplicaStatus(pool.name(), now.state, now.since, now.reason, lag(), reads, share, pool.stats());
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

    /** Whether it was last seen at or after {@code lsn}: a hint where to ask first, and no proof. */
    boolean hasReplayed(long lsn) {
        Replay known = replay;
        return known != null && known.lsn >= lsn;
    }

    /**
     * Asks on a session of this replica how far it has replayed, for one round trip, and keeps the answer for others. 0
     * if it is in no recovery and never was.
     */
    long replayed(PooledSession session) throws SQLException {
        long asked = System.nanoTime();
        String answer = session.session.send(REPLAYED).get(0);
        session.lastUsedNanos = System.nanoTime();
        if (answer.isEmpty()) {
            return 0;
        }
        Replay seen =
                new Replay(CommitPosition.lsn(answer), session.session.backend().server(), asked);
        Replay known = replay;
        // Two at once may leave the older one, which costs somebody a question.
        if (known == null || asked - known.nanos > 0) {
            replay = seen;
        }
        return seen.lsn;
    }

    // ---- evidence ----

    @Override
    public void suspected(String evidence) {
        lock.lock();
        try {
            suspicions++;
        } finally {
            lock.unlock();
        }
        suspend(evidence);
        probes.demand();
    }

    @Override
    public void reportedRole(boolean standby) {
        if (!standby) {
            enter(State.NOT_A_REPLICA, "it reports that it is a standby no more: it was promoted");
        }
        probes.demand();
    }

    @Override
    public void conflicted(String evidence) {
        lock.lock();
        try {
            if (standing.state != State.IN_ROTATION && standing.state != State.SUSPECT) {
                return;
            }
            conflictOverNanos = System.nanoTime() + CONFLICT_PAUSE.toNanos();
        } finally {
            lock.unlock();
        }
        enter(State.CONFLICT, evidence);
        probes.demand();
    }

    @Override
    public void doubted() {
        if (standing.state == State.IN_ROTATION) {
            probes.doubt();
        }
    }

    /** Out of the rotation until the probe that follows has its answer. */
    private void suspend(String reason) {
        lock.lock();
        try {
            if (standing.state != State.IN_ROTATION) {
                return;
            }
            become(State.SUSPECT, reason);
        } finally {
            lock.unlock();
        }
        onChange.run();
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
        long due = System.nanoTime() + (standing.state == State.DOWN ? backoff.nextNanos() : 0);
        while (!stopRequested.getAsBoolean()) {
            // While it is down, whatever still breaks there is no reason to try sooner.
            probes.await(due, () -> standing.state == State.DOWN);
            probe();
            due = System.nanoTime() + pauseNanos();
        }
    }

    private long pauseNanos() {
        return switch (standing.state) {
            case DOWN -> silences == 1 ? 0 : backoff.nextNanos();
            case CONFLICT -> Math.max(0, conflictLeftNanos());
            default -> interval.toNanos();
        };
    }

    private void probe() throws InterruptedException {
        long before = suspicionsNow();
        lagWatch.replicaIsAsked();
        long begin = System.nanoTime();
        try {
            Found found = patience.ask(pool.control(), this::checkAndLook, this::late);
            probes.answered();
            silences = 0;
            replay = found.replay;
            pool.admit();
            judge(found, before);
            if (standing.state == State.IN_ROTATION) {
                backoff.reset();
            }
        } catch (SQLException | ServerCheckException e) {
            if (SqlState.isRetryable(SqlState.of(e))) {
                // It answers: its recovery was in the way of the probe, as it may be in that of reads.
                probes.answered();
                silences = 0;
                conflicted("it cancelled a probe: " + e.getMessage());
                return;
            }
            replay = null;
            boolean silence = System.nanoTime() - begin >= PROBE_TIMEOUT.toNanos() * 9 / 10;
            silences = silence ? silences + 1 : 0;
            String reason = reasonOf(e, silence);
            enter(State.DOWN, reason);
            // Those who wait there go elsewhere.
            pool.refuse(reason);
            if (silences > 1) {
                pool.cutSilent(reason);
            }
        }
    }

    private void late() {
        suspend("its answer to a probe is late");
        // One of the free sessions each would otherwise cost a user his wait.
        pool.distrust();
    }

    private static String reasonOf(Exception failure, boolean silence) {
        if (silence) {
            return "it did not answer a probe within " + PROBE_TIMEOUT.toMillis() + " ms: " + failure.getMessage();
        }
        if (SqlState.CANNOT_CONNECT_NOW.equals(SqlState.of(failure))) {
            return "it is starting up, or shutting down: " + failure.getMessage();
        }
        return "a probe failed: " + failure.getMessage();
    }

    private Found checkAndLook(PgSession session) throws SQLException {
        ControlSession.Question<HarmlessFunctions> check = firstCheck;
        if (check != null) {
            pool.hygiene().learn(check.ask(session));
            firstCheck = null;
        }
        return look(session);
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
        } else if (suspicionsNow() != suspicionsBefore) {
            probes.demand();
        } else if (conflictLeftNanos() > 0) {
            enter(State.CONFLICT, "it cancelled a read a moment ago");
        } else {
            State now = standing.state;
            String excess = bound.exceededBy(lag(), now != State.IN_ROTATION && now != State.SUSPECT);
            enter(excess == null ? State.IN_ROTATION : State.LAGGING, excess == null ? "it answered a probe" : excess);
        }
    }

    private long conflictLeftNanos() {
        lock.lock();
        try {
            return conflictOverNanos - System.nanoTime();
        } finally {
            lock.unlock();
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
        enter(state, reason, null);
    }

    /** If {@code from} is given, only from that state. */
    private void enter(State state, String reason, @Nullable State from) {
        Standing before;
        lock.lock();
        try {
            before = standing;
            if (before.state == state && state == State.LAGGING) {
                // Of the same state, the last reason says the most: how far it is behind by now.
                standing = new Standing(state, before.since, reason);
            }
            if (before.state == state || (from != null && before.state != from)) {
                return;
            }
            become(state, reason);
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

    /** Called under the lock, so that a recording has the changes in their order. */
    private void become(State state, String reason) {
        ReplicaEvents.stateChanged(pool.name(), standing.state, state, reason);
        standing = new Standing(state, Instant.now(), reason);
    }

    /** Ends the prober, unless {@code end} will not wait any longer; the pool is closed apart from it. */
    void close(ClosingWait end) {
        end.await(prober::stop);
    }
}
