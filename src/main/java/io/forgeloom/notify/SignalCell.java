package io.forgeloom.notify;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A subscription for wake-ups: it keeps the newest gap and the newest notification that were not taken yet, and gives the gap
 * first. What it replaces was not missed but told again, so it never lags. One thread at a time publishes, and one reads.
 */
final class SignalCell extends RingReader {

    private final AtomicReference<@Nullable Delivery> gap;
    private final AtomicReference<@Nullable Delivery> notification = new AtomicReference<>();
    private final AtomicLong delivered = new AtomicLong();
    private volatile @Nullable Closed ended;

    /** A cell whose first element is {@code first}, unless a newer gap comes before it is taken. */
    SignalCell(Delivery first) {
        gap = new AtomicReference<>(first);
    }

    /** Replaces what was published before; never waits. The reader is woken by {@link #flush}. */
    void publish(Delivery element) {
        (element instanceof Gap ? gap : notification).set(element);
    }

    /** The end of a batch: wakes the reader if it waits. */
    void flush() {
        wake();
    }

    /** The producer's last word: the reader gets what is kept for it, then {@code closed} for ever. */
    void end(Closed closed) {
        ended = closed;
        wake();
    }

    @Override
    @Nullable
    Delivery known() {
        return null;
    }

    @Override
    @Nullable
    Delivery look() {
        Closed end = ended; // before the two, which then hold all that was published before the end
        Delivery next = taken(gap);
        if (next == null) {
            next = taken(notification);
            if (next != null) {
                delivered.setRelease(delivered.getPlain() + 1); // the reading thread alone writes it
            }
        }
        return next == null ? end : next;
    }

    private static @Nullable Delivery taken(AtomicReference<@Nullable Delivery> place) {
        return place.get() == null ? null : place.getAndSet(null);
    }

    @Override
    long lagged() {
        return 0;
    }

    @Override
    long delivered() {
        return delivered.getAcquire();
    }

    @Override
    void forget() {
        // Nobody but the owner knows a cell.
    }
}
