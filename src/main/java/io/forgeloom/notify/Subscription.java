package io.forgeloom.notify;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What one subscriber gets, from the moment that it subscribed. The first element is a {@link Gap}: read the state now.
 * Each later Gap, and each {@link Lagged}, says where something may be, or is, missing; nothing is missing elsewhere. The
 * last is {@link Closed}, which every call after it gives again.
 *
 * <p>One thread at a time takes; {@link #close()}, {@link #lagged()} and {@link #delivered()} are for any thread.
 *
 * {@snippet class="io.forgeloom.examples.Listening" region="subscribe"}
 */
public final class Subscription implements AutoCloseable {

    private final List<String> channels;
    private final RingReader reader;
    private final Runnable forget;

    Subscription(List<String> channels, RingReader reader, Runnable forget) {
        this.channels = List.copyOf(channels);
        this.reader = reader;
        this.forget = forget;
    }

    /** The channels, as they were asked for. */
    public List<String> channels() {
        return channels;
    }

    /**
     * The next element; waits for it without a limit.
     *
     * @throws InterruptedException if this thread was interrupted; nothing is lost, the next call goes on
     */
    public Delivery take() throws InterruptedException {
        return seen(reader.take());
    }

    /**
     * The next element; empty if there is none within {@code timeout}, which may be zero.
     *
     * @throws InterruptedException if this thread was interrupted; nothing is lost, the next call goes on
     */
    public Optional<Delivery> poll(Duration timeout) throws InterruptedException {
        Delivery next = reader.poll(Math.max(0, timeout.toNanos()));
        return next == null ? Optional.empty() : Optional.of(seen(next));
    }

    /**
     * Hands on each element but {@link Closed}, on the calling thread, and returns when the subscription or the bus is
     * closed. A consumer that throws ends it, and the subscription goes on.
     *
     * @throws InterruptedException if this thread was interrupted while it waited
     */
    public void forEach(Consumer<? super Delivery> consumer) throws InterruptedException {
        for (Delivery next = take(); !(next instanceof Closed); next = take()) {
            consumer.accept(next);
        }
    }

    /** How many notifications this subscriber has missed because it was slow. */
    public long lagged() {
        return reader.lagged();
    }

    /** How many elements it has got. */
    public long delivered() {
        return reader.delivered();
    }

    /** Ends it: whoever waits in it gets {@link Closed} at once. Doing it again does nothing. */
    @Override
    public void close() {
        reader.close();
        forget.run();
    }

    private Delivery seen(Delivery next) {
        if (next instanceof Lagged lagged) {
            BusEvents.lagged(channels, lagged.missed());
        }
        return next;
    }

    @Override
    public String toString() {
        return "Subscription[" + String.join(", ", channels) + "]";
    }
}
