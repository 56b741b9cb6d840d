package io.forgeloom.changelog;

import java.time.Duration;

/**
 * How far a consumer is behind what is committed. Immutable, safe for use by many threads.
 *
 * @param rows how many rows at most, by their numbers; those that were rolled back count, too
 * @param age how long ago the first of them was written, by the server's clock; zero if there is none
 */
public record ConsumerLag(long rows, Duration age) {}
