package io.forgeloom.notify;

import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.dsl.Disruptor;
import com.lmax.disruptor.dsl.ProducerType;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.FutureTask;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How many deliveries a second one publisher makes to its subscribers, each a virtual thread, as is the publisher (the bus
 * reads its session on one). An operation is one delivery, of one ready-made notification to one subscriber, so that {@code
 * gc.alloc.rate.norm} is bytes a delivery.
 *
 * <p>Every peer has a buffer of 256 elements, and the publisher is held back in the same way for all: it publishes batches of
 * 125, and a batch only once every subscriber has taken all of the last but one. So nobody can lag, and what was
 * delivered and what was missed is printed for each. Who can publish a batch at once does so: the ring (one {@code flush}), the
 * Disruptor, the queues (a batch into each in turn).
 *
 * <ul>
 *   <li>{@code ring}: {@link DeliveryRing}, read with {@code take()}, as subscriptions are.
 *   <li>{@code submission}: {@link SubmissionPublisher} on virtual threads; {@code submissionPool}: on its default executor.
 *   <li>{@code disruptor}: LMAX Disruptor, one event processor a subscriber, blocking wait.
 *   <li>{@code queues}: one {@link ArrayBlockingQueue} a subscriber.
 *   <li>{@code floor}: a bare volatile counter that subscribers wait for; it is raised once a batch, and who sees it rise has
 *       the batch. No element is handed over, none can be overrun: it is what the switches of threads and the counting of
 *       deliveries cost.
 * </ul>
 *
 * <pre>{@code
 * ./forge bench FanOut
 * ./forge bench FanOut -prof gc -p subscribers=1,100,1000 -p bus=ring
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class FanOutBenchmark {

    private static final int DELIVERIES = 4_000_000;
    private static final int CAPACITY = 256;
    private static final int BATCH = 125;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

    @Param({"1", "10", "100", "1000"})
    public int subscribers;

    @Param({"ring", "submission", "submissionPool", "disruptor", "queues", "floor"})
    public String bus;

    private final Notification[] batch = new Notification[BATCH];
    private final List<Subscriber> all = new ArrayList<>();
    private Gate gate;
    private Bus open;

    @Setup(Level.Trial)
    public void open() {
        for (int i = 0; i < BATCH; i++) {
            batch[i] = new Notification("forge_jobs_available", "send_mail", i);
        }
        gate = new Gate(subscribers);
        for (int i = 0; i < subscribers; i++) {
            all.add(new Subscriber(gate));
        }
        open = switch (bus) {
            case "ring" -> new RingBus(all);
            case "submission" ->
                new SubmissionBus(all, task -> Thread.ofVirtual().start(task));
            case "submissionPool" -> new SubmissionBus(all, ForkJoinPool.commonPool());
            case "disruptor" -> new DisruptorBus(all);
            case "queues" -> new QueuesBus(all);
            default -> new FloorBus(all);
        };
    }

    @TearDown(Level.Trial)
    public void close() throws InterruptedException {
        open.close();
        long delivered = all.stream().mapToLong(one -> one.delivered).sum();
        long lagged = all.stream().mapToLong(one -> one.lagged).sum();
        System.out.printf("# %s, %d subscribers: %,d delivered, %d lagged%n", bus, subscribers, delivered, lagged);
    }

    @Benchmark
    @OperationsPerInvocation(DELIVERIES)
    public void deliver() throws InterruptedException, ExecutionException {
        FutureTask<Void> publishing = new FutureTask<>(this::publishAll, null);
        Thread.ofVirtual().name("publisher").start(publishing);
        publishing.get();
    }

    private void publishAll() {
        gate.publisher = Thread.currentThread();
        int batches = DELIVERIES / subscribers / BATCH;
        for (int i = 0; i < batches; i++) {
            gate.await(i);
            gate.begin(i);
            open.publish(batch);
        }
        gate.await(batches); // their number is even, so that the next invocation begins as this one did
        gate.await(batches + 1);
    }

    /** Lets the publisher go on when every subscriber has finished the last batch but one. */
    private static final class Gate {
        private final AtomicInteger[] busy = {new AtomicInteger(), new AtomicInteger()};
        private final int subscribers;
        private volatile Thread publisher;

        Gate(int subscribers) {
            this.subscribers = subscribers;
        }

        void await(int number) {
            AtomicInteger left = busy[number & 1];
            while (left.get() > 0) {
                LockSupport.park(this); // without a deadline: JMH's own ends an invocation that hangs
            }
        }

        void begin(int number) {
            busy[number & 1].set(subscribers);
        }

        void finished(int number) {
            if (busy[number & 1].decrementAndGet() == 0) {
                LockSupport.unpark(publisher);
            }
        }
    }

    /** What a subscriber does with each element, the same for all. Padded: its neighbours belong to other threads. */
    private static final class Subscriber {
        private final Gate gate;
        long p01, p02, p03, p04, p05, p06, p07, p08;
        private long delivered;
        private long lagged;
        private long sum;
        private int inBatch;
        private int number;
        long p11, p12, p13, p14, p15, p16, p17, p18;

        Subscriber(Gate gate) {
            this.gate = gate;
        }

        /** False at the end. */
        boolean on(Delivery element) {
            switch (element) {
                case Notification notification -> {
                    delivered++;
                    sum += notification.backendPid();
                    if (++inBatch == BATCH) {
                        inBatch = 0;
                        gate.finished(number++);
                    }
                }
                case Lagged lag -> lagged += lag.missed();
                case Gap gap -> sum += gap.generation();
                case Closed closed -> {
                    return false;
                }
            }
            return true;
        }
    }

    private interface Bus {
        void publish(Notification[] batch);

        void close() throws InterruptedException;
    }

    private interface Source {
        Delivery take() throws InterruptedException;
    }

    private static Thread reading(Source source, Subscriber subscriber) {
        return Thread.ofVirtual().name("subscriber").start(() -> {
            try {
                while (subscriber.on(source.take())) {
                    // until Closed
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private static void joinAll(List<Thread> threads) throws InterruptedException {
        for (Thread thread : threads) {
            if (!thread.join(Duration.ofNanos(PATIENCE_NANOS))) {
                throw new IllegalStateException(thread + " did not end");
            }
        }
    }

    private static final class RingBus implements Bus {
        private final DeliveryRing ring = new DeliveryRing(CAPACITY);
        private final List<Thread> threads = new ArrayList<>();

        RingBus(List<Subscriber> all) {
            for (Subscriber one : all) {
                RingReader reader = ring.reader(new Gap(1, "subscribed", Instant.EPOCH));
                threads.add(reading(reader::take, one));
            }
        }

        @Override
        public void publish(Notification[] batch) {
            for (Notification notification : batch) {
                ring.publish(notification);
            }
            ring.flush();
        }

        @Override
        public void close() throws InterruptedException {
            ring.end(new Closed("the end"));
            joinAll(threads);
        }
    }

    private static final class SubmissionBus implements Bus {
        private final SubmissionPublisher<Delivery> publisher;

        SubmissionBus(List<Subscriber> all, Executor executor) {
            publisher = new SubmissionPublisher<>(executor, CAPACITY);
            for (Subscriber one : all) {
                publisher.consume(one::on); // asks for everything at once
            }
        }

        @Override
        public void publish(Notification[] batch) {
            for (Notification notification : batch) {
                publisher.submit(notification);
            }
        }

        @Override
        public void close() {
            publisher.close();
        }
    }

    private static final class DisruptorBus implements Bus {
        private static final class Slot {
            private Delivery element;
        }

        private final Disruptor<Slot> disruptor;
        private final RingBuffer<Slot> ring;

        DisruptorBus(List<Subscriber> all) {
            disruptor = new Disruptor<>(
                    Slot::new,
                    CAPACITY,
                    Thread.ofVirtual().name("subscriber").factory(),
                    ProducerType.SINGLE,
                    new BlockingWaitStrategy());
            for (Subscriber one : all) {
                EventHandler<Slot> handler = (slot, sequence, endOfBatch) -> one.on(slot.element);
                disruptor.handleEventsWith(handler);
            }
            ring = disruptor.start();
        }

        @Override
        public void publish(Notification[] batch) {
            long last = ring.next(batch.length);
            long first = last - batch.length + 1;
            for (int i = 0; i < batch.length; i++) {
                ring.get(first + i).element = batch[i];
            }
            ring.publish(first, last);
        }

        @Override
        public void close() {
            disruptor.shutdown();
        }
    }

    private static final class QueuesBus implements Bus {
        private final List<BlockingQueue<Delivery>> queues = new ArrayList<>();
        private final List<Thread> threads = new ArrayList<>();

        QueuesBus(List<Subscriber> all) {
            for (Subscriber one : all) {
                BlockingQueue<Delivery> queue = new ArrayBlockingQueue<>(CAPACITY);
                queues.add(queue);
                threads.add(reading(queue::take, one));
            }
        }

        @Override
        public void publish(Notification[] batch) {
            for (BlockingQueue<Delivery> queue : queues) {
                for (Notification notification : batch) {
                    if (!queue.offer(notification)) {
                        throw new IllegalStateException("a queue is full: the gate does not hold");
                    }
                }
            }
        }

        @Override
        public void close() throws InterruptedException {
            for (BlockingQueue<Delivery> queue : queues) {
                queue.put(new Closed("the end"));
            }
            joinAll(threads);
        }
    }

    private static final class FloorBus implements Bus {
        private final List<AtomicReference<Thread>> waiters = new ArrayList<>();
        private final List<Thread> threads = new ArrayList<>();
        private volatile long count;
        private volatile boolean ended;

        FloorBus(List<Subscriber> all) {
            Notification element = new Notification("forge_jobs_available", "send_mail", 1);
            for (Subscriber one : all) {
                AtomicReference<Thread> waiter = new AtomicReference<>();
                waiters.add(waiter);
                threads.add(Thread.ofVirtual().name("subscriber").start(() -> read(waiter, one, element)));
            }
        }

        private void read(AtomicReference<Thread> waiter, Subscriber subscriber, Notification element) {
            long seen = 0;
            while (!ended) {
                long limit = count;
                for (; seen < limit; seen++) {
                    subscriber.on(element);
                }
                waiter.set(Thread.currentThread());
                if (count == seen && !ended) {
                    LockSupport.park(this);
                }
            }
        }

        @Override
        public void publish(Notification[] batch) {
            count = count + batch.length;
            wake();
        }

        private void wake() {
            for (AtomicReference<Thread> waiter : waiters) {
                Thread thread = waiter.get();
                if (thread != null) {
                    waiter.set(null);
                    LockSupport.unpark(thread);
                }
            }
        }

        @Override
        public void close() throws InterruptedException {
            ended = true;
            wake();
            joinAll(threads);
        }
    }
}
