package io.forgeloom.notify;

/**
 * The subscriber was too slow for its buffer, and lost the oldest. Read the state anew. Immutable, safe for use by many
 * threads.
 *
 * @param missed exactly how many notifications
 */
public record Lagged(long missed) implements Delivery {}
