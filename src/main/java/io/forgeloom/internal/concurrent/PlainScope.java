package io.forgeloom.internal.concurrent;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * The scope that runs everywhere: virtual threads, one lock and one condition, of the final API of release 21.
 *
 * <p>The lock guards a few fields and is never held while a task runs or a thread is interrupted. {@code threads} needs
 * no guard against the cancelling subtask beyond the lock: nothing is added after {@code cancelled} is set.
 */
final class PlainScope implements ScopeThreads {
    static final String LABEL = "plain virtual threads";

    private final Deadline deadline;
    private final BiFunction<String, Runnable, Thread> unstarted;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition settled = lock.newCondition();

    // Guarded by the lock.
    private final List<Thread> threads = new ArrayList<>();
    private int running;
    private boolean cancelled;
    private @Nullable Throwable firstFailure;

    /** Whether there was a fork that no join has followed. Confined to the owner. */
    private boolean unjoined;

    PlainScope(Deadline deadline) {
        this(deadline, (name, body) -> Thread.ofVirtual().name(name).unstarted(body));
    }

    /** With threads of another make, for whoever wants to decide when a subtask runs. */
    PlainScope(Deadline deadline, BiFunction<String, Runnable, Thread> unstarted) {
        this.deadline = deadline;
        this.unstarted = unstarted;
    }

    @Override
    public void fork(String threadName, Callable<?> task) {
        Thread thread = unstarted.apply(threadName, () -> run(task));
        unjoined = true;
        lock.lock();
        try {
            if (!cancelled) {
                thread.start();
                threads.add(thread);
                running++;
            }
        } finally {
            lock.unlock();
        }
    }

    private void run(Callable<?> task) {
        Throwable failure = null;
        try {
            task.call();
        } catch (Throwable thrown) { // Errors too: whoever joins must see them.
            failure = thrown;
        }
        boolean cancel;
        lock.lock();
        try {
            running--;
            // A failure after the cancellation is most often its effect, so only the first one counts.
            cancel = failure != null && !cancelled;
            if (cancel) {
                firstFailure = failure;
                cancelled = true;
            }
            if (cancel || running == 0) {
                settled.signalAll();
            }
        } finally {
            lock.unlock();
        }
        if (cancel) {
            interruptAll();
        }
    }

    @Override
    public void join() throws InterruptedException, ExecutionException, TimeoutException {
        unjoined = false;
        boolean timedOut = false;
        lock.lock();
        try {
            while (running > 0 && !cancelled) {
                if (settled.awaitNanos(deadline.remainingNanos()) <= 0 && running > 0 && !cancelled) {
                    timedOut = true;
                    cancelled = true;
                }
            }
            if (firstFailure != null) {
                throw new ExecutionException(firstFailure);
            }
        } finally {
            lock.unlock();
        }
        if (timedOut) {
            interruptAll();
            throw new TimeoutException();
        }
    }

    @Override
    public void close() {
        boolean unfinished;
        lock.lock();
        try {
            unfinished = running > 0 && !cancelled;
            cancelled = true;
        } finally {
            lock.unlock();
        }
        if (unfinished) {
            interruptAll();
        }
        // Nothing is added any more, and the last addition was made by this thread.
        joinAll();
        if (unjoined) {
            throw new IllegalStateException("the owner did not join after forking");
        }
    }

    /** A subtask that ignores its interrupt keeps the owner here: a thread left behind would be worse. */
    private void joinAll() {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Only after {@code cancelled} is set, which keeps {@code threads} as it is. */
    private void interruptAll() {
        for (Thread thread : threads) {
            thread.interrupt();
        }
    }
}
