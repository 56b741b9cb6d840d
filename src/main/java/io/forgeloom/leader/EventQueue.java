package io.forgeloom.leader;

import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Tells the log, the recorder and the listeners what happened, in order and on a thread of its own. Safe for use by many threads. */
final class EventQueue {

    /** How long a listener may take at the end, and again after its interrupt. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final List<Consumer<? super LeaderEvent>> listeners = new CopyOnWriteArrayList<>();
    private final BackgroundTask task = new BackgroundTask("forgeloom-leader-events", this::run);

    void listen(Consumer<? super LeaderEvent> listener) {
        listeners.add(listener);
    }

    void add(LeaderEvent event) {
        queue.add(() -> tell(event));
    }

    void start() {
        task.start();
    }

    /** Ends the thread once everything has been told; an interrupt does not cut that short. */
    void finish() {
        CountDownLatch told = new CountDownLatch(1);
        queue.add(told::countDown);
        Deadline deadline = Deadline.after(PATIENCE);
        boolean interrupted = false;
        for (boolean done = false; !done; ) {
            try {
                boolean unused = told.await(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
                task.stop(PATIENCE);
                done = true;
            } catch (InterruptedException e) {
                interrupted = true;
            } catch (TimeoutException e) {
                LeaderElection.LOG.log(
                        Level.WARNING, "a listener of an election does not come back: " + e.getMessage());
                done = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run(BooleanSupplier stop) throws InterruptedException {
        while (!stop.getAsBoolean()) {
            queue.take().run();
        }
    }

    private void tell(LeaderEvent event) {
        LeaderEvents.record(event);
        switch (event) {
            case LeaderEvent.Elected elected ->
                LeaderElection.LOG.log(Level.INFO, "elected: " + elected.role() + ", " + elected.token());
            case LeaderEvent.Resigned resigned ->
                LeaderElection.LOG.log(Level.INFO, "resigned: " + resigned.role() + ", " + resigned.token());
            case LeaderEvent.Lost lost ->
                LeaderElection.LOG.log(
                        Level.WARNING, "lost: " + lost.role() + ", " + lost.token() + ": " + lost.cause());
        }
        for (Consumer<? super LeaderEvent> listener : listeners) {
            try {
                listener.accept(event);
            } catch (RuntimeException | Error e) { // Errors too: the others must be told what comes after it.
                LeaderElection.LOG.log(Level.WARNING, "a listener of an election failed", e);
            }
        }
    }
}
