package io.forgeloom.notify;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.ConnectionPool;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.ListenSession;
import io.forgeloom.internal.pg.PgConnector;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The one session that listens. Confined to the bus's thread, but for {@link #abort()}, which any thread may call.
 */
final class BusSession implements AutoCloseable {

    /** What the pool shows it as. */
    static final String PURPOSE = "notify-bus";

    /**
     * How long one waits in the pool at a time: less than the pool's shortest pause between two connects, so that it makes
     * one at most after which nobody waits. As long as somebody waits there, it connects again and again, and the bus has a
     * back-off of its own. Longer where the server is slow rather than gone.
     */
    private static final Duration ASK = Duration.ofMillis(30);

    private static final Duration ASK_SLOW = Duration.ofMillis(250);
    private static final Duration SLOW = Duration.ofSeconds(1);

    /** For a server that {@linkplain #isStarting is starting}: it may be asked often. */
    private static final Duration ASK_STARTING = Duration.ofSeconds(1);

    private static final Duration QUEUE = Duration.ofSeconds(5);
    private static final Duration CONNECT = Duration.ofSeconds(10);

    /**
     * In one message with the LISTENs. A statement of ours that takes longer than two seconds is given up on either side;
     * a session that listens is idle, and must not be ended for it.
     */
    private static final String SETTINGS = "SET statement_timeout = '2s'; SET idle_session_timeout = 0; ";

    /** The queue's usage first, then the channels. */
    private static final String PROBE = """
            SELECT p.line FROM (
                SELECT 0 AS part, CAST(pg_catalog.pg_notification_queue_usage() AS text) AS line
                UNION ALL SELECT 1, c.name FROM pg_catalog.pg_listening_channels() AS c (name)) AS p ORDER BY p.part
            """;

    private final Connection connection;
    private final ListenSession session;
    private final Set<String> listening = new HashSet<>();

    private BusSession(Connection connection) throws SQLException {
        this.connection = connection;
        this.session = connection.unwrap(ListenSession.class);
    }

    /**
     * A new session of the primary, whichever server that is now.
     *
     * @param last why there was none the last time; null where there was one
     */
    static BusSession open(ConnectionPool pool, @Nullable AcquireException last) throws SQLException {
        Connection connection = acquire(pool, last);
        try {
            return new BusSession(connection);
        } catch (Throwable e) {
            connection.close();
            throw e;
        }
    }

    /**
     * Whether nobody listens at the server's address, or a server that starts says so: then it sees no session that it
     * would have to drop, and the pool, which connects again and again for whoever waits in it, finds it back at once.
     */
    static boolean isStarting(AcquireException e) {
        return PgConnector.foundNobody(e.getCause());
    }

    /**
     * Fails when a connect has failed since {@code last}, which is told by its error being another. That the time of one
     * ask is over says nothing: the connect may be under way, and ends soon on a busy machine.
     */
    private static Connection acquire(ConnectionPool pool, @Nullable AcquireException last) {
        Throwable known = last == null ? null : last.getCause();
        Deadline deadline = Deadline.after(CONNECT);
        Deadline slow = Deadline.after(SLOW);
        Duration ask = last != null && isStarting(last) ? ASK_STARTING : ASK;
        while (true) {
            try {
                return pool.acquireDedicated(PURPOSE, ask);
            } catch (AcquireException e) {
                if (deadline.expired() || !goesOn(e, ask, known)) {
                    throw e;
                }
                // Where others have the connections, a place in the queue must be kept.
                if (e.reason() == AcquireException.Reason.EXHAUSTED) {
                    ask = QUEUE;
                } else {
                    ask = slow.expired() ? ASK_SLOW : ASK;
                }
            }
        }
    }

    private static boolean goesOn(AcquireException e, Duration ask, @Nullable Throwable known) {
        return switch (e.reason()) {
            case CONNECTING_SLOWLY, EXHAUSTED -> true;
            // Not where one is refused without a wait.
            case SERVER_DOWN ->
                known != null
                        && e.getCause() == known
                        && !isStarting(e)
                        && e.waited().compareTo(ask) >= 0;
            default -> false;
        };
    }

    /**
     * Listens on what is not listened to yet; when this returns, whatever commits after it arrives. One round trip.
     *
     * @return the channels that are new
     */
    Set<String> listen(Set<String> wanted) throws SQLException {
        Set<String> added = new HashSet<>(wanted);
        added.removeAll(listening);
        StringBuilder sql = new StringBuilder(SETTINGS);
        if (!added.isEmpty()) {
            // LISTEN counts from the commit on, which without its own COMMIT would come after the question.
            sql.append("BEGIN; ");
            added.forEach(name ->
                    sql.append("LISTEN ").append(ChannelName.quoted(name)).append("; "));
            sql.append("COMMIT; ");
        }
        sql.append("SELECT c.name FROM pg_catalog.pg_listening_channels() AS c (name)");
        listening.addAll(added);
        requireAll(session.send(sql.toString()));
        return added;
    }

    /**
     * Asks the server what it listens to. One round trip.
     *
     * @return how full the server's queue is, 0 to 1
     */
    double probe() throws SQLException {
        List<String> answer = session.send(PROBE);
        requireAll(answer.subList(1, answer.size()));
        return Double.parseDouble(answer.getFirst());
    }

    private void requireAll(List<String> confirmed) throws SQLException {
        Set<String> missing = new TreeSet<>(listening);
        confirmed.forEach(missing::remove);
        if (!missing.isEmpty()) {
            throw new SQLException(
                    "the server does not listen to " + String.join(", ", missing) + " in this session any more");
        }
    }

    /** Hands on what arrives, and returns once something did, or after {@code limit}. */
    int await(Duration limit, ListenSession.Sink sink) throws SQLException {
        return session.await(limit, sink);
    }

    /** Whether nothing has come or gone for so long, although it was waited for. Any thread. */
    boolean isSilentFor(Duration time) {
        return session.isSilentFor(time);
    }

    /** Frees the bus's thread from whatever it waits for in here. Any thread. */
    void abort() {
        session.abort();
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
