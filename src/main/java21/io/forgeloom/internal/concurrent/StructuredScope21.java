package io.forgeloom.internal.concurrent;

import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.StructuredTaskScope;
import java.util.concurrent.TimeoutException;

/** {@link StructuredTaskScope} in the form of JEP 453. Compiled with preview by JDK 21, loaded on it alone. */
final class StructuredScope21 implements ScopeThreads.Opener {
    @Override
    public ScopeThreads open(String name, Deadline deadline) {
        return new Threads(name, deadline);
    }

    @Override
    public String toString() {
        return "StructuredTaskScope (JEP 453)";
    }

    private static final class Threads implements ScopeThreads {
        private final StructuredTaskScope.ShutdownOnFailure scope;
        private final Deadline deadline;

        /** The factory belongs to the scope, the name to the fork; both are the owner's, so a field carries it over. */
        private String nextName = "";

        private Threads(String name, Deadline deadline) {
            this.deadline = deadline;
            this.scope = new StructuredTaskScope.ShutdownOnFailure(
                    name, task -> Thread.ofVirtual().name(nextName).unstarted(task));
        }

        @Override
        public void fork(String threadName, Callable<?> task) {
            nextName = threadName;
            scope.fork(task);
        }

        @Override
        public void join() throws InterruptedException, ExecutionException, TimeoutException {
            // The scope turns the instant back into a duration at once, so the wall clock has next to no time to move.
            // It still need not agree with nanoTime: the millisecond keeps a small difference from timing out too
            // early.
            Instant until = Instant.now().plus(deadline.remaining()).plusMillis(1);
            scope.joinUntil(until).throwIfFailed();
        }

        @Override
        public void close() {
            scope.close();
        }
    }
}
