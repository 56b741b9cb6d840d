package io.forgeloom.changelog;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What happened to one row of a table, or to a table as a whole. Immutable, safe for use by many threads.
 *
 * @param position behind this row: a reader that starts there goes on with the next one
 * @param seq its number; ascending within a batch, and for each row of a table, not over all of the log
 * @param table schema and name as SQL spells them, {@code public.orders} or {@code public."Order Items"}
 * @param op what was done
 * @param rowId the key as text, of several columns a JSON array of texts in the order of the key; null in what tells of a
 *     whole statement
 * @param key the texts of the key's columns, in its order; empty if {@code rowId} is null
 * @param changed the columns that an update changed; null if that was not recorded
 * @param at when it was logged, by the server's clock; its transaction may have committed much later
 */
public record ChangeRow(
        ChangePosition position,
        long seq,
        String table,
        ChangeOp op,
        @Nullable String rowId,
        List<String> key,
        @Nullable List<String> changed,
        Instant at) {

    ChangeRow at(ChangePosition other) {
        return new ChangeRow(other, seq, table, op, rowId, key, changed, at);
    }
}
