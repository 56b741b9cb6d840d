package io.forgeloom.changelog;

import java.util.List;

/**
 * Some rows of the log, one or more, in their order. Immutable, safe for use by many threads.
 *
 * @param rows in the order in which they are to be applied
 * @param position behind the last of them; with it stored, a reader goes on with the next row
 */
public record Batch(List<ChangeRow> rows, ChangePosition position) implements ChangeElement {}
