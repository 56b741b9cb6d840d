package io.forgeloom.database;

import io.forgeloom.database.PoolEvents.CloseReason;
import io.forgeloom.error.SqlState;
import io.forgeloom.internal.jdbc.WrappedConnection;
import io.forgeloom.internal.pg.DriverSettings;
import io.forgeloom.internal.pg.ListenSession;
import io.forgeloom.internal.pg.ScriptSession;
import java.io.EOFException;
import java.lang.System.Logger.Level;
import java.sql.ClientInfoStatus;
import java.sql.Connection;
import java.sql.SQLClientInfoException;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * A connection for as long as one user has it. After the release every call but {@code close} and {@code isClosed} is
 * refused, on it and on its statements, so that nobody acts on the next user's session. One thread at a time; only
 * {@code close} and {@code abort} may come from another.
 */
final class ConnectionHandle extends WrappedConnection {

    /** How long the round trip may take after which a cancel request of the past can hit nobody. */
    private static final Duration CANCEL_SETTLED = Duration.ofSeconds(1);

    /** The client info by which a holder says what it is, to the server and to our own messages. */
    private static final String LABEL = "ApplicationName";

    private final ConnectionPool pool;
    private final PooledSession session;

    /** The session's {@link PooledSession#holds} while this handle holds it. */
    private final int hold;

    /** Given back with the session; a handle that is dropped takes it along, which {@link SessionWatch} notices. */
    private PooledSession.@Nullable Claim claim;

    /** Null while nobody records it. */
    private final PoolEvents.@Nullable Use use;

    /** What the user changed by JDBC and the release changes back; null while nothing. One thread at a time, as below. */
    private @Nullable ChangedState changed;

    /** The worst that the statements may have left in the session. */
    private SqlTouch touch = SqlTouch.NONE;

    /** Whether a statement was executed. */
    private boolean used;

    /** Whether one is being executed; written by the user's thread, read by whichever releases. */
    private volatile boolean executing;

    /** The driver's settings before the user got hold of its connection; null if that did not happen. */
    private @Nullable DriverSettings unwrapped;

    /** Whether commit, rollback and close belong to {@link Transactions} rather than to the user. */
    private boolean managed;

    /** Whether the server or the network ended the session under the user. */
    private boolean lost;

    ConnectionHandle(ConnectionPool pool, PooledSession session) {
        this.use = PoolEvents.beginUse(pool.name(), session.number);
        this.pool = pool;
        this.session = session;
        this.claim = session.takeClaim();
        this.hold = session.holds.incrementAndGet();
    }

    @Override
    protected boolean isReleased() {
        return session.holds.get() != hold;
    }

    /** Whether a loss of the connection is to be laid to an interrupt: it closes the socket that a virtual thread is in. */
    static boolean mayBeInterrupt() {
        Thread thread = Thread.currentThread();
        return thread.isVirtual() && thread.isInterrupted();
    }

    /** Whose connection this is. */
    ConnectionPool pool() {
        return pool;
    }

    /** The session itself, for those who run transactions on it. */
    PooledSession session() {
        return session;
    }

    /** Whether the server or the network ended the session under the user. To be asked before the release. */
    boolean isLost() {
        return lost || session.session.isClosed();
    }

    @Override
    protected Connection delegate() throws SQLException {
        requireOpen();
        return session.session.connection();
    }

    // ---- transactions ----

    /** From here on, commit and rollback are the caller's of this method, and no longer the user's. */
    void beginManaged() throws SQLException {
        setAutoCommit(false);
        managed = true;
    }

    void endManaged() {
        managed = false;
    }

    @Override
    public void setAutoCommit(boolean autoCommit) throws SQLException {
        if (autoCommit) {
            refuseIfManaged("setAutoCommit(true)");
        }
        delegate().setAutoCommit(autoCommit);
    }

    /** Refuses to begin anything on a server that the pool has left. */
    void requireCurrent() throws SQLException {
        if (pool.isFenced(session)) {
            throw pool.fenced(session);
        }
    }

    @Override
    public void commit() throws SQLException {
        refuseIfManaged("commit()");
        requireCurrent();
        try {
            delegate().commit();
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    @Override
    public void rollback() throws SQLException {
        refuseIfManaged("rollback()");
        try {
            delegate().rollback();
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    @Override
    public void rollback(Savepoint savepoint) throws SQLException {
        try {
            delegate().rollback(savepoint);
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    private void refuseIfManaged(String call) throws SQLException {
        if (managed) {
            throw new SQLException(
                    call + " inside inTransaction: returning from the function commits, throwing rolls back", "25000");
        }
    }

    // ---- state that the release undoes ----

    private ChangedState changing() throws SQLException {
        ChangedState state = changed;
        if (state == null) {
            state = new ChangedState(delegate());
            changed = state;
        }
        return state;
    }

    @Override
    public void setReadOnly(boolean readOnly) throws SQLException {
        changing().readOnly();
        delegate().setReadOnly(readOnly);
    }

    @Override
    public void setTransactionIsolation(int level) throws SQLException {
        changing().isolation();
        delegate().setTransactionIsolation(level);
    }

    @Override
    public void setSchema(String schema) throws SQLException {
        changing().schema();
        delegate().setSchema(schema);
    }

    @Override
    public void setHoldability(int holdability) throws SQLException {
        changing().holdability();
        delegate().setHoldability(holdability);
    }

    @Override
    public void setNetworkTimeout(Executor executor, int milliseconds) throws SQLException {
        changing().networkTimeout();
        delegate().setNetworkTimeout(executor, milliseconds);
    }

    @Override
    public void setTypeMap(Map<String, Class<?>> map) throws SQLException {
        changing().typeMap();
        delegate().setTypeMap(map);
    }

    @Override
    public void setClientInfo(String name, String value) throws SQLClientInfoException {
        try {
            changing().clientInfo();
            delegate().setClientInfo(name, value);
            if (LABEL.equals(name)) {
                session.label = value;
            }
        } catch (SQLClientInfoException e) {
            throw e;
        } catch (SQLException e) {
            throw clientInfoFailure(name, e);
        }
    }

    @Override
    public void setClientInfo(Properties properties) throws SQLClientInfoException {
        try {
            changing().clientInfo();
            delegate().setClientInfo(properties);
            session.label = properties.getProperty(LABEL);
        } catch (SQLClientInfoException e) {
            throw e;
        } catch (SQLException e) {
            throw clientInfoFailure("", e);
        }
    }

    private static SQLClientInfoException clientInfoFailure(String name, SQLException cause) {
        return new SQLClientInfoException(
                cause.getMessage(), cause.getSQLState(), Map.of(name, ClientInfoStatus.REASON_UNKNOWN), cause);
    }

    // ---- release ----

    @Override
    public void close() throws SQLException {
        if (managed && !isReleased()) {
            refuseIfManaged("close()");
        }
        release();
    }

    /** Gives the connection back, cleaned; a session that cannot be cleaned is ended. Doing it again does nothing. */
    void release() {
        if (!session.holds.compareAndSet(hold, hold + 1)) {
            return;
        }
        @Nullable CloseReason unfit = CloseReason.UNCLEAN;
        // A pending interrupt would close the socket of a virtual thread at the first read of the cleaning.
        boolean interrupted = Thread.interrupted();
        try {
            if (lost || session.session.isClosed()) {
                unfit = CloseReason.LOST;
            } else if (session.session.settleCancels(CANCEL_SETTLED) && clean()) {
                unfit = null;
            }
        } finally {
            if (use != null) {
                use.commit();
            }
            if (unwrapped != null) {
                // What the user did with it is unknown.
                session.lastUsedNanos = System.nanoTime();
            }
            session.unwrapped = null;
            session.label = null;
            session.returnClaim(claim);
            claim = null;
            pool.release(session, unfit);
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean clean() {
        // A thread that executes at this moment would have us wait for the end of its statement.
        if (executing || session.session.isClosed()) {
            return false;
        }
        try {
            closeStatements();
        } catch (SQLException e) {
            ConnectionPool.LOG.log(Level.DEBUG, "a statement of a released session could not be closed", e);
            return false;
        }
        return pool.hygiene().clean(session, touch, used, changed, unwrapped);
    }

    @Override
    public boolean isClosed() {
        return isReleased() || session.session.isClosed();
    }

    @Override
    public boolean isValid(int timeout) throws SQLException {
        return !isReleased() && session.session.connection().isValid(timeout);
    }

    @Override
    public void abort(Executor executor) throws SQLException {
        if (!isReleased()) {
            lost = true;
            session.orphan = true;
            session.session.connection().abort(executor);
        }
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        if (type.isInstance(this)) {
            return type.cast(this);
        }
        if (type == ScriptSession.class) {
            // What is sent there is not judged by its text: the session ends with this use of it.
            touch = SqlTouch.LASTING;
            return type.cast(new ScriptSession(this, session.session));
        }
        if (type == ListenSession.class) {
            touch = SqlTouch.LASTING;
            return type.cast(new ListenSession(this, session.session));
        }
        T drivers = delegate().unwrap(type);
        session.unwrapped = this;
        unwrapped();
        return drivers;
    }

    // ---- statements ----

    @Override
    public void requireOpen() throws SQLException {
        if (isReleased()) {
            throw new SQLException("The connection was given back to the pool", "08003");
        }
    }

    @Override
    public void sees(String sql) {
        touch = touch.or(pool.hygiene().touchOf(sql));
    }

    @Override
    public void unwrapped() throws SQLException {
        // What is read by the driver's own objects goes unseen.
        rowReturned();
        if (unwrapped == null) {
            changing().all();
            unwrapped = session.session.driverSettings();
        }
    }

    @Override
    public long executing() throws SQLException {
        requireCurrent();
        used = true;
        long start = pool.statementStart();
        // A plain write that the volatile one publishes; the clock is read for the log of slow statements, if at all.
        session.statementSinceNanos = start | PooledSession.UNTIMED;
        executing = true;
        return start;
    }

    @Override
    public void executed(long start, String sql) {
        session.statementSinceNanos = 0;
        executing = false;
        pool.statementEnd(session, start, sql);
    }

    @Override
    public SQLException failed(SQLException failure) {
        if (!isReleased() && SqlState.READ_ONLY.equals(failure.getSQLState())) {
            boolean asked = touch != SqlTouch.NONE || (changed != null && changed.isReadOnlyChanged());
            return pool.writeRefused(session, failure, asked);
        }
        if (!isReleased()
                && SqlState.SERIALIZATION_FAILURE.equals(failure.getSQLState())
                && session.session.isStandby()) {
            // A standby serialises nothing, so this is a conflict with what it replays, in whatever language. It may
            // have
            // ended the session as well, which the driver does not notice before the next statement, of the next user.
            lost = true;
            pool.conflicted(session, failure);
        }
        if (isReleased() || !SqlState.isSessionLost(failure.getSQLState())) {
            return failure;
        }
        if (!lost) {
            lost = true;
            session.orphan |= isUnknownToServer(failure);
            // The interrupt of a virtual thread closes its own socket; the server has done nothing.
            if (!mayBeInterrupt()) {
                pool.lost(session, failure);
            }
        }
        String cut = session.cutBecause;
        return cut == null ? failure : new SQLException(cut, "08006", failure);
    }

    /** Class 08 is what this side saw; with another, or where the stream ended, the server did it. */
    private static boolean isUnknownToServer(SQLException failure) {
        return String.valueOf(failure.getSQLState()).startsWith("08") && !(failure.getCause() instanceof EOFException);
    }

    @Override
    public String toString() {
        return "Connection[" + pool.name() + " #" + session.number + (isReleased() ? ", released" : "") + "]";
    }
}
