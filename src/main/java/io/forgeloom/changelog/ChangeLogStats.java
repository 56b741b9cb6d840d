package io.forgeloom.changelog;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a change log is: what it holds, and who reads it. Numbers that were rolled back or trimmed in between count as rows.
 * Immutable, safe for use by many threads.
 *
 * @param rows how many rows there are, at most
 * @param minSeq the lowest number of a committed row; 0 if there is none
 * @param maxSeq the highest; 0 if there is none
 * @param oldest how long ago the row with the lowest number was logged, by the server's clock; zero if there is none
 * @param slots all slots of the ring, by number
 * @param trims how many slots were ever emptied
 * @param consumers by name; a hold of someone who copies a table is one with {@link Consumer#expires()}
 * @param sleepersUntil until when writers wake a sleeping reader that has said so; null if nobody sleeps
 */
public record ChangeLogStats(
        long rows,
        long minSeq,
        long maxSeq,
        Duration oldest,
        List<Slot> slots,
        long trims,
        List<Consumer> consumers,
        @Nullable Instant sleepersUntil) {

    /**
     * A partition of the log.
     *
     * @param number from 0
     * @param rows how many rows, at most
     * @param bytes on disk, with its indexes
     */
    public record Slot(int number, long rows, long bytes) {}

    /**
     * Someone whose position the log knows.
     *
     * @param name as given to {@link ChangeLog#consumer}
     * @param lag how far it is behind; null for a hold, which has no position
     * @param holds whether its unseen rows stay when their time is over
     * @param committed when it committed last, or was made
     * @param expires when a hold ends by itself; null for a consumer
     */
    public record Consumer(
            String name,
            @Nullable ConsumerLag lag,
            boolean holds,
            Instant committed,
            @Nullable Instant expires) {}
}
