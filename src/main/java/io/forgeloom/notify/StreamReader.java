package io.forgeloom.notify;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A cursor in a {@link DeliveryRing}, which tells its own reader apart from all others: the ring knows nothing of it but who
 * waits. One thread at a time reads.
 *
 * <p>The memory order is in {@link DeliveryRing}. A cached limit makes the usual {@link #take} one read of the slot and one of
 * {@code published}, both acquiring, and two plain writes.
 */
final class StreamReader extends RingReader {

    private static final VarHandle LAGGED;
    private static final VarHandle DELIVERED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            LAGGED = lookup.findVarHandle(StreamReader.class, "lagged", long.class);
            DELIVERED = lookup.findVarHandle(StreamReader.class, "delivered", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final DeliveryRing ring;

    // Copies of the ring's constants, which there are in a cache line that each publication takes away.
    private final AtomicReferenceArray<@Nullable Delivery> slots;
    private final int mask;
    private final int capacity;

    // All below is the reading thread's own; the two counts are read by others too, without order.

    /** The sequence of the next element. */
    private long cursor;

    /** What was published at the last look; equal to the cursor, whatever there is, while something is pending. */
    private long limit;

    /** How many gaps are before the cursor in the ring, as {@link DeliveryRing#gapsThrough} counts. */
    private long gapsPassed;

    /** Comes before the element at the cursor: the first one, or the newest gap that was overrun. */
    private @Nullable Delivery pending;

    private long lagged;
    private long delivered;

    /** A reader whose next element after {@code first} is the one with the sequence {@code cursor}. */
    StreamReader(DeliveryRing ring, Delivery first, long cursor, long gapsPassed) {
        this.ring = ring;
        slots = ring.slots();
        mask = slots.length() - 1;
        capacity = ring.capacity();
        pending = first;
        this.cursor = cursor;
        limit = cursor;
        this.gapsPassed = gapsPassed;
    }

    @Override
    @Nullable
    Delivery known() {
        long sequence = cursor;
        if (sequence >= limit) {
            return null;
        }
        Delivery element = slots.getAcquire((int) sequence & mask);
        // Only now, after the element: if the slot has been given to a later one, this sees that as many were
        // published.
        if (ring.published() - sequence > capacity) {
            return null; // look() sorts it out
        }
        cursor = sequence + 1;
        if (element instanceof Gap) {
            gapsPassed++;
        } else {
            DELIVERED.setOpaque(this, delivered + 1);
        }
        return element;
    }

    @Override
    @Nullable
    Delivery look() {
        Delivery before = pending;
        if (before != null) {
            pending = null;
            return before;
        }
        while (true) {
            Closed end = ring.ended(); // before the limit, which then has all that was published before the end
            limit = ring.publishedVolatile();
            if (limit == cursor) {
                return end;
            }
            Delivery element = limit - cursor > capacity ? skip() : known();
            if (element != null) {
                return element;
            }
            // Overrun between two reads: the ring has moved on by its whole slack meanwhile.
        }
    }

    /** Moves the cursor to the oldest element that is still there; null if that is overrun already. */
    private @Nullable Delivery skip() {
        long oldest = limit - capacity;
        long gapsBefore = ring.gapsThrough(oldest - 1);
        Gap newestGap = gapsBefore > gapsPassed ? ring.gap(gapsBefore - 1) : null;
        if (!ring.holds(oldest - 1)) {
            return null;
        }
        long missed = oldest - cursor - (gapsBefore - gapsPassed);
        cursor = oldest;
        gapsPassed = gapsBefore;
        if (missed == 0) {
            return newestGap;
        }
        LAGGED.setOpaque(this, lagged + missed);
        if (newestGap != null) {
            pending = newestGap;
            limit = cursor; // so that known() leaves it to look()
        }
        return new Lagged(missed);
    }

    @Override
    long lagged() {
        return (long) LAGGED.getOpaque(this);
    }

    @Override
    long delivered() {
        return (long) DELIVERED.getOpaque(this);
    }

    @Override
    void forget() {
        ring.forget(this);
    }
}
