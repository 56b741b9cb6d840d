package io.forgeloom.internal.pg;

import io.forgeloom.internal.jdbc.StatementOwner;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.postgresql.PGNotification;

/**
 * Waits for notifications and asks, on a session that listens. A pooled connection gives this by {@code unwrap}; it ends
 * with that connection. One thread at a time.
 */
public final class ListenSession {

    /** What the log of slow statements says where that took its time; the wait itself is none. */
    private static final String HAND_ON = "(handing on notifications)";

    /** Takes a notification; called by the thread that waits, in the order of the server. */
    @FunctionalInterface
    public interface Sink {
        void accept(String channel, String payload, int backendPid);
    }

    private final StatementOwner owner;
    private final PgSession session;
    private final ScriptSession script;

    /** Executions and waits are reported to {@code owner} as those of JDBC are. */
    public ListenSession(StatementOwner owner, PgSession session) {
        this.owner = owner;
        this.session = session;
        this.script = new ScriptSession(owner, session);
    }

    /**
     * Waits until there is a notification, {@code limit} at most, and hands on all that have arrived. A message that has
     * begun to arrive is waited for without a limit: the driver knows none, and only the end of the session frees it.
     *
     * @param limit at least a millisecond
     * @return how many there were
     */
    public int await(Duration limit, Sink sink) throws SQLException {
        owner.requireOpen();
        // Refuses where the server is not the primary any more, which a stream that never pauses would not tell.
        owner.executing();
        long arrived = 0;
        try {
            PGNotification[] notifications = session.awaitNotifications(limit);
            arrived = System.nanoTime();
            for (PGNotification notification : notifications) {
                sink.accept(notification.getName(), notification.getParameter(), notification.getPID());
            }
            return notifications.length;
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(arrived == 0 ? System.nanoTime() : arrived, HAND_ON);
        }
    }

    /**
     * Sends a text of one or several statements as one message of the simple protocol. One round trip.
     *
     * @return the first column of the last result that has rows, as text
     */
    public List<String> send(String sql) throws SQLException {
        return script.send(sql);
    }

    /**
     * Whether the driver has been in one read or write for so long: then nothing arrives. True, too, where the socket is not
     * ours, and nobody knows. Any thread.
     */
    public boolean isSilentFor(Duration time) {
        long since = session.blockedSince();
        return since == 0 ? session.exchanges() == 0 : System.nanoTime() - since >= time.toNanos();
    }

    /** Closes the socket; a wait ends with an error. Any thread. */
    public void abort() {
        session.abort();
    }
}
