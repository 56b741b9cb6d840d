package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.forgeloom.testing.Await;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What one reader gets, step by step; what happens in between is {@link DeliveryRingStressTest}'s. */
@Timeout(30)
class DeliveryRingTest {

    private static final Gap FIRST = gap(1);

    private static Gap gap(long generation) {
        return new Gap(generation, "test", Instant.EPOCH);
    }

    private static Notification number(int number) {
        return new Notification("c", "", number);
    }

    private static void publish(DeliveryRing ring, int from, int to) {
        for (int i = from; i < to; i++) {
            ring.publish(number(i));
        }
        ring.flush();
    }

    /** What there is now; a Closed ends it. */
    private static List<Delivery> drain(RingReader reader) throws InterruptedException {
        List<Delivery> taken = new ArrayList<>();
        for (Delivery next = reader.poll(0); next != null; next = reader.poll(0)) {
            taken.add(next);
            if (next instanceof Closed) {
                break;
            }
        }
        return taken;
    }

    /** A reader that has taken its first element. */
    private static RingReader begun(DeliveryRing ring) throws InterruptedException {
        RingReader reader = ring.reader(FIRST);
        assertSame(FIRST, reader.take());
        return reader;
    }

    @Test
    void firstElementIsTheOneThatTheReaderWasOpenedWith() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(8);
        publish(ring, 0, 5);
        RingReader reader = ring.reader(FIRST);
        publish(ring, 5, 7);
        assertEquals(List.of(FIRST, number(5), number(6)), drain(reader));
        assertEquals(2, reader.delivered());
        assertEquals(0, reader.lagged());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8, 100, 256})
    void readerMayBeBehindByExactlyTheCapacity(int capacity) throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(capacity);
        RingReader inTime = begun(ring);
        publish(ring, 0, capacity);
        assertEquals(number(0), inTime.take());
        RingReader late = begun(ring);
        publish(ring, capacity, 2 * capacity + 3);
        assertEquals(new Lagged(3), late.take());
        assertEquals(number(capacity + 3), late.take());
        // It had looked at all of the first elements, and is held to the same bound nevertheless.
        assertEquals(new Lagged(capacity + 2), inTime.take());
        assertEquals(number(capacity + 3), inTime.take());
        assertEquals(capacity + 2, inTime.lagged());
        assertEquals(2, inTime.delivered());
    }

    @Test
    void capacityBelowOneIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new DeliveryRing(0));
    }

    @Test
    void overrunCountsFromTheCursorWhateverWasTakenBefore() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        publish(ring, 0, 1_000);
        assertEquals(List.of(new Lagged(996), number(996), number(997), number(998), number(999)), drain(reader));
        publish(ring, 1_000, 1_006);
        assertEquals(new Lagged(2), reader.take());
        assertEquals(998, reader.lagged());
    }

    @Test
    void newestGapThatWasOverrunComesAfterTheLagAndIsNotInTheCount() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        ring.publish(number(0));
        ring.publish(gap(2));
        ring.publish(number(1));
        ring.publish(gap(3));
        publish(ring, 2, 7); // 9 elements: the first 5, with both gaps, are overrun
        assertEquals(List.of(new Lagged(3), gap(3), number(3), number(4), number(5), number(6)), drain(reader));
        assertEquals(3, reader.lagged());
        assertEquals(4, reader.delivered());
    }

    @Test
    void gapThatIsStillThereStaysInItsPlace() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        ring.publish(gap(2));
        publish(ring, 0, 3);
        ring.publish(gap(3));
        publish(ring, 3, 4);
        assertEquals(List.of(new Lagged(1), gap(2), number(1), number(2), gap(3), number(3)), drain(reader));
    }

    @Test
    void whereOnlyGapsWereOverrunNothingWasMissed() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        for (int generation = 2; generation < 50; generation++) {
            ring.publish(gap(generation));
        }
        publish(ring, 0, 4);
        assertEquals(List.of(gap(49), number(0), number(1), number(2), number(3)), drain(reader));
        assertEquals(0, reader.lagged());
    }

    @Test
    void gapsThatWereTakenOrCameBeforeTheReaderAreNotCountedAgain() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        ring.publish(gap(2));
        ring.publish(gap(3));
        RingReader reader = begun(ring);
        ring.publish(gap(4));
        publish(ring, 0, 1);
        assertEquals(List.of(gap(4), number(0)), drain(reader));
        publish(ring, 1, 8);
        assertEquals(List.of(new Lagged(3), number(4), number(5), number(6), number(7)), drain(reader));
    }

    @Test
    void gapWaitsForItsTurnWhileTheReaderIsOverrunAgain() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        ring.publish(gap(2));
        publish(ring, 0, 6);
        assertEquals(new Lagged(2), reader.take());
        publish(ring, 6, 16);
        assertEquals(List.of(gap(2), new Lagged(10)), drain(reader).subList(0, 2));
    }

    @Test
    void endComesAfterWhatIsThereAndForEver() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = ring.reader(FIRST);
        publish(ring, 0, 5);
        Closed end = new Closed("the bus was closed");
        ring.end(end);
        publish(ring, 5, 6); // ignored
        assertEquals(List.of(FIRST, new Lagged(1), number(1), number(2), number(3), number(4), end), drain(reader));
        assertSame(end, reader.take());
        assertSame(end, reader.poll(0));
        RingReader afterwards = ring.reader(FIRST);
        assertEquals(List.of(FIRST, end), drain(afterwards));
    }

    @Test
    void pollWaitsUntilItsDeadlineAndNoLonger() throws InterruptedException {
        RingReader reader = begun(new DeliveryRing(4));
        assertNull(reader.poll(0));
        assertNull(reader.poll(-1));
        long begin = System.nanoTime();
        assertNull(reader.poll(TimeUnit.MILLISECONDS.toNanos(20)));
        long waited = System.nanoTime() - begin;
        assertTrue(waited >= TimeUnit.MILLISECONDS.toNanos(20), () -> "waited " + waited + " ns");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void waitingReaderIsFreedByAnElementByTheEndAndByClose(boolean virtual) throws Exception {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        Waiting polled = new Waiting(virtual, () -> reader.poll(Long.MAX_VALUE));
        publish(ring, 0, 1);
        assertEquals(number(0), polled.get());
        Waiting taken = new Waiting(virtual, reader::take);
        publish(ring, 1, 2);
        assertEquals(number(1), taken.get());

        RingReader closed = begun(ring);
        Waiting closing = new Waiting(virtual, closed::take);
        closed.close();
        assertInstanceOf(Closed.class, closing.get());

        Waiting ending = new Waiting(virtual, reader::take);
        Closed end = new Closed("the bus was closed");
        ring.end(end);
        assertSame(end, ending.get());
    }

    @Test
    void closedReaderGetsNothingElseAndIsForgotten() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader stays = begun(ring);
        RingReader reader = ring.reader(FIRST);
        publish(ring, 0, 2);
        assertEquals(2, ring.readers());
        reader.close();
        reader.close();
        assertEquals(1, ring.readers());
        assertInstanceOf(Closed.class, reader.take());
        assertInstanceOf(Closed.class, reader.poll(0));
        assertEquals(List.of(number(0), number(1)), drain(stays));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void interruptedReaderLosesNothing(boolean virtual) throws Exception {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        Waiting interrupted = new Waiting(virtual, reader::take);
        interrupted.thread.interrupt();
        Exception thrown = assertThrows(Exception.class, interrupted::get);
        assertInstanceOf(InterruptedException.class, thrown.getCause());
        publish(ring, 0, 2);
        assertEquals(List.of(number(0), number(1)), drain(reader));
        Waiting again = new Waiting(virtual, reader::take);
        publish(ring, 2, 3);
        assertEquals(number(2), again.get());
    }

    @Test
    void readerThatNeverWaitsNoticesAnInterruptWithinTheCapacity() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(4);
        RingReader reader = begun(ring);
        publish(ring, 0, 1);
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, () -> {
            for (int i = 0; i < 10; i++) {
                reader.take();
                publish(ring, i, i + 1);
            }
        });
        assertTrue(!Thread.currentThread().isInterrupted(), "the flag was not taken");
        assertInstanceOf(Notification.class, reader.take());
    }

    @Test
    void longBatchWakesWhoWaitsBeforeItIsOver() throws Exception {
        DeliveryRing ring = new DeliveryRing(256);
        RingReader reader = begun(ring);
        Waiting waiting = new Waiting(true, reader::take);
        for (int i = 0; i < 64; i++) {
            ring.publish(number(i));
        }
        assertEquals(number(0), waiting.get());
    }

    @Test
    void publishAllocatesNothing() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(256);
        RingReader reader = begun(ring);
        Notification readyMade = number(1);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = 0;
        for (int i = 0; i < 300_000; i++) {
            if (i == 100_000) {
                before = threads.getCurrentThreadAllocatedBytes();
            }
            ring.publish(readyMade);
            ring.flush();
        }
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;
        assertTrue(bytes < 20_000, () -> bytes + " bytes for 200,000 elements");
        assertEquals(new Lagged(300_000 - 256), reader.take());
    }

    /** A call on a thread of its own, which is waiting once the constructor returns. */
    private static final class Waiting {
        private static final Duration PATIENCE = Duration.ofSeconds(10);

        private final FutureTask<Delivery> task;
        private final Thread thread;

        Waiting(boolean virtual, Callable<Delivery> call) throws InterruptedException {
            task = new FutureTask<>(call);
            thread = virtual
                    ? Thread.ofVirtual().name("reader").start(task)
                    : Thread.ofPlatform().name("reader").daemon().start(task);
            Await.until(
                    "the reader waits",
                    () -> thread.getState() == Thread.State.WAITING || thread.getState() == Thread.State.TIMED_WAITING);
        }

        Delivery get() throws Exception {
            return task.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
    }
}
