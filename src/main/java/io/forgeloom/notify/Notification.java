package io.forgeloom.notify;

/**
 * Somebody notified the channel, in a transaction that has committed. Immutable, safe for use by many threads.
 *
 * @param payload as it was sent; empty if there was none
 * @param backendPid the server's process that sent it
 */
public record Notification(String channel, String payload, int backendPid) implements Delivery {}
