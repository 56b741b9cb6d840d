package io.forgeloom.testing.demo;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The virtual threads of a load, from their start to their end. Started and ended by one thread at a time. */
final class Clients {

    private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(5);

    /** What a client does until it is asked to end. */
    @FunctionalInterface
    interface Client {
        void run() throws InterruptedException;
    }

    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean stopping;

    void start(String name, Client client) {
        threads.add(Thread.ofVirtual().name(name).start(() -> {
            try {
                client.run();
            } catch (InterruptedException e) {
                // Only stop and cut interrupt: the thread is to end, and here it does.
            }
        }));
    }

    /** Whether a client is to end after what it is doing. Safe for use by many threads. */
    boolean stopping() {
        return stopping;
    }

    /**
     * Has every client end after what it is doing, and waits for that.
     *
     * @return the number of clients that did not end in time; they were interrupted
     */
    int stop(Duration timeout) throws InterruptedException {
        stopping = true;
        long deadline = System.nanoTime() + timeout.toNanos();
        List<Thread> late = new ArrayList<>();
        for (Thread thread : threads) {
            if (!thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))) {
                late.add(thread);
            }
        }
        cut(late);
        return late.size();
    }

    /** Interrupts every client and waits a little: after a signal, or a failure of the script. Fine after {@link #stop}. */
    void cut() throws InterruptedException {
        stopping = true;
        cut(threads);
    }

    private static void cut(List<Thread> clients) throws InterruptedException {
        clients.forEach(Thread::interrupt);
        long deadline = System.nanoTime() + AFTER_INTERRUPT.toNanos();
        for (Thread thread : clients) {
            thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
        }
    }
}
