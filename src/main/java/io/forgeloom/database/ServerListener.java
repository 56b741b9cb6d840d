package io.forgeloom.database;

import io.forgeloom.error.SqlState;
import io.forgeloom.internal.pg.PgSession;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.internal.pg.ServerRole;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Whom a pool tells what its sessions show of the server. Called by any thread, under no lock; returns at once.
 */
interface ServerListener {

    /** For whom nobody listens. */
    ServerListener NONE = new ServerListener() {
        @Override
        public void suspected(String evidence) {}

        @Override
        public void reportedRole(boolean standby) {}
    };

    /** A session was lost, could not be opened or does not answer. An interrupt of ours never counts as that. */
    void suspected(String evidence);

    /** The server reported with an answer whether it is a standby: {@code in_hot_standby} changed under a session. */
    void reportedRole(boolean standby);

    /** As {@link #reportedRole}, and with it whether the server is read-only by default. */
    default void reported(ServerRole role) {
        reportedRole(role == ServerRole.STANDBY);
    }

    /** A session was opened, and nobody has it yet. Returns why it must not be used; null if it may. */
    default @Nullable String opened(PgSession session) {
        return null;
    }

    /** No session could be opened. Returns what to say to those who wait. */
    default SQLException openFailed(SQLException failure) {
        return failure;
    }

    /** A server in {@code role} refused a write, and no setting of the user's was the cause. Returns what to throw. */
    default SQLException writeRefused(ServerRole role, SQLException failure) {
        return failure;
    }

    /** Whether the pool has left the server at {@code address} because it does not answer. */
    default boolean isGone(PgUrl address) {
        return false;
    }

    /** A statement was about to begin on a session of a server that the pool has left. Returns what to throw. */
    default SQLException fenced(PgSession session) {
        return new SQLException("the pool has left " + session.address(), SqlState.READ_ONLY);
    }

    /** The server cancelled a statement, or ended a session, for the sake of the log that it replays. */
    default void conflicted(String evidence) {}

    /** Somebody waits for the server, and an answer might tell whether for long. Often called, for no bad reason. */
    default void doubted() {}
}
