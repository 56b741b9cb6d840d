package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.ConcurrentHistogram;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * One of ten subscribers stands still for a minute, at 10,000 notifications a second: the others do not feel it, the heap does
 * not grow, and what it missed is counted exactly.
 */
@Tag("long")
@Timeout(300)
class StalledReaderTest {

    private static final int BATCH = 10;
    private static final int STALL_SECONDS = 60;

    /** The machine's own noise from one half minute to the next, which a tenth of some ten microseconds would not allow. */
    private static final long NOISE_NANOS = 20_000;

    private static final int TIMES = 1 << 16;

    private final DeliveryRing ring = new DeliveryRing(DeliveryRing.DEFAULT_CAPACITY);

    /** When each number was published, by its last 16 bits. */
    private final AtomicLongArray publishedAtNanos = new AtomicLongArray(TIMES);

    private final AtomicLong published = new AtomicLong();
    private final AtomicBoolean stop = new AtomicBoolean();
    private final ConcurrentHistogram latencies =
            new ConcurrentHistogram(Duration.ofSeconds(60).toNanos(), 3);

    private void publishAll() {
        while (!stop.get()) {
            for (int i = 0; i < BATCH; i++) {
                int number = (int) published.getAndIncrement();
                publishedAtNanos.set(number & (TIMES - 1), System.nanoTime());
                ring.publish(new Notification("c", "", number));
            }
            ring.flush();
            LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
        }
        ring.end(new Closed("the end"));
    }

    private void readAll(RingReader reader) {
        try {
            for (Delivery element = reader.take(); !(element instanceof Closed); element = reader.take()) {
                if (element instanceof Notification notification) {
                    long sent = publishedAtNanos.get(notification.backendPid() & (TIMES - 1));
                    latencies.recordValue(Math.max(0, System.nanoTime() - sent));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The median of the p99 of each second: one bad second of the machine is not the ring's. */
    private long p99Nanos(int seconds) throws InterruptedException {
        List<Long> each = new ArrayList<>();
        for (int i = 0; i < seconds; i++) {
            latencies.reset();
            Thread.sleep(1_000);
            each.add(latencies.getValueAtPercentile(99));
        }
        return each.stream().sorted().toList().get(seconds / 2);
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Test
    void stalledReaderIsFeltByNobodyElseAndKnowsExactlyWhatItMissed() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
            threads.add(Thread.ofVirtual().name("reader").start(() -> readAll(reader)));
        }
        threads.add(Thread.ofVirtual().name("producer").start(this::publishAll));
        p99Nanos(5); // warm-up

        long before = p99Nanos(STALL_SECONDS / 2);
        RingReader standsStill = ring.reader(new Gap(1, "again", Instant.EPOCH));
        assertInstanceOf(Gap.class, standsStill.take());
        Notification last = assertInstanceOf(Notification.class, standsStill.take());
        long heapBefore = usedHeap();
        long during = p99Nanos(STALL_SECONDS);
        long heapGrowth = usedHeap() - heapBefore;

        stop.set(true);
        for (Thread thread : threads) {
            assertTrue(thread.join(Duration.ofSeconds(10)), () -> thread + " hangs");
        }
        Lagged lag = assertInstanceOf(Lagged.class, standsStill.take());
        Notification oldest = assertInstanceOf(Notification.class, standsStill.take());
        System.out.printf(
                "p99 of the others: %,d ns alone, %,d ns beside a stalled reader; it missed %,d; heap %+,d bytes%n",
                before, during, lag.missed(), heapGrowth);
        assertEquals(oldest.backendPid() - last.backendPid() - 1, lag.missed());
        assertEquals(published.get() - DeliveryRing.DEFAULT_CAPACITY, oldest.backendPid());
        assertTrue(during < 1.1 * before + NOISE_NANOS, () -> "p99 went from " + before + " to " + during + " ns");
        assertTrue(heapGrowth < 1_000_000, () -> "the heap grew by " + heapGrowth + " bytes");
    }
}
