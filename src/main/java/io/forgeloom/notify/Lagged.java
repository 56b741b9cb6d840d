package io.forgeloom.notify;

/**
 * The subscriber was too slow: here, between its last element and its next one, notifications are missing. What they would have
 * told must be read from the database. Safe for use by many threads (immutable).
 *
 * @param missed exactly how many; 1 or more
 */
public record Lagged(long missed) implements Delivery {}
