package io.forgeloom.database;

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

    /** The server cancelled a statement, or ended a session, for the sake of the log that it replays. */
    default void conflicted(String evidence) {}

    /** Somebody waits for the server, and an answer might tell whether for long. Often called, for no bad reason. */
    default void doubted() {}
}
