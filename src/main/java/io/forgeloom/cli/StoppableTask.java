package io.forgeloom.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Work on a virtual thread, which SIGINT and SIGTERM interrupt: there, unlike on the thread of {@code main}, an interrupt
 * ends a wait for the server as well. The JVM then stays until {@link #close}, so that whatever is to be said is said;
 * its exit code is the signal's. Confined to one thread.
 */
final class StoppableTask implements AutoCloseable {

    private static final Duration TICK = Duration.ofMillis(200);

    /** After a signal, for the work to end and to be told of. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(20);

    private final Thread worker;
    private final Thread signal;
    private final CountDownLatch closed = new CountDownLatch(1);

    private StoppableTask(String name, Runnable work) {
        this.worker = Thread.ofVirtual().name(name).unstarted(work);
        this.signal = Thread.ofPlatform().name(name + "-signal").unstarted(this::stop);
    }

    /** Starts {@code work}, which must not throw. */
    static StoppableTask start(String name, Runnable work) {
        StoppableTask task = new StoppableTask(name, work);
        task.worker.start();
        Runtime.getRuntime().addShutdownHook(task.signal);
        return task;
    }

    /**
     * Waits until the work has ended, however long that takes.
     *
     * @param tick called some times a second meanwhile
     */
    void await(Runnable tick) {
        boolean interrupted = false;
        while (worker.isAlive()) {
            try {
                if (!worker.join(TICK)) {
                    tick.run();
                }
            } catch (InterruptedException e) {
                interrupted = true;
                worker.interrupt();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets the JVM end. */
    @Override
    public void close() {
        closed.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(signal);
        } catch (IllegalStateException e) {
            // It is at work, and has just been told to end.
            return;
        }
    }

    private void stop() {
        worker.interrupt();
        try {
            closed.await(LAST_WORDS.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
