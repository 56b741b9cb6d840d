package io.forgeloom.database;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.ServerRole;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The connections to one server: a bounded number, first come, first served. Obtained from a {@link Database}. As a
 * {@link DataSource} it serves JDBC code as it is: {@link #getConnection()} waits up to the pool's timeout, and
 * {@code close()} on the connection gives it back.
 *
 * <p>What a user leaves behind does not reach the next one: when the connection is released, an open transaction is
 * rolled back, never committed; statements are closed; auto-commit, isolation, read-only, schema and time limits return
 * to what they were; and what SQL changed in the session (settings, roles, advisory locks, {@code LISTEN}, temporary
 * tables, …) is reset, as {@link SessionReset} says. A session that a thread is still executing on, that is in the middle
 * of a COPY or that cannot be cleaned is ended.
 *
 * <p>A session whose network died without a word is noticed within two seconds while the server can be reached anew: the
 * server is asked what its backend does, so that a query that is merely slow is left alone. For such questions, and to end
 * backends that lost their client, a pool opens one session beyond its size, and closes it after 5 s without use: leave
 * room for it in {@code max_connections}. A connection that is dropped without {@code close()} is rolled back and its
 * place is free once the collector has found it; one whose thread has ended and that nobody has used for 5 s, when others
 * wait.
 *
 * <p>Safe for use by many threads; each connection by one thread at a time.
 */
public final class ConnectionPool extends PooledDataSource {

    static final System.Logger LOG = System.getLogger("io.forgeloom.database");

    /** How long a session may take to answer before it is handed over; one that does not is replaced. */
    private static final Duration TRIAL = Duration.ofSeconds(1);

    private final String name;
    private final PgConnector connector;
    private final SessionPool sessions;
    private final Refusals refusals;
    private final Upkeep upkeep;
    private final SessionHygiene hygiene;
    private final Duration acquireTimeout;
    private final boolean testBeforeAcquire;
    private final long validateAfterIdleNanos;
    private final long slowStatementNanos;

    /** Through which every acquire of this pool goes; null but for the primary as it is handed out for reads. */
    private final ReadShare.@Nullable Door door;

    ConnectionPool(
            String name,
            DatabaseConfig config,
            int maxSize,
            int minSize,
            PgConnector connector,
            HarmlessFunctions harmless,
            Patience patience) {
        this.name = name;
        this.connector = connector;
        this.sessions = new SessionPool(name, config, maxSize, minSize, connector, patience.endedHolder());
        this.hygiene = new SessionHygiene(name, config.sessionReset(), harmless, patience.cleaning());
        this.acquireTimeout = config.poolTimeout();
        this.refusals = new Refusals(name, connector, sessions, config);
        this.upkeep = new Upkeep(this, sessions, config);
        this.testBeforeAcquire = config.testBeforeAcquire();
        this.validateAfterIdleNanos = config.validateAfterIdle().toNanos();
        this.slowStatementNanos = config.slowStatementThreshold().toNanos();
        this.door = null;
    }

    /** The same sessions, of which only so many may be in use through this pool. */
    private ConnectionPool(ConnectionPool origin, ReadShare.Door door) {
        this.name = origin.name;
        this.connector = origin.connector;
        this.sessions = origin.sessions;
        this.hygiene = origin.hygiene;
        this.acquireTimeout = origin.acquireTimeout;
        this.refusals = origin.refusals;
        this.upkeep = origin.upkeep;
        this.testBeforeAcquire = origin.testBeforeAcquire;
        this.validateAfterIdleNanos = origin.validateAfterIdleNanos;
        this.slowStatementNanos = origin.slowStatementNanos;
        this.door = door;
    }

    void start(@Nullable PgSession first) {
        sessions.start(first);
        upkeep.start();
    }

    /** The pool's name: {@code primary}, {@code replica-1}, … */
    public String name() {
        return name;
    }

    /** The pool as it is now. */
    public PoolStats stats() {
        return sessions.stats();
    }

    SessionHygiene hygiene() {
        return hygiene;
    }

    /** Whether the last attempt to open a session succeeded. */
    boolean isReachable() {
        return sessions.outage() == null;
    }

    /** Counts the calls of {@link #suspect}. */
    int suspicion() {
        return sessions.suspicion();
    }

    // ---- for those who route ----

    /** Name and address, for messages. */
    String address() {
        return name + " " + connector;
    }

    /** Has {@code told} hear what is known of the server. To be called before the start. */
    void listen(ServerListener told) {
        sessions.listen(told);
    }

    ServerListener listener() {
        return sessions.listener();
    }

    Refusals refusals() {
        return refusals;
    }

    /** This pool, where each acquire goes through {@code through}. */
    ConnectionPool behind(ReadShare.Door through) {
        return new ConnectionPool(this, through);
    }

    ControlSession control() {
        return sessions.control();
    }

    long acquired() {
        return sessions.acquired();
    }

    void refuse(String why) {
        sessions.refuse(why);
    }

    void admit() throws InterruptedException {
        sessions.admit();
    }

    /** The sessions' server refused to write: all end, those in use when they come back. */
    void retire() {
        sessions.retire();
    }

    /** Has sessions opened where {@code target} opens its own; those that exist begin no statement any more and end. */
    void follow(PgConnector target) {
        connector.aim(target);
        sessions.fence();
    }

    /** Has no session opened until the next {@link #follow}, and the sessions that exist treated as by it. */
    void followNobody(String why) {
        connector.refuse(why);
        sessions.fence();
    }

    /** Corrects the reason of {@link #followNobody}. */
    void stillNobody(String why) {
        connector.refuse(why);
    }

    /** Whether no statement may begin on the session, since the pool has left its server. */
    boolean isFenced(PooledSession session) {
        return sessions.retirement().isFenced(session);
    }

    SQLException fenced(PooledSession session) {
        return sessions.listener().fenced(session.session);
    }

    /**
     * What to throw for a write that the server refused (25006).
     *
     * @param asked whether the user may have asked for it by a setting
     */
    SQLException writeRefused(PooledSession session, SQLException failure, boolean asked) {
        ServerRole role = session.session.reportedRole();
        boolean servers = role == ServerRole.STANDBY
                || (role == ServerRole.READ_ONLY && (!asked || session.role == ServerRole.READ_ONLY));
        return servers ? sessions.listener().writeRefused(role, failure) : failure;
    }

    void distrust() {
        sessions.distrust();
    }

    boolean isSilentFor(Duration silence) {
        return sessions.isSilentFor(silence);
    }

    void cutSilent(String why) {
        sessions.cutSilent(why);
    }

    /** The server cancelled a statement of {@code session} for the sake of what it replays. */
    void conflicted(PooledSession session, SQLException failure) {
        sessions.listener().conflicted("session #" + session.number + ": " + failure.getMessage());
    }

    // ---- acquire and release ----

    /**
     * A connection, waiting up to the pool's timeout.
     *
     * @throws AcquireException saying why there was none
     */
    @Override
    public Connection acquire() {
        return lease(acquireTimeout);
    }

    /**
     * A connection, waiting up to {@code timeout}; {@link Duration#ZERO} takes one only if it is free.
     *
     * @throws AcquireException saying why there was none
     */
    public Connection acquire(Duration timeout) {
        return lease(timeout);
    }

    /**
     * A connection if one is free and nobody waits; empty else. Never waits for one, and opens none. After a session was
     * found dead, the free ones are tried, and are not free for that moment: about a round trip, 500 ms at most.
     *
     * @throws AcquireException if the pool is closed or this thread is interrupted
     */
    public Optional<Connection> tryAcquire() {
        return door == null ? tryAcquire(null) : door.tryLease();
    }

    /** As {@link #tryAcquire()}; the session counts against {@code share} while it is in use. */
    Optional<Connection> tryAcquire(@Nullable ReadShare share) {
        long begin = System.nanoTime();
        if (sessions.isClosed()) {
            throw refusals.refusal(Reason.CLOSED, begin, null);
        }
        if (Thread.currentThread().isInterrupted()) {
            throw refusals.refusal(Reason.INTERRUPTED, begin, null);
        }
        for (PooledSession session = sessions.tryTake(); session != null; session = sessions.tryTake()) {
            ConnectionHandle connection = handOut(session, System.nanoTime(), acquireTimeout, share);
            if (connection != null) {
                return Optional.of(connection);
            }
        }
        return Optional.empty();
    }

    /**
     * A connection for one long purpose, such as listening for notifications: it counts as one of the pool's, is shown by
     * its name in {@link PoolStats#dedicated()} and in messages, is no leak however long it is held, and its
     * {@code close()} ends the session, so that nothing of it is ever used again. Waits up to the pool's timeout.
     *
     * @param purpose the name, such as {@code notify-bus}
     * @throws AcquireException saying why there was none
     */
    public Connection acquireDedicated(String purpose) {
        return acquireDedicated(purpose, acquireTimeout);
    }

    /**
     * As {@link #acquireDedicated(String)}, waiting up to {@code timeout}.
     *
     * @throws AcquireException saying why there was none
     */
    public Connection acquireDedicated(String purpose, Duration timeout) {
        ConnectionHandle connection = lease(Deadline.after(timeout));
        PooledSession session = connection.session();
        session.acquiredAt = null;
        // Not always one of ours: see OverCap.ReadStale.
        connection.pool().sessions.dedicate(session, Objects.requireNonNull(purpose, "purpose"));
        return connection;
    }

    /**
     * Whether {@code connection} is one of {@link #acquireDedicated}, of any pool, and not closed yet: then nothing that is
     * left in its session, such as a lock, can reach another user.
     */
    public static boolean isDedicated(Connection connection) {
        return connection instanceof ConnectionHandle handle
                && !handle.isReleased()
                && handle.session().dedicatedTo != null;
    }

    /** The pool's own timeout from now. */
    Deadline acquireDeadline() {
        return Deadline.after(acquireTimeout);
    }

    /**
     * Where a session lies free that need not be tried, and nobody records events, the clock is read once: a reading may
     * cost as much as all the rest of an acquire.
     */
    private ConnectionHandle lease(Duration timeout) {
        if (door == null
                && !PoolEvents.recordsWaits()
                && !Thread.currentThread().isInterrupted()) {
            PooledSession free = sessions.tryTake();
            ConnectionHandle connection = free == null ? null : handOut(free, System.nanoTime(), timeout, null);
            if (connection != null) {
                return connection;
            }
        }
        return lease(Deadline.after(timeout));
    }

    /** As {@link #acquire()}, with the type that transactions are run on. */
    ConnectionHandle lease(Deadline deadline) {
        return door == null ? lease(deadline, null) : door.lease(deadline);
    }

    /** As {@link #lease(Deadline)}; the session counts against {@code share} while it is in use. */
    ConnectionHandle lease(Deadline deadline, @Nullable ReadShare share) {
        PoolEvents.Wait event = PoolEvents.beginWait();
        String outcome = "ACQUIRED";
        try {
            long begin = System.nanoTime();
            while (true) {
                ConnectionHandle connection =
                        handOut(take(begin, deadline), System.nanoTime(), deadline.remaining(), share);
                if (connection != null) {
                    return connection;
                }
            }
        } catch (AcquireException e) {
            outcome = e.reason().name();
            throw e;
        } finally {
            if (event != null) {
                event.end(name, outcome);
            }
        }
    }

    /** The session as a connection of this thread; null if it turned out to be dead, and is gone. */
    private @Nullable ConnectionHandle handOut(
            PooledSession session, long now, Duration patience, @Nullable ReadShare share) {
        boolean fit = false;
        try {
            session.heldSinceNanos = now;
            session.holder = Thread.currentThread();
            session.acquiredAt = upkeep.looksForLeaks() ? new Throwable("acquired here") : null;
            fit = isFit(session, now, patience);
            if (fit) {
                // Before others can give the session back for its holder.
                session.share = share;
                return new ConnectionHandle(this, session);
            }
            // An interrupt closes the socket of a virtual thread; that says nothing about the server. Nor does an end
            // that was planned.
            if (!ConnectionHandle.mayBeInterrupt() && !sessions.retirement().isRetired(session)) {
                suspect("session #" + session.number + " did not answer");
            }
            return null;
        } finally {
            if (!fit) {
                session.holder = null;
                boolean planned = sessions.retirement().isRetired(session);
                sessions.dispose(session, planned ? CloseReason.RETIRED : CloseReason.DEAD);
            }
        }
    }

    private PooledSession take(long begin, Deadline deadline) {
        // An interrupted virtual thread would lose its socket at the first read: refuse before it costs a session.
        if (Thread.currentThread().isInterrupted()) {
            throw refusals.refusal(Reason.INTERRUPTED, begin, null);
        }
        PooledSession free = sessions.tryTake();
        return free == null ? await(begin, deadline) : free;
    }

    private PooledSession await(long begin, Deadline deadline) {
        if (!sessions.joinQueue()) {
            throw refusals.queueFull(begin);
        }
        try {
            PooledSession session = sessions.take(deadline);
            if (session == null) {
                throw refusals.refusal(refusals.reasonNow(deadline.expired()), begin, null);
            }
            return session;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw refusals.refusal(Reason.INTERRUPTED, begin, e);
        } finally {
            sessions.leaveQueue();
        }
    }

    /** Whether the session may be handed out: known to be alive, or proved to be. */
    private boolean isFit(PooledSession session, long now, Duration patience) {
        if (session.session.isClosed() || sessions.retirement().isRetired(session)) {
            return false;
        }
        boolean due =
                session.trusted != sessions.suspicion() || now - session.lastTriedNanos() >= validateAfterIdleNanos;
        if (!testBeforeAcquire || !due) {
            return true;
        }
        sessions.doubt();
        return isAlive(session, Deadline.after(patience));
    }

    /** Asks the server, and waits for the answer until the deadline, or one second, whichever is first. */
    boolean isAlive(PooledSession session, Deadline deadline) {
        int suspected = sessions.suspicion();
        Duration limit = deadline.earlier(Deadline.after(TRIAL)).remaining();
        if (!session.session.answers(limit)) {
            session.orphan = true;
            return false;
        }
        session.trusted = suspected;
        session.triedNanos = System.nanoTime();
        // The answer has brought what changed of the server meanwhile. What else changed is for the release to see.
        session.session.reportsChange();
        sessions.noticeRole(session);
        return true;
    }

    /**
     * Takes back what {@link #lease} gave.
     *
     * @param unfit why the session must not be used again; null if it is as it was
     */
    void release(PooledSession session, @Nullable CloseReason unfit) {
        session.holder = null;
        session.acquiredAt = null;
        sessions.noticeRole(session);
        CloseReason reason = unfit;
        if (reason == null && session.dedicatedTo != null) {
            reason = CloseReason.DEDICATED;
        } else if (reason == null && session.session.isClosed()) {
            reason = CloseReason.LOST;
        } else if (reason == null && sessions.retirement().isRetired(session)) {
            reason = CloseReason.RETIRED;
        } else if (reason == null && session.isExpired(session.lastKnownNanos())) {
            reason = CloseReason.EXPIRED;
        }
        if (reason == null) {
            sessions.give(session);
        } else {
            sessions.dispose(session, reason);
        }
    }

    /** A session died in use: the others are tried before they are used again. */
    void suspect(String evidence) {
        sessions.suspect(evidence);
    }

    /** The server or the network ended the session under its user. */
    void lost(PooledSession session, SQLException failure) {
        sessions.lost(session, "session #" + session.number + " was lost: " + failure.getMessage());
    }

    /** What the slow-statement log needs of the clock; 0 where the log is off. */
    long statementStart() {
        return slowStatementNanos == 0 ? 0 : System.nanoTime();
    }

    void statementEnd(PooledSession session, long start, String sql) {
        long now = System.nanoTime();
        session.lastUsedNanos = now;
        long took = now - start;
        if (slowStatementNanos != 0 && took >= slowStatementNanos) {
            LOG.log(Level.WARNING, "{0}: slow statement, {1} ms: {2}", name, took / 1_000_000, sql);
        }
    }

    // ---- closing ----

    void close(Deadline deadline) {
        long limitMillis = deadline.remaining().plusNanos(999_999).toMillis();
        String holders = sessions.inUse().isEmpty() ? "" : refusals.holders();
        upkeep.close();
        int late = sessions.close(deadline);
        if (late > 0) {
            LOG.log(
                    Level.WARNING,
                    "{0} {1}: closed; {2} connections were not released within {3} ms, were cancelled and aborted; {4}",
                    name,
                    connector,
                    late,
                    limitMillis,
                    holders);
        }
    }

    @Override
    Duration acquireTimeout() {
        return acquireTimeout;
    }

    @Override
    public String toString() {
        return "ConnectionPool[" + name + (door == null ? "" : " for reads") + " " + connector + "]";
    }
}
