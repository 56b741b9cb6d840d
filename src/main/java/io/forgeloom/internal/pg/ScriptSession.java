package io.forgeloom.internal.pg;

import io.forgeloom.internal.jdbc.StatementOwner;
import java.sql.SQLException;
import java.util.List;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Sends statements as they are written. What JDBC's statements get, the driver takes apart and rewrites first, and its
 * idea of where a statement ends is not always the server's. A pooled connection gives this by {@code unwrap}; it ends
 * with that connection. One thread at a time.
 */
public final class ScriptSession {

    private final StatementOwner owner;
    private final PgSession session;

    /** Executions are reported to {@code owner} as those of JDBC are. */
    public ScriptSession(StatementOwner owner, PgSession session) {
        this.owner = owner;
        this.session = session;
    }

    /**
     * Sends a text of one or several statements as one message of the simple protocol. One round trip, for as long as the
     * statements take: what bounds them is {@code statement_timeout}, and the pool's watch where the network is silent.
     *
     * @return the first column of the last result that has rows, as text
     */
    public List<String> send(String sql) throws SQLException {
        owner.requireOpen();
        long start = owner.executing();
        try {
            return session.send(sql);
        } catch (SQLException e) {
            throw owner.failed(e);
        } finally {
            owner.executed(start, sql);
        }
    }

    /** Whether a transaction is open, a failed one included, as of the last answer. No round trip. */
    public boolean inTransaction() {
        return session.inTransaction();
    }

    /** The process id of the start-up message, which is not {@code pg_backend_pid()} behind a pooler. No round trip. */
    public int announcedPid() {
        return session.backendPid();
    }

    /** Whether a backslash is an ordinary character in {@code '…'}, as of the last answer. No round trip. */
    public boolean hasStandardStrings() {
        return "on".equals(session.reported("standard_conforming_strings"));
    }

    /** Where in the statement the server found the error: characters from 1; 0 where it named no place. */
    public static int errorPosition(SQLException error) {
        if (error instanceof PSQLException server) {
            ServerErrorMessage message = server.getServerErrorMessage();
            return message == null ? 0 : message.getPosition();
        }
        return 0;
    }
}
