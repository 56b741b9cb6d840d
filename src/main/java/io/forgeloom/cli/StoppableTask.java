package io.forgeloom.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Work on a virtual thread, which SIGINT and SIGTERM interrupt: there, unlike on the thread of {@code main}, an interrupt
 * ends a wait for the server as well. The JVM then stays until {@link #close}, so that whatever is to be said is said;
 * its exit code is the signal's, unless a signal is how the work is meant to end. Confined to one thread.
 */
final class StoppableTask implements AutoCloseable {

    private static final Duration TICK = Duration.ofMillis(200);

    /** After a signal, for the work to end and to be told of. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(20);

    private final Thread worker;
    private final Thread signal;
    private final CountDownLatch closed = new CountDownLatch(1);

    /** Read by the hook after {@code closed}. */
    private volatile boolean success;

    private final Duration lastWords;

    private StoppableTask(String name, Runnable work, Duration lastWords) {
        this.lastWords = lastWords;
        this.worker = Thread.ofVirtual().name(name).unstarted(work);
        this.signal = Thread.ofPlatform().name(name + "-signal").unstarted(this::stop);
    }

    /** Starts {@code work}, which must not throw. */
    static StoppableTask start(String name, Runnable work) {
        return start(name, work, Duration.ZERO);
    }

    /** @param ending how long the work itself may take to end after a signal */
    static StoppableTask start(String name, Runnable work, Duration ending) {
        StoppableTask task = new StoppableTask(name, work, LAST_WORDS.plus(ending));
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

    /** The work has ended as it should: if a signal ended it, the JVM's exit code is 0 all the same. */
    void signalIsSuccess() {
        success = true;
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
            if (closed.await(lastWords.toNanos(), TimeUnit.NANOSECONDS) && success) {
                // The only way to end with a code of one's own from here; all has been closed and said.
                Runtime.getRuntime().halt(0);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
