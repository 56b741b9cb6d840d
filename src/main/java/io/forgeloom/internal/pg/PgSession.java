package io.forgeloom.internal.pg;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.Field;
import org.postgresql.core.NativeQuery;
import org.postgresql.core.Query;
import org.postgresql.core.QueryExecutor;
import org.postgresql.core.ResultCursor;
import org.postgresql.core.ResultHandlerBase;
import org.postgresql.core.SqlCommand;
import org.postgresql.core.TransactionState;
import org.postgresql.core.Tuple;

/**
 * One session with a server, and what the driver knows of it without asking. One thread at a time, but for
 * {@link #abort()} and {@link #cancel()}, which any thread may call.
 */
public final class PgSession implements AutoCloseable {

    /** Changes by itself, when a standby is promoted. */
    private static final String STANDBY = "in_hot_standby";

    private static final String READ_ONLY = "default_transaction_read_only";

    private static final String NOT_SET = "22023";
    private static final String COMMITTED = "COMMIT";
    private static final String FAILED_TRANSACTION = "25P02";

    private static final System.Logger LOG = System.getLogger("io.forgeloom.database");

    private static final PGNotification[] NONE = {};

    private final Connection connection;
    private final BaseConnection base;
    private final PGConnection pg;
    private final Wire wire;
    private final PgUrl address;

    /** What the server reports of a session that nobody has changed, by the order of the names. */
    private Map<String, String> unchanged = Map.of();

    private String[] unchangedValues = {};

    /** As of the last {@link #acceptReported}. */
    private ServerRole role = ServerRole.PRIMARY;

    /** Set once, before the session is handed out. */
    private @Nullable Backend backend;

    /** How many cancel requests are known to have had their effect. */
    private int cancelsSettled;

    PgSession(Connection connection, Wire wire, PgUrl address) throws SQLException {
        this.connection = connection;
        this.wire = wire;
        this.address = address;
        this.base = connection.unwrap(BaseConnection.class);
        this.pg = connection.unwrap(PGConnection.class);
        acceptReported();
    }

    /** The address by which it was opened. */
    public PgUrl address() {
        return address;
    }

    /** The driver's connection. */
    public Connection connection() {
        return connection;
    }

    /**
     * The process id that the server named in the start-up message. A pooler in between invents one: then it differs from
     * what {@code pg_backend_pid()} returns.
     */
    public int backendPid() {
        return pg.getBackendPID();
    }

    /** One round trip, part of opening the session. */
    void readBackend() throws SQLException {
        backend = Backend.read(connection);
    }

    /** The server's process behind this session; also behind a pooler that keeps the session. */
    public Backend backend() {
        return Objects.requireNonNull(backend, "not read yet");
    }

    /** Whether a transaction is open, a failed one included, as of the last answer of the server. No round trip. */
    public boolean inTransaction() {
        return base.getTransactionState() != TransactionState.IDLE;
    }

    /** What the server last reported for a parameter such as {@code in_hot_standby}; null if it never did. No round trip. */
    public @Nullable String reported(String parameter) {
        return pg.getParameterStatus(parameter);
    }

    /** Whether the server was in recovery as of its last answer. No round trip. */
    public boolean isStandby() {
        return "on".equals(reported(STANDBY));
    }

    /** Whether a parameter that the server reports has another value than at the last {@link #acceptReported}. No round trip. */
    public boolean reportsChange() {
        // Looking up each name in the driver's sorted map takes ten times as long. The driver keeps one String for a
        // value until the next report, so that hardly ever more than a reference is compared.
        int i = 0;
        for (String value : pg.getParameterStatuses().values()) {
            if (i == unchangedValues.length || !value.equals(unchangedValues[i])) {
                return changedByUser();
            }
            i++;
        }
        return i != unchangedValues.length;
    }

    private boolean changedByUser() {
        Map<String, String> before = new TreeMap<>(unchanged);
        Map<String, String> now = new TreeMap<>(pg.getParameterStatuses());
        before.remove(STANDBY);
        now.remove(STANDBY);
        if (before.equals(now)) {
            acceptReported();
            return false;
        }
        return true;
    }

    /** Takes what the server reports now for the values of an unchanged session. */
    public void acceptReported() {
        unchanged = new TreeMap<>(pg.getParameterStatuses());
        unchangedValues = pg.getParameterStatuses().values().toArray(String[]::new);
        role = reportedRole();
    }

    // ---- the server's role ----

    /**
     * Whether the server takes writes, as it was reported at the last {@link #acceptReported}, with which no setting of
     * a user counts. A field's price. A change of {@code in_hot_standby} shows here after the next
     * {@link #reportsChange} that finds nothing else changed.
     */
    public ServerRole role() {
        return role;
    }

    /** As the server reports it at this moment; {@code READ_ONLY} may be the user's own doing. No round trip. */
    public ServerRole reportedRole() {
        if ("on".equals(pg.getParameterStatus(STANDBY))) {
            return ServerRole.STANDBY;
        }
        return "on".equals(pg.getParameterStatus(READ_ONLY)) ? ServerRole.READ_ONLY : ServerRole.PRIMARY;
    }

    /** Takes note of a promotion, or the reverse, where nobody asks {@link #reportsChange}. No round trip. */
    public void noticeStandby() {
        if ("on".equals(pg.getParameterStatus(STANDBY)) != (role == ServerRole.STANDBY)) {
            acceptReported();
        }
    }

    /** What whoever unwraps the driver's connection can change of it, as it is now. */
    public DriverSettings driverSettings() throws SQLException {
        return DriverSettings.of(pg);
    }

    /**
     * Whether a COPY was begun through the driver's own interface and not ended. Until it is, the driver lets every
     * other call wait, without a limit. No round trip.
     */
    public boolean inCopy() {
        // The driver has no question for it, but it refuses to wait on an interrupted thread; where nothing is to be
        // waited for, it gets as far as the missing parameter. Neither path reaches the socket.
        QueryExecutor executor = base.getQueryExecutor();
        Query incomplete = executor.wrap(List.of(new NativeQuery("?", new int[] {0}, false, SqlCommand.BLANK)));
        boolean interrupted = Thread.interrupted();
        Thread.currentThread().interrupt();
        try {
            executor.execute(
                    incomplete,
                    incomplete.createParameterList(),
                    new Silent(),
                    0,
                    0,
                    QueryExecutor.QUERY_SUPPRESS_BEGIN);
            return true;
        } catch (SQLException e) {
            return !NOT_SET.equals(e.getSQLState());
        } finally {
            Thread.interrupted();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Sends statements as one message of the simple protocol, whatever mode the driver is in. One round trip; the
     * driver's prepared statements are left alone.
     *
     * @return the first column of the last result that has rows, as text; other results are dropped
     */
    public List<String> send(String statements) throws SQLException {
        Silent results = new Silent();
        send(statements, results);
        return results.last;
    }

    private void send(String statements, Silent results) throws SQLException {
        // Through the driver's parser they would become a message each.
        QueryExecutor executor = base.getQueryExecutor();
        executor.execute(
                executor.wrap(List.of(new NativeQuery(statements, SqlCommand.BLANK))),
                null,
                results,
                0,
                0,
                QueryExecutor.QUERY_EXECUTE_AS_SIMPLE | QueryExecutor.QUERY_SUPPRESS_BEGIN);
    }

    /**
     * Commits the open transaction and has {@code question} answered after it, as one message: one round trip.
     *
     * @return the first column of the first row; empty if the commit is certain and the answer did not come
     * @throws SQLException if the transaction was rolled back, or the session was lost before its fate was certain
     */
    public Optional<String> commitAndAsk(String question) throws SQLException {
        Silent results = new Silent();
        try {
            send("COMMIT;" + question, results);
        } catch (SQLException e) {
            if (!COMMITTED.equals(results.firstStatus)) {
                throw e;
            }
            LOG.log(System.Logger.Level.DEBUG, "a commit was answered, and what was asked with it was not", e);
            return Optional.empty();
        }
        if (!COMMITTED.equals(results.firstStatus)) {
            // So the server answers a COMMIT of a transaction that has failed.
            throw new SQLException(
                    "COMMIT was answered " + results.firstStatus + ": the transaction had failed and was rolled back",
                    FAILED_TRANSACTION);
        }
        return results.last.stream().findFirst();
    }

    /** Those that have arrived; if there is none, waits for one. */
    PGNotification[] awaitNotifications(Duration limit) throws SQLException {
        wire.listening(true);
        try {
            // 0 is forever to the driver, and 1 how it looks whether there is more.
            PGNotification[] arrived = pg.getNotifications((int) Math.max(2, limit.toMillis()));
            return arrived == null ? NONE : arrived;
        } finally {
            wire.listening(false);
        }
    }

    /** Forgets the notifications that have arrived and that nobody has asked for. No round trip. */
    public void dropNotifications() throws SQLException {
        base.getQueryExecutor().getNotifications();
    }

    /** Whether the session is known to be over. No round trip. */
    public boolean isClosed() {
        try {
            return connection.isClosed();
        } catch (SQLException e) {
            return true;
        }
    }

    /** Asks the server, over a connection of its own, to end the statement that runs, if one does. Any thread. */
    public void cancel() throws SQLException {
        pg.cancelQuery();
    }

    /** Whether the server answers an empty query within {@code limit}; a session that does not is of no use any more. */
    public boolean answers(Duration limit) {
        try {
            int before = connection.getNetworkTimeout();
            connection.setNetworkTimeout(Runnable::run, (int) Math.max(1, limit.toMillis()));
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("");
            } finally {
                connection.setNetworkTimeout(Runnable::run, before);
            }
            return true;
        } catch (SQLException e) {
            return false;
        }
    }

    // ---- cancel requests ----

    /**
     * Whether no cancel request of the past can hit a statement of the future. A request travels on a connection of its
     * own, which the server ends once it has sent the signal to the backend; one round trip later the signal has been
     * taken. A request without that end may still be under way, for any time. No round trip if nothing was cancelled.
     */
    public boolean settleCancels(Duration limit) {
        int sent = wire.cancelsSent();
        if (sent != cancelsSettled) {
            if (wire.cancelsAnswered() != sent || !answers(limit)) {
                return false;
            }
            cancelsSettled = sent;
        }
        return true;
    }

    // ---- what a watching thread may ask at any time ----

    /**
     * Since when the driver has been in one read from or write to the server, {@link System#nanoTime()}; 0 if it is in none
     * or cannot be watched.
     */
    public long blockedSince() {
        return wire.blockedSince();
    }

    /** Bytes that were sent since the last byte was received. */
    public long unanswered() {
        return wire.unanswered();
    }

    /** Counts reads and writes: as long as it stands still, nobody uses the session. */
    public long exchanges() {
        return wire.exchanges();
    }

    /** Whether bytes of the server wait for the driver to take them. */
    public boolean hasUnread() {
        return wire.hasUnread();
    }

    /** As {@link #abort()}, if the driver is still in the read or write that it entered then; otherwise false. */
    public boolean abortIfBlockedSince(long since) {
        if (!wire.cut(since)) {
            return false;
        }
        abort();
        return true;
    }

    /** Closes the socket at once; a thread that waits for an answer gets an error. The server may go on running the query. */
    public void abort() {
        // First: closing a TLS socket says goodbye, which can hang where the network is dead.
        wire.close();
        try {
            connection.abort(Runnable::run);
        } catch (SQLException e) {
            // The driver's abort does no I/O that could fail; what is left of the session is garbage.
            LOG.log(System.Logger.Level.DEBUG, "abort failed", e);
        }
    }

    /** Says goodbye and closes the socket. */
    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            abort();
        }
    }

    /** Throws the first error when the server has answered all, keeps one column, and drops warnings. */
    private static final class Silent extends ResultHandlerBase {

        List<String> last = List.of();

        /** The command tag of the first statement without rows. */
        @Nullable
        String firstStatus;

        @Override
        public void handleResultRows(Query from, Field[] fields, List<Tuple> rows, @Nullable ResultCursor cursor) {
            List<String> column = new ArrayList<>(rows.size());
            for (Tuple row : rows) {
                byte[] value = row.get(0);
                column.add(value == null ? "" : new String(value, StandardCharsets.UTF_8));
            }
            last = column;
        }

        @Override
        public void handleCommandStatus(String status, long updateCount, long insertOid) {
            if (firstStatus == null) {
                firstStatus = status;
            }
        }

        @Override
        public void handleWarning(SQLWarning warning) {}
    }
}
