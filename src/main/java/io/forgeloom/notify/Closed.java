package io.forgeloom.notify;

/**
 * The end: every later call gives it again. Immutable, safe for use by many threads.
 *
 * @param cause who closed what
 */
public record Closed(String cause) implements Delivery {}
