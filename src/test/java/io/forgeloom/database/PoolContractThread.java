package io.forgeloom.database;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A thread of a case: virtual, does its steps one after the other, and lives as long as the case, so that what it holds
 * has a living holder. Its methods are for the one thread that runs the case.
 */
final class PoolContractThread {

    private final BlockingQueue<FutureTask<Void>> todo = new LinkedBlockingQueue<>();
    private final List<FutureTask<Void>> unjoined = new ArrayList<>();
    private final String name;
    private final Thread thread;
    private volatile boolean busy;
    private volatile boolean over;

    PoolContractThread(String name) {
        this.name = name;
        this.thread = Thread.ofVirtual().name("contract-" + name).start(this::run);
    }

    private void run() {
        while (!over) {
            try {
                FutureTask<Void> step = todo.take();
                busy = true;
                step.run();
                busy = false;
            } catch (InterruptedException e) {
                // Meant for a step that has just ended; or the end of the case, which the loop sees.
                continue;
            }
        }
    }

    void begin(FutureTask<Void> step) {
        unjoined.add(step);
        todo.add(step);
    }

    /** Interrupts it at a step; between two steps an interrupt would be nobody's. */
    void interrupt(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!busy) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("thread " + name + " does nothing since " + timeout.toMillis() + " ms");
            }
            Thread.sleep(1);
        }
        thread.interrupt();
    }

    /** Waits for its steps so far, each up to the timeout, and throws what the first of them threw that failed. */
    void join(Duration timeout) throws InterruptedException, ExecutionException, TimeoutException {
        for (FutureTask<Void> step : unjoined) {
            try {
                step.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                throw e;
            } catch (TimeoutException e) {
                TimeoutException late =
                        new TimeoutException("thread " + name + " is not done after " + timeout.toMillis() + " ms");
                late.initCause(e);
                throw late;
            }
        }
        unjoined.clear();
    }

    /** Asks it to end, whatever it does. */
    void end() {
        over = true;
        thread.interrupt();
    }

    void awaitEnd(Duration timeout) {
        try {
            if (!thread.join(timeout)) {
                throw new AssertionError(thread + " did not end within " + timeout.toMillis() + " ms");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
