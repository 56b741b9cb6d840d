package io.forgeloom.internal.concurrent;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Lifecycle} of one named thread that runs one body: what a background part of the library is built on.
 *
 * <p>Each start makes a {@link Run} with a thread of its own. A start that comes while an earlier run is still stopping
 * does not wait: the new run's thread does, before it enters the body. So runs form a queue, of which only the last can
 * be wanted; the body never runs twice at the same time, and whoever waits for the last run waits for all.
 *
 * <p>The lock guards the fields that say which run is the last one. It is never held while the body runs, while somebody
 * waits, or while a thread is interrupted.
 *
 * <p>Safe for use by many threads.
 */
public final class BackgroundTask implements Lifecycle {
    /** The work. Called in the task's own thread, once for each start. */
    @FunctionalInterface
    public interface Body {
        /**
         * Works until it is done or told to stop: its thread is interrupted, and {@code stopRequested} answers true, so
         * that a stop is noticed even where somebody has swallowed the interrupt.
         *
         * <p>May block. What it throws before a stop was requested is a failure: logged as a warning and kept for
         * {@link BackgroundTask#failure()}. An exception after that is taken for an effect of the stop and logged as
         * debug; an error counts always. Nothing restarts the body but {@link BackgroundTask#start()}.
         *
         * @param stopRequested true once a stop was requested; may be asked by any thread
         * @throws Exception what the work throws
         */
        void run(BooleanSupplier stopRequested) throws Exception;
    }

    private static final Logger LOG = System.getLogger("io.forgeloom.concurrent");

    /** How long an unbounded stop waits before it says so, and interrupts once more. */
    private static final Duration STOP_PATIENCE = Duration.ofSeconds(10);

    private final String threadName;
    private final ThreadFactory threadFactory;
    private final Body body;
    private final Duration stopPatience;

    private final ReentrantLock lock = new ReentrantLock();

    // Guarded by the lock.
    private @Nullable Run last;
    private boolean closed;

    /**
     * With a virtual thread.
     *
     * @param threadName the name of its thread, {@code forgeloom-…}
     * @param body the work
     */
    public BackgroundTask(String threadName, Body body) {
        this(threadName, Thread.ofVirtual().factory(), body);
    }

    /**
     * With threads of the caller's making, for tests.
     *
     * @param threadName the name of its thread, {@code forgeloom-…}
     * @param threadFactory makes one unstarted thread for each start; it is given the name here
     * @param body the work
     */
    public BackgroundTask(String threadName, ThreadFactory threadFactory, Body body) {
        this(threadName, threadFactory, body, STOP_PATIENCE);
    }

    BackgroundTask(String threadName, ThreadFactory threadFactory, Body body, Duration stopPatience) {
        this.threadName = threadName;
        this.threadFactory = threadFactory;
        this.body = body;
        this.stopPatience = stopPatience;
    }

    @Override
    public void start() {
        lock.lock();
        try {
            if (closed) {
                throw new IllegalStateException(threadName + " is closed and cannot be started again");
            }
            if (last != null && !last.stopRequested && !last.ended) {
                return;
            }
            var next = new Run(last);
            next.thread.start();
            // Only now: if no thread could be made, the run before is still the last one.
            last = next;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void stop() {
        stopAndWait(false);
    }

    @Override
    public void close() {
        stopAndWait(true);
    }

    private void stopAndWait(boolean forGood) {
        Run run = requestStop(forGood);
        if (run == null || run.isOnCurrentThread()) {
            return;
        }
        boolean interrupted = false;
        long since = System.nanoTime();
        while (true) {
            try {
                if (run.thread.join(stopPatience)) {
                    break;
                }
                LOG.log(Level.WARNING, "still waiting: {0}", run.describe(Duration.ofNanos(System.nanoTime() - since)));
                // The body may have swallowed the first one.
                run.interrupt();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void stop(Duration timeout) throws InterruptedException, TimeoutException {
        Run run = requestStop(false);
        if (run != null && !run.isOnCurrentThread() && !run.thread.join(timeout)) {
            throw new TimeoutException(run.describe(timeout));
        }
    }

    /** Asks the last run to stop, and returns it. */
    private @Nullable Run requestStop(boolean forGood) {
        Run run;
        lock.lock();
        try {
            closed |= forGood;
            run = last;
            if (run == null) {
                return null;
            }
            run.stopRequested = true;
        } finally {
            lock.unlock();
        }
        run.interrupt();
        return run;
    }

    @Override
    public State state() {
        Run run = lastRun();
        if (run == null) {
            return State.STOPPED;
        }
        if (!run.ended) {
            return run.stopRequested ? State.STOPPING : State.RUNNING;
        }
        return run.failure == null ? State.STOPPED : State.FAILED;
    }

    /** {@return what the body of the last run threw, if that was a failure; empty again after the next start} */
    public Optional<Throwable> failure() {
        Run run = lastRun();
        return run == null ? Optional.empty() : Optional.ofNullable(run.failure);
    }

    private @Nullable Run lastRun() {
        lock.lock();
        try {
            return last;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String toString() {
        return "BackgroundTask[" + threadName + ", " + state() + "]";
    }

    /** One start: its thread, and what became of it. */
    private final class Run {
        private final Thread thread;

        /** The run that must end before this one enters the body; null once it has. */
        private volatile @Nullable Run previous;

        /** Set under the lock. */
        private volatile boolean stopRequested;

        // Set by the run's own thread; failure before ended.
        private volatile @Nullable Throwable failure;
        private volatile boolean ended;

        private Run(@Nullable Run previous) {
            this.previous = previous;
            this.thread = threadFactory.newThread(this::run);
            thread.setName(threadName);
        }

        private void run() {
            awaitPrevious();
            try {
                if (!stopRequested) {
                    body.run(() -> stopRequested);
                }
            } catch (Throwable thrown) { // Errors too: otherwise the thread would just be gone.
                judge(thrown);
            } finally {
                ended = true;
            }
        }

        /** Through interrupts: whoever waits for this run relies on its waiting for the ones before. */
        private void awaitPrevious() {
            Run before = previous;
            boolean interrupted = false;
            while (before != null && before.thread.isAlive()) {
                try {
                    before.thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            previous = null;
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        private void judge(Throwable thrown) {
            if (stopRequested && thrown instanceof Exception) {
                LOG.log(Level.DEBUG, () -> threadName + " was stopped and ended with an exception", thrown);
            } else {
                failure = thrown;
                LOG.log(Level.WARNING, () -> threadName + " failed and does nothing until it is started again", thrown);
            }
        }

        /** This run and those that it waits for; all of them have been told to stop. */
        private void interrupt() {
            for (Run run = this; run != null; run = run.previous) {
                run.thread.interrupt();
            }
        }

        /** Whether to wait for this run here would be to wait for oneself. */
        private boolean isOnCurrentThread() {
            for (Run run = this; run != null; run = run.previous) {
                if (run.thread.equals(Thread.currentThread())) {
                    return true;
                }
            }
            return false;
        }

        /** For whom the waiting is, and where that one is: of several runs in a queue, the first. */
        private String describe(Duration waited) {
            Run stuck = this;
            for (Run before = previous; before != null; before = before.previous) {
                stuck = before;
            }
            String stack = Arrays.stream(stuck.thread.getStackTrace())
                    .map(frame -> System.lineSeparator() + "\tat " + frame)
                    .collect(Collectors.joining());
            return "%s has not ended %s after it was told to stop; its thread is %s%s"
                    .formatted(threadName, waited, stuck.thread.getState(), stack);
        }
    }
}
