package io.forgeloom.internal.concurrent;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.StructuredTaskScope;
import java.util.concurrent.StructuredTaskScope.Joiner;
import java.util.concurrent.TimeoutException;

/** {@link StructuredTaskScope} in the form of JEP 505. Compiled with preview by JDK 25, loaded on it alone. */
final class StructuredScope25 implements ScopeThreads.Opener {
    @Override
    public ScopeThreads open(String name, Deadline deadline) {
        return new Threads(name, deadline);
    }

    @Override
    public String toString() {
        return "StructuredTaskScope (JEP 505)";
    }

    private static final class Threads implements ScopeThreads {
        private final StructuredTaskScope<Object, Void> scope;

        /** The factory belongs to the scope, the name to the fork; both are the owner's, so a field carries it over. */
        private String nextName = "";

        private Threads(String name, Deadline deadline) {
            this.scope = StructuredTaskScope.open(
                    Joiner.awaitAllSuccessfulOrThrow(),
                    options -> options.withName(name)
                            .withThreadFactory(
                                    task -> Thread.ofVirtual().name(nextName).unstarted(task))
                            .withTimeout(deadline.remaining()));
        }

        @Override
        public void fork(String threadName, Callable<?> task) {
            nextName = threadName;
            scope.fork(task);
        }

        @Override
        public void join() throws InterruptedException, ExecutionException, TimeoutException {
            try {
                scope.join();
            } catch (StructuredTaskScope.FailedException failed) {
                throw new ExecutionException(failed.getCause());
            } catch (StructuredTaskScope.TimeoutException expired) {
                throw new TimeoutException();
            }
        }

        @Override
        public void close() {
            scope.close();
        }
    }
}
