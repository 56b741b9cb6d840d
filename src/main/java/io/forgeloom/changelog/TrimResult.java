package io.forgeloom.changelog;

import java.util.List;

/**
 * What a trim did. Immutable, safe for use by many threads.
 *
 * @param rows how many rows went, at most: their numbers are counted, and those of rolled back ones are among them
 * @param refused why the rest could not go now: one line for each reason; empty if nothing was in the way
 */
public record TrimResult(long rows, List<String> refused) {}
