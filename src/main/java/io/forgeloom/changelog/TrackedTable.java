package io.forgeloom.changelog;

/**
 * A table whose changes are logged. Immutable, safe for use by many threads.
 *
 * @param table schema and name as SQL spells them
 * @param options what is logged
 */
public record TrackedTable(String table, TrackOptions options) {}
