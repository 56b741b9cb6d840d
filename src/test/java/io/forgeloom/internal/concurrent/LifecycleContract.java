package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.concurrent.Lifecycle.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Phaser;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The tests that every {@link Lifecycle} passes. A part's own test extends this class and says how to make the part.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class LifecycleContract {
    /** Brackets the work that must not run twice at the same time. */
    public static final class Witness {
        private final AtomicInteger inside = new AtomicInteger();
        private final AtomicInteger most = new AtomicInteger();
        private final AtomicInteger entries = new AtomicInteger();

        public void enter() {
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            entries.incrementAndGet();
        }

        public void leave() {
            inside.decrementAndGet();
        }

        /** How often the work was begun. */
        public int entries() {
            return entries.get();
        }
    }

    /** Every thread that a part was given. */
    private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

    private final ThreadFactory threadFactory = task -> {
        Thread thread = Thread.ofVirtual().unstarted(task);
        threads.add(thread);
        return thread;
    };

    private final Witness witness = new Witness();

    /**
     * A new part that was never started and works until it is stopped.
     *
     * @param threads what the part must make its threads with: exactly one for each start
     * @param witness entered at the begin of the work and left at its end, by a part whose work can be bracketed so
     */
    protected abstract Lifecycle create(ThreadFactory threads, Witness witness);

    private Lifecycle create() {
        return create(threadFactory, witness);
    }

    /** For what a part's own test does with a part that it made in its own way. */
    protected final ThreadFactory recordingThreads() {
        return threadFactory;
    }

    @AfterEach
    void workNeverRanTwiceAtTheSameTimeAndNoThreadIsAlive() {
        assertTrue(witness.most.get() <= 1, () -> witness.most + " at the same time");
        assertNoThread("the test");
    }

    private void assertNoThread(String after) {
        for (Thread thread : threads) {
            assertFalse(thread.isAlive(), () -> thread + " is alive after " + after);
        }
    }

    @Test
    void isStoppedBeforeItIsStarted() {
        assertEquals(State.STOPPED, create().state());
    }

    @Test
    void secondStartDoesNothing() {
        try (var part = create()) {
            part.start();
            part.start();
            assertEquals(State.RUNNING, part.state());
            assertEquals(1, threads.size());
        }
    }

    @Test
    void stopBeforeStartDoesNothing() throws Exception {
        try (var part = create()) {
            part.stop();
            part.stop(Duration.ZERO);
            assertEquals(State.STOPPED, part.state());
            assertTrue(threads.isEmpty());
            part.start();
            assertEquals(State.RUNNING, part.state());
        }
    }

    @Test
    void stopWaitsUntilNoThreadIsAlive() {
        var part = create();
        part.start();
        part.stop();
        assertNoThread("stop");
        assertEquals(State.STOPPED, part.state());
    }

    @Test
    void secondStopDoesNothing() throws Exception {
        var part = create();
        part.start();
        part.stop();
        part.stop();
        part.stop(Duration.ZERO);
        assertEquals(State.STOPPED, part.state());
    }

    @Test
    void startsAgainAfterAStop() {
        try (var part = create()) {
            for (int i = 1; i <= 3; i++) {
                part.start();
                assertEquals(State.RUNNING, part.state());
                assertEquals(i, threads.size());
                part.stop();
                assertEquals(State.STOPPED, part.state());
            }
        }
    }

    @Test
    void closeStopsForGood() {
        var part = create();
        part.start();
        part.close();
        assertNoThread("close");
        assertThrows(IllegalStateException.class, part::start);
        assertEquals(1, threads.size());
        part.close();
        part.stop();
        assertEquals(State.STOPPED, part.state());
        assertThrows(IllegalStateException.class, part::start);
    }

    @Test
    void closeBeforeStartForbidsIt() {
        var part = create();
        part.close();
        assertThrows(IllegalStateException.class, part::start);
        assertTrue(threads.isEmpty());
    }

    @Test
    void interruptOfTheStoppingThreadIsKeptAndStopStillWaits() {
        var part = create();
        part.start();
        Thread.currentThread().interrupt();
        part.stop();
        assertTrue(Thread.interrupted(), "the interrupt was lost");
        assertNoThread("stop");

        part.start();
        Thread.currentThread().interrupt();
        part.close();
        assertTrue(Thread.interrupted(), "the interrupt was lost");
        assertNoThread("close");
    }

    @Test
    void boundedStopWaitsForTheThread() throws Exception {
        var part = create();
        part.start();
        part.stop(Duration.ofSeconds(60));
        assertNoThread("stop");
    }

    @Test
    void startStopAndCloseFromManyThreadsEndStopped() throws Exception {
        stress(60, 42);
    }

    @Test
    @Tag("long")
    void startStopAndCloseFromManyThreadsEndStoppedForLong() throws Exception {
        stress(20_000, System.nanoTime());
    }

    private void stress(int rounds, long seed) throws Exception {
        var random = new SplittableRandom(seed);
        for (int round = 0; round < rounds; round++) {
            boolean closes = random.nextInt(4) == 0;
            String label = "seed " + seed + ", round " + round;
            threads.clear();
            var part = create();
            callFromManyThreads(part, random, closes, label);
            if (closes) {
                part.close();
                assertThrows(IllegalStateException.class, part::start, label);
            } else {
                // Whatever the order was, the last word counts.
                part.start();
                assertEquals(State.RUNNING, part.state(), label);
                part.stop();
            }
            assertEquals(State.STOPPED, part.state(), label);
            assertNoThread(label);
            assertTrue(witness.most.get() <= 1, () -> label + ": " + witness.most + " at the same time");
            part.close();
        }
    }

    private static void callFromManyThreads(Lifecycle part, SplittableRandom random, boolean closes, String label)
            throws InterruptedException {
        int callers = 6;
        var together = new Phaser(callers);
        var failure = new AtomicReference<Throwable>();
        List<Thread> started = new ArrayList<>();
        for (int i = 0; i < callers; i++) {
            var own = random.split();
            boolean closer = closes && i == 0;
            started.add(Thread.ofVirtual().name("forgeloom-caller-" + i).start(() -> {
                together.arriveAndAwaitAdvance();
                try {
                    for (int call = 0; call < 30; call++) {
                        callOnce(part, own, closes);
                    }
                    if (closer) {
                        part.close();
                    }
                } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                }
            }));
        }
        for (Thread thread : started) {
            thread.join();
        }
        if (failure.get() != null) {
            throw new AssertionError(label + ": " + failure.get(), failure.get());
        }
    }

    private static void callOnce(Lifecycle part, SplittableRandom random, boolean closes) throws InterruptedException {
        switch (random.nextInt(6)) {
            case 0, 1, 2 -> {
                try {
                    part.start();
                } catch (IllegalStateException closed) {
                    assertTrue(closes, "refused to start, and nobody has closed it");
                }
            }
            case 3 -> part.stop();
            case 4 -> {
                try {
                    part.stop(Duration.ofNanos(random.nextInt(100_000)));
                } catch (TimeoutException alsoFine) {
                    // The request stands; the end of the round waits.
                }
            }
            default -> {
                Thread.currentThread().interrupt();
                part.stop();
                assertTrue(Thread.interrupted(), "the interrupt was lost");
            }
        }
    }
}
