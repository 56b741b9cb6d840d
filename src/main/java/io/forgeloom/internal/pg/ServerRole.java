package io.forgeloom.internal.pg;

/** Whether a server takes writes, as it reports by itself with its answers. */
public enum ServerRole {
    /** It takes writes. */
    PRIMARY,
    /** {@code default_transaction_read_only} is on: it refuses the writes of whoever does not ask otherwise. */
    READ_ONLY,
    /** {@code in_hot_standby} is on: it replays another server's log and can take no write. */
    STANDBY
}
