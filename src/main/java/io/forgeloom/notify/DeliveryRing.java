package io.forgeloom.notify;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The newest elements of one stream, for one producer and many readers, each with a cursor of its own. The producer never
 * waits, locks, allocates or runs a reader's code; a reader that falls behind by more than the capacity is told exactly how
 * many notifications it missed. One thread at a time publishes; {@link #reader} is safe for use by many threads.
 *
 * <p>The element with sequence {@code s}, counted from 0, is in slot {@code s mod length} until {@code s + length} takes it.
 * The array is longer than the capacity, so that a reader may still look at the oldest element while the next is published.
 *
 * <p>Why a reader never takes a wrong element for its own. The producer writes, in this order, the slot of {@code s} with
 * release and {@code published = s + 1} with release. A reader at cursor {@code c} that has read {@code published > c} with
 * acquire sees the slot of {@code c} at least as new as that. If it is too new, it is of some {@code s >= c + length}; the
 * acquiring read of what the producer wrote with release, after it had written {@code published = s}, makes the reader's next
 * read of {@code published} give at least {@code s}, which is more than {@code c + capacity}: overrun, and the element is
 * thrown away. The counts and the gaps beside the slots follow the same rule.
 *
 * <p>Gaps are not in the count of what was missed, and the newest of them is not lost: {@link #gapsThrough} says how many there
 * were up to a sequence, so that a reader knows how many it skipped, and the newest are kept by number.
 */
final class DeliveryRing implements Feed {

    /** The capacity where nobody asks for another, in elements. */
    static final int DEFAULT_CAPACITY = 256;

    private static final int LARGEST_CAPACITY = 1 << 29;

    private static final VarHandle PUBLISHED;

    static {
        try {
            PUBLISHED = MethodHandles.lookup().findVarHandle(DeliveryRing.class, "published", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final int capacity;
    private final int mask;
    private final int wakeEvery;
    private final AtomicReferenceArray<@Nullable Delivery> slots;

    /** Beside each slot: how many gaps there were among all sequences up to and with its own. */
    private final AtomicLongArray gapCounts;

    /** The newest gaps by number. As many as there are slots, so that one is overwritten only after its sequence is. */
    private final AtomicReferenceArray<@Nullable Gap> gaps;

    /** How many elements there were in all; written by the producer alone. */
    private long published;

    /** The producer's own: how many gaps there were, and how many elements since it last woke anybody. */
    private long gapCount;

    private int sinceFlush;

    private volatile @Nullable Closed ended;

    /** Guarded by {@code membership} for writing; replaced, never changed. */
    private volatile StreamReader[] readers = {};

    private final ReentrantLock membership = new ReentrantLock();

    /**
     * An empty ring.
     *
     * @param capacity by how many elements a reader may be behind without missing any; 1 or more
     */
    DeliveryRing(int capacity) {
        if (capacity < 1 || capacity > LARGEST_CAPACITY) {
            throw new IllegalArgumentException(
                    "capacity must be from 1 to " + LARGEST_CAPACITY + " elements, but is " + capacity);
        }
        this.capacity = capacity;
        // Two more than the capacity would do. Twice as much lets a reader that was overrun find its place at leisure.
        int length = Math.max(4, Integer.highestOneBit(2 * capacity - 1) << 1);
        mask = length - 1;
        wakeEvery = Math.max(1, capacity / 4);
        slots = new AtomicReferenceArray<>(length);
        gapCounts = new AtomicLongArray(length);
        gaps = new AtomicReferenceArray<>(length);
    }

    /**
     * Adds an element, over the oldest one if need be. Readers that are awake see it at once, those that wait after the next
     * {@link #flush}, or after a quarter of the capacity, lest a long batch overruns readers that it never woke. Ignored after
     * {@link #end}.
     */
    @Override
    public void publish(Delivery element) {
        if (ended != null) {
            return;
        }
        long sequence = published;
        int slot = (int) sequence & mask;
        if (element instanceof Gap gap) {
            gaps.setRelease((int) gapCount & mask, gap);
            gapCount++;
        }
        gapCounts.setRelease(slot, gapCount);
        slots.setRelease(slot, element);
        PUBLISHED.setRelease(this, sequence + 1);
        if (++sinceFlush >= wakeEvery) {
            flush();
        }
    }

    /** The end of a batch: wakes the readers that wait, each at most once. */
    @Override
    public void flush() {
        sinceFlush = 0;
        // The same value again, volatile: what RingReader's proof asks for, at the price of one fence a batch.
        PUBLISHED.setVolatile(this, published);
        for (StreamReader reader : readers) {
            reader.wake();
        }
    }

    /** The producer's last word: each reader gets what the ring has for it, then {@code closed} for ever. */
    @Override
    public void end(Closed closed) {
        ended = closed;
        flush();
    }

    /** A reader that gets {@code first} and then what is published from now on. */
    RingReader reader(Delivery first) {
        membership.lock();
        try {
            long cursor = publishedVolatile();
            long gapsPassed = gapsThrough(cursor - 1);
            while (!holds(cursor - 1)) { // the producer went once around meanwhile
                cursor = publishedVolatile();
                gapsPassed = gapsThrough(cursor - 1);
            }
            StreamReader reader = new StreamReader(this, first, cursor, gapsPassed);
            StreamReader[] more = Arrays.copyOf(readers, readers.length + 1);
            more[more.length - 1] = reader;
            readers = more;
            return reader;
        } finally {
            membership.unlock();
        }
    }

    /** Nobody wakes this reader any more. */
    void forget(StreamReader reader) {
        membership.lock();
        try {
            readers = Arrays.stream(readers).filter(one -> one != reader).toArray(StreamReader[]::new);
        } finally {
            membership.unlock();
        }
    }

    /** {@return how many readers may have to be woken} */
    int readers() {
        return readers.length;
    }

    int capacity() {
        return capacity;
    }

    AtomicReferenceArray<@Nullable Delivery> slots() {
        return slots;
    }

    @Nullable
    Closed ended() {
        return ended;
    }

    long published() {
        return (long) PUBLISHED.getAcquire(this);
    }

    long publishedVolatile() {
        return (long) PUBLISHED.getVolatile(this);
    }

    /** How many gaps there were up to and with this sequence, -1 being before all; right if the ring {@link #holds} it afterwards. */
    long gapsThrough(long sequence) {
        return sequence < 0 ? 0 : gapCounts.getAcquire((int) sequence & mask);
    }

    /** The gap with this number, counted from 0; right if the ring {@link #holds} a later sequence afterwards. */
    @Nullable
    Gap gap(long number) {
        return gaps.getAcquire((int) number & mask);
    }

    /** Whether nothing has been written over the slot of this sequence so far. */
    boolean holds(long sequence) {
        return published() - sequence <= mask;
    }
}
