package io.forgeloom.database;

import org.jspecify.annotations.Nullable;

/**
 * What a committed transaction leaves: the value that its function returned, and where in the log it is. As immutable and as
 * safe for use by many threads as the value.
 *
 * @param value what the function returned in the attempt that was committed
 * @param position at or after the end of the commit; see {@link Database#inTransactionWithPosition}
 */
public record Committed<T extends @Nullable Object>(T value, CommitPosition position) {}
