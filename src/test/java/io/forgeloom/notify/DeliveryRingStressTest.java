package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Threads at random speeds. Forbidden: a number that is missing and was not counted, one that comes twice or too early, a
 * notification before the gap that it was published behind, a reader that sleeps over an element.
 */
@Timeout(60)
class DeliveryRingStressTest {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    private Thread start(Thread.Builder builder, String name, Body body) {
        return builder.name(name).start(() -> {
            try {
                body.run();
            } catch (Throwable e) {
                failure.compareAndSet(null, e);
            }
        });
    }

    private interface Body {
        void run() throws InterruptedException;
    }

    private void joinAll(List<Thread> threads) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        for (Thread thread : threads) {
            boolean ended = thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
            assertTrue(ended, () -> thread + " hangs, failure so far: " + failure.get());
        }
        Throwable first = failure.get();
        if (first != null) {
            throw new AssertionError("a thread failed", first);
        }
    }

    /** Follows one reader: element by element all must add up. */
    private static final class Account {
        private final int from;
        private long next;
        private long generation;
        private long taken;
        private long missed;

        /** Of a reader whose first possible number is {@code from}. */
        Account(int from) {
            this.from = from;
            next = from;
        }

        /** False at the end. */
        boolean add(Delivery element) {
            switch (element) {
                case Gap gap -> {
                    assertTrue(gap.generation() > generation, () -> gap + " after generation " + generation);
                    generation = gap.generation();
                }
                case Lagged lag -> {
                    assertTrue(lag.missed() > 0, lag::toString);
                    next += lag.missed();
                    missed += lag.missed();
                }
                case Notification notification -> {
                    assertEquals(next, notification.backendPid(), "number");
                    assertEquals(generation, Long.parseLong(notification.payload()), "generation");
                    next++;
                    taken++;
                }
                case Closed closed -> {
                    return false;
                }
            }
            return true;
        }

        void check(RingReader reader, int published) {
            assertEquals(published, next, "the first number that was never published");
            assertEquals(published - from, taken + missed, "taken and missed");
            assertEquals(taken, reader.delivered(), "delivered()");
            assertEquals(missed, reader.lagged(), "lagged()");
        }
    }

    @RepeatedTest(24)
    void everyMissingNumberIsCountedAndNoGapIsLost(RepetitionInfo repetition) throws InterruptedException {
        long seed = System.nanoTime();
        RandomGenerator random = generator(seed);
        boolean virtual = repetition.getCurrentRepetition() % 3 == 0;
        int capacity = 1 + random.nextInt(repetition.getCurrentRepetition() % 2 == 0 ? 8 : 300);
        int count = 40_000;
        DeliveryRing ring = new DeliveryRing(capacity);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
            RandomGenerator own = generator(seed + i);
            threads.add(start(builder(virtual), "reader", () -> read(reader, new Account(0), own, count)));
        }
        threads.add(start(builder(virtual), "producer", () -> produce(ring, random, count)));
        try {
            joinAll(threads);
        } catch (AssertionError e) {
            throw new AssertionError("capacity " + capacity + ", seed " + seed + ", virtual " + virtual, e);
        }
    }

    private static Thread.Builder builder(boolean virtual) {
        return virtual ? Thread.ofVirtual() : Thread.ofPlatform().daemon();
    }

    private static RandomGenerator generator(long seed) {
        return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    }

    private static void produce(DeliveryRing ring, RandomGenerator random, int count) {
        long generation = 1;
        String payload = "1";
        int burst = 0;
        for (int i = 0; i < count; i++) {
            if (random.nextInt(200) == 0) {
                payload = Long.toString(++generation);
                ring.publish(new Gap(generation, "again", Instant.EPOCH));
            }
            ring.publish(new Notification("c", payload, i));
            if (burst-- <= 0) {
                ring.flush();
                burst = random.nextInt(100);
                if (random.nextInt(4) == 0) {
                    Thread.yield();
                } else if (random.nextInt(40) == 0) {
                    LockSupport.parkNanos(20_000); // long enough for readers to fall asleep
                }
            }
        }
        ring.end(new Closed("the end"));
    }

    private static void read(RingReader reader, Account account, RandomGenerator random, int count)
            throws InterruptedException {
        boolean more = true;
        while (more) {
            Delivery element = random.nextBoolean() ? reader.take() : reader.poll(1_000);
            more = element == null || account.add(element);
            if (random.nextInt(3_000) == 0) {
                LockSupport.parkNanos(50_000);
            }
        }
        account.check(reader, count);
    }

    @Test
    void thousandReadersEachAddUp() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(256);
        List<Thread> threads = new ArrayList<>();
        int count = 2_000;
        for (int i = 0; i < 1_000; i++) {
            RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
            RandomGenerator own = generator(i);
            threads.add(start(Thread.ofVirtual(), "reader", () -> read(reader, new Account(0), own, count)));
        }
        threads.add(start(Thread.ofVirtual(), "producer", () -> produce(ring, generator(7), count)));
        joinAll(threads);
    }

    /** Two threads that wait for each other's element, so that each hand-over is a wait and a wake-up. */
    @ParameterizedTest
    @CsvSource({"true, 1000000", "false, 20000"})
    void noWakeUpIsLost(boolean virtual, int handOvers) throws InterruptedException {
        DeliveryRing there = new DeliveryRing(4);
        DeliveryRing back = new DeliveryRing(4);
        RingReader fromThere = there.reader(new Gap(1, "first", Instant.EPOCH));
        RingReader fromBack = back.reader(new Gap(1, "first", Instant.EPOCH));
        Notification ball = new Notification("c", "", 0);
        List<Thread> threads = List.of(
                start(builder(virtual), "answers", () -> {
                    fromThere.take();
                    for (int i = 0; i < handOvers / 2; i++) {
                        assertEquals(ball, fromThere.take());
                        back.publish(ball);
                        back.flush();
                    }
                }),
                start(builder(virtual), "asks", () -> {
                    fromBack.take();
                    for (int i = 0; i < handOvers / 2; i++) {
                        there.publish(ball);
                        there.flush();
                        assertEquals(ball, fromBack.take());
                    }
                }));
        joinAll(threads);
        assertEquals(handOvers / 2, fromThere.delivered());
        assertEquals(handOvers / 2, fromBack.delivered());
    }

    @Test
    void closeFreesTheReaderWhereverItIs() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(16);
        Semaphore opened = new Semaphore(0);
        AtomicReference<@Nullable RingReader> current = new AtomicReference<>();
        int rounds = 20_000;
        Thread reading = start(Thread.ofVirtual(), "reader", () -> {
            for (int i = 0; i < rounds; i++) {
                RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
                current.set(reader);
                opened.release();
                while (!(reader.take() instanceof Closed)) {
                    // the first, or what was published meanwhile
                }
            }
        });
        RandomGenerator random = generator(1);
        for (int i = 0; i < rounds; i++) {
            assertTrue(opened.tryAcquire(PATIENCE.toSeconds(), TimeUnit.SECONDS), "reader hangs");
            for (int spin = random.nextInt(200); spin > 0; spin--) {
                Thread.onSpinWait();
            }
            if (random.nextInt(3) == 0) {
                ring.publish(new Notification("c", "1", i));
                ring.flush();
            }
            RingReader reader = current.get();
            if (reader != null) {
                reader.close();
            }
        }
        joinAll(List.of(reading));
        assertEquals(0, ring.readers());
    }

    /** The producer goes round the smallest ring so fast that a slot is overwritten while the reader looks at it. */
    @Test
    void elementThatIsOverwrittenUnderTheReaderIsNotTaken() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(1);
        Notification[] numbers = new Notification[1 << 12];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = new Notification("c", "1", i);
        }
        Gap gap = new Gap(2, "again", Instant.EPOCH);
        int count = 5_000_000;
        RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
        Thread producer = start(Thread.ofPlatform().daemon(), "producer", () -> {
            for (int i = 0; i < count; i++) {
                ring.publish(gap);
                ring.publish(numbers[i % numbers.length]);
            }
            ring.end(new Closed("the end"));
        });
        long next = 0;
        for (Delivery element = reader.take(); !(element instanceof Closed); element = reader.take()) {
            if (element instanceof Lagged lag) {
                next += lag.missed();
            } else if (element instanceof Notification notification) {
                assertEquals(next % numbers.length, notification.backendPid());
                next++;
            }
        }
        assertEquals(count, next);
        assertEquals(count, reader.lagged() + reader.delivered());
        joinAll(List.of(producer));
    }

    @Test
    void nothingThatIsPublishedJustBeforeTheEndIsLost() throws InterruptedException {
        int rounds = 2_000;
        AtomicReference<@Nullable DeliveryRing> current = new AtomicReference<>();
        Thread producer = start(Thread.ofPlatform().daemon(), "producer", () -> {
            RandomGenerator random = generator(5);
            Notification last = new Notification("c", "1", 0);
            for (int i = 0; i < rounds; i++) {
                DeliveryRing ring = null;
                while (ring == null) {
                    ring = current.getAndSet(null);
                }
                for (int spin = random.nextInt(40); spin > 0; spin--) {
                    Thread.onSpinWait();
                }
                ring.publish(last);
                ring.end(new Closed("the end"));
            }
        });
        for (int i = 0; i < rounds; i++) {
            DeliveryRing ring = new DeliveryRing(4);
            RingReader reader = ring.reader(new Gap(1, "first", Instant.EPOCH));
            current.set(ring);
            Delivery element = reader.take();
            while (!(element instanceof Closed)) {
                element = reader.poll(0);
            }
            assertEquals(1, reader.delivered(), "delivered in round " + i);
        }
        joinAll(List.of(producer));
    }

    /** Readers that come while elements are published begin somewhere, but then miss nothing in silence. */
    @Test
    void readersThatComeAndGoAddUp() throws InterruptedException {
        DeliveryRing ring = new DeliveryRing(8);
        int count = 100_000;
        Thread producer = start(Thread.ofPlatform().daemon(), "producer", () -> produce(ring, generator(3), count));
        while (producer.isAlive()) {
            try (RingReader reader = ring.reader(new Gap(0, "first", Instant.EPOCH))) {
                Account account = null;
                Delivery element = reader.take();
                for (int i = 0; i < 100 && element != null; i++, element = reader.poll(0)) {
                    if (account == null && element instanceof Notification first) {
                        account = new Account(first.backendPid());
                        account.generation = Long.parseLong(first.payload());
                    }
                    if (account != null && !account.add(element)) {
                        break;
                    }
                }
            }
        }
        joinAll(List.of(producer));
        RingReader last = ring.reader(new Gap(1, "first", Instant.EPOCH));
        last.take();
        assertEquals(new Closed("the end"), last.take());
        assertNull(failure.get());
    }
}
