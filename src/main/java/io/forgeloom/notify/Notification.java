package io.forgeloom.notify;

/**
 * What somebody sent with {@code NOTIFY}, unmodified. Safe for use by many threads (immutable).
 *
 * @param channel on which it was sent; at most 63 bytes
 * @param payload at most 7,999 bytes; empty if it was sent without one
 * @param backendPid the process id, on the server, of the session that sent it
 */
public record Notification(String channel, String payload, int backendPid) implements Delivery {}
