package io.forgeloom.notify;

/**
 * The end of a subscription: it or the bus was closed. Every further element is this one as well. Safe for use by many threads
 * (immutable).
 *
 * @param cause who closed what
 */
public record Closed(String cause) implements Delivery {}
