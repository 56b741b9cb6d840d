package io.forgeloom.internal.concurrent;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Several things at once inside one method: forked, joined, and all over when the block is left.
 *
 * <pre>{@code
 * try (var scope = TaskScope.open("forgeloom-start", Deadline.after(connectTimeout))) {
 *     var version = scope.fork("forgeloom-start-version", () -> serverVersion(url));
 *     var proxy = scope.fork("forgeloom-start-proxy", () -> findProxy(url));
 *     scope.join();
 *     return check(version.get(), proxy.get());
 * }
 * }</pre>
 *
 * <p>The rules are the strict intersection of what {@code StructuredTaskScope} allows in its forms of JEP 453 (JDK 21)
 * and JEP 505 (JDK 25), so that either can be underneath, or neither:
 *
 * <ul>
 *   <li>Only the thread that opened the scope forks, joins and closes; any other gets {@link WrongThreadException}.
 *   <li>All forks come before the one {@link #join()}; results are read after it. Otherwise
 *       {@link IllegalStateException}.
 *   <li>The first subtask to throw cancels the scope: the other subtasks are interrupted, and a fork that comes later
 *       does not run. So does the deadline.
 *   <li>{@link #close()} interrupts what still runs and waits until every thread has ended, however long a subtask ignores
 *       its interrupt. A subtask must therefore bound its own waits.
 *   <li>Scopes of one thread are closed in the reverse order of opening.
 * </ul>
 *
 * <p>A result that was made and never read is the subtask's loss: one that opens a resource and may be cancelled must hand
 * it over, or close it, itself.
 *
 * <p>Confined to one thread, the one that opened it; {@link Subtask} is safe for use by many threads.
 */
public final class TaskScope implements AutoCloseable {
    /**
     * The innermost open scope of each thread that has one: what it takes to notice a scope that is closed before one
     * inside it. Each thread touches its own entry only, and the entry goes with the thread's outermost scope.
     */
    static final ConcurrentHashMap<Thread, TaskScope> INNERMOST = new ConcurrentHashMap<>();

    private final String name;
    private final Thread owner = Thread.currentThread();
    private final Deadline deadline;

    /** For messages: what was left when the scope was opened. */
    private final long limitMillis;

    private final ScopeThreads threads;
    private final @Nullable TaskScope enclosing;

    // These three are confined to the owner.
    private final List<Subtask<?>> subtasks = new ArrayList<>();
    private boolean joined;
    private boolean closed;

    /** Whether join() has returned; volatile because results may be read by any thread. */
    private volatile boolean succeeded;

    private TaskScope(String name, Deadline deadline, ScopeThreads.Opener opener) {
        this.name = name;
        this.deadline = deadline;
        this.limitMillis = Math.ceilDiv(deadline.remainingNanos(), 1_000_000);
        this.threads = opener.open(name, deadline);
        this.enclosing = INNERMOST.put(owner, this);
    }

    /**
     * Opens a scope that the current thread owns. To be used in try-with-resources.
     *
     * @param name for messages and thread dumps
     * @param deadline for {@link #join()}
     * @return the scope
     */
    public static TaskScope open(String name, Deadline deadline) {
        return open(name, deadline, ScopeChoice.CHOSEN);
    }

    static TaskScope open(String name, Deadline deadline, ScopeThreads.Opener opener) {
        return new TaskScope(name, deadline, opener);
    }

    /**
     * {@return what the scopes of this JVM run on: {@code StructuredTaskScope (JEP 453)}, {@code StructuredTaskScope (JEP
     * 505)} or {@code plain virtual threads}}
     */
    public static String implementation() {
        return ScopeChoice.CHOSEN.toString();
    }

    /**
     * Runs the task in a new virtual thread. In a scope that is already cancelled, it does not run.
     *
     * @param <T> the type of the result
     * @param threadName the name of the thread; also names the subtask in messages
     * @param task may block, and must end soon after an interrupt
     * @return the subtask, whose result can be read after {@link #join()}
     * @throws IllegalStateException after {@link #join()} or {@link #close()}
     * @throws WrongThreadException if this thread did not open the scope
     */
    public <T extends @Nullable Object> Subtask<T> fork(String threadName, Callable<? extends T> task) {
        requireOwner();
        requireUnjoined("fork");
        var subtask = new Subtask<T>(this, threadName);
        threads.fork(threadName, () -> subtask.run(task));
        subtasks.add(subtask);
        return subtask;
    }

    /**
     * Waits until all subtasks have succeeded, or the first has failed, or the deadline has passed. May be called once. A
     * deadline that had passed before the call counts as passed, even if the subtasks are done.
     *
     * @throws ExecutionException a subtask threw; the cause is the first failure, exactly as thrown. Later ones are
     *     dropped: they are most often effects of the cancellation, and nobody has waited for them
     * @throws TimeoutException the deadline passed; the message names the scope, the limit and the subtasks that were not
     *     done
     * @throws InterruptedException this thread was interrupted; the subtasks are cancelled by {@link #close()}
     * @throws IllegalStateException if called before, or after {@link #close()}
     * @throws WrongThreadException if this thread did not open the scope
     */
    public void join() throws InterruptedException, ExecutionException, TimeoutException {
        requireOwner();
        requireUnjoined("join");
        joined = true;
        boolean late = deadline.expired();
        try {
            threads.join();
        } catch (TimeoutException expired) {
            throw timedOut();
        } catch (ExecutionException failed) {
            throw failed(failed.getCause());
        }
        // The timer of an implementation may run behind; the caller shall not see a difference.
        if (late) {
            throw timedOut();
        }
        succeeded = true;
    }

    /**
     * Interrupts the subtasks that still run and waits until every thread of the scope has ended. An interrupt meanwhile
     * does not end the wait; the flag is set when this returns. Closing again does nothing.
     *
     * @throws IllegalStateException after all that, if there was a fork and no join, or if a scope that was opened inside
     *     this one was still open; that one is then closed too
     * @throws WrongThreadException if this thread did not open the scope
     */
    @Override
    public void close() {
        requireOwner();
        if (closed) {
            return;
        }
        IllegalStateException misuse = null;
        for (TaskScope scope = INNERMOST.get(owner); scope != null; scope = scope == this ? null : scope.enclosing) {
            if (scope != this) {
                misuse = chain(
                        misuse, "task scope " + name + " was closed before " + scope.name + ", which is inside it");
            }
            try {
                scope.closeThreads();
            } catch (IllegalStateException unjoined) {
                misuse = chain(misuse, "task scope " + scope.name + " was closed with forks that were never joined");
            }
        }
        if (misuse != null) {
            throw misuse;
        }
    }

    private void closeThreads() {
        closed = true;
        if (enclosing == null) {
            INNERMOST.remove(owner);
        } else {
            INNERMOST.put(owner, enclosing);
        }
        threads.close();
    }

    private static IllegalStateException chain(@Nullable IllegalStateException earlier, String message) {
        var later = new IllegalStateException(message);
        if (earlier == null) {
            return later;
        }
        earlier.addSuppressed(later);
        return earlier;
    }

    private TimeoutException timedOut() {
        List<String> unfinished = subtasks.stream()
                .filter(subtask -> !subtask.inTime)
                .map(Subtask::threadName)
                .toList();
        return new TimeoutException("task scope %s did not finish within %d ms: %d of %d subtasks were not done %s"
                .formatted(name, limitMillis, unfinished.size(), subtasks.size(), unfinished));
    }

    @SuppressWarnings("ReferenceEquality") // The very object that was thrown; an equal one may be another subtask's.
    private ExecutionException failed(@Nullable Throwable cause) {
        String culprit = subtasks.stream()
                .filter(subtask -> subtask.failure == cause)
                .map(Subtask::threadName)
                .findFirst()
                .orElse("a subtask");
        return new ExecutionException("task scope %s: %s failed: %s".formatted(name, culprit, cause), cause);
    }

    private void requireOwner() {
        if (!owner.equals(Thread.currentThread())) {
            throw new WrongThreadException("task scope %s belongs to thread %s, not to %s"
                    .formatted(name, owner.getName(), Thread.currentThread().getName()));
        }
    }

    private void requireUnjoined(String operation) {
        if (joined || closed) {
            throw new IllegalStateException(
                    operation + " on task scope " + name + ", which is already " + (closed ? "closed" : "joined"));
        }
    }

    @Override
    public String toString() {
        return "TaskScope[" + name + "]";
    }

    /**
     * One forked task and, after a join that succeeded, its result. Safe for use by many threads.
     *
     * @param <T> the type of the result
     */
    public static final class Subtask<T extends @Nullable Object> {
        private final TaskScope scope;
        private final String threadName;

        /** Written by the subtask's thread, read after the join that waited for it. */
        private @Nullable T result;

        // Volatile because an owner whose deadline passed asks while the subtask may still run. By then its interrupt
        // may have ended the subtask already, which must be reported all the same: hence inTime, and not just done.
        private volatile boolean inTime;
        private volatile @Nullable Throwable failure;

        private Subtask(TaskScope scope, String threadName) {
            this.scope = scope;
            this.threadName = threadName;
        }

        /** Runs in the subtask's thread. */
        private @Nullable Void run(Callable<? extends T> task) throws Exception {
            try {
                result = task.call();
                inTime = !scope.deadline.expired();
                return null;
            } catch (Throwable thrown) {
                failure = thrown;
                throw thrown;
            }
        }

        /**
         * {@return what the task returned}
         *
         * @throws IllegalStateException if {@link TaskScope#join()} has not returned yet, or has thrown
         */
        @SuppressWarnings("NullAway") // Null only if the task returned null, which T then allows.
        public T get() {
            if (!scope.succeeded) {
                throw new IllegalStateException("result of " + threadName + " asked for, but join on task scope "
                        + scope.name + " has not succeeded");
            }
            return result;
        }

        /** {@return the name of the thread that runs the task} */
        public String threadName() {
            return threadName;
        }

        @Override
        public String toString() {
            return "Subtask[" + threadName + "]";
        }
    }
}
