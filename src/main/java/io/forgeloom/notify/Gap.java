package io.forgeloom.notify;

import java.time.Instant;

/**
 * Nobody listened for a while, so that any number of notifications may be missing here: read the state now. It stands before
 * everything that arrived after listening began (again), and it is the first element of each subscription. Safe for use by
 * many threads (immutable).
 *
 * @param generation the number of this time of listening; each successful connect adds 1
 * @param cause why nobody listened before
 * @param since from when on notifications may be missing
 */
public record Gap(long generation, String cause, Instant since) implements Delivery {}
