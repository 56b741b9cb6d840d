package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/** What the tests of {@link TaskScope} share: scopes of one implementation, and subtasks whose threads are watched. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class TaskScopeFixture {
    /** Every thread that ran a subtask of {@link #seen}; none may outlive its scope. */
    final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

    final CountDownLatch never = new CountDownLatch(1);

    abstract ScopeThreads.Opener opener() throws Exception;

    TaskScope open(String name) throws Exception {
        return open(name, Deadline.after(Duration.ofSeconds(30)));
    }

    TaskScope open(String name, Deadline deadline) throws Exception {
        return TaskScope.open(name, deadline, opener());
    }

    /** The task, with its thread recorded. */
    <T> Callable<T> seen(Callable<T> task) {
        return () -> {
            threads.add(Thread.currentThread());
            return task.call();
        };
    }

    /** Runs until it is interrupted, and counts down first, so that a test knows that it runs. */
    Callable<String> blocked(CountDownLatch running) {
        return seen(() -> {
            running.countDown();
            never.await();
            return "unreachable";
        });
    }

    /** Ignores interrupts until released; says when it runs and whether an interrupt came. */
    Callable<String> stubborn(CountDownLatch running, AtomicBoolean release, AtomicBoolean interrupted) {
        return seen(() -> {
            running.countDown();
            while (!release.get()) {
                LockSupport.parkNanos(100_000);
                if (Thread.interrupted()) {
                    interrupted.set(true);
                }
            }
            return "stubborn";
        });
    }

    @AfterEach
    void noThreadIsAlive() {
        for (Thread thread : threads) {
            assertFalse(thread.isAlive(), thread + " outlived its scope");
        }
    }

    static Object raise(Throwable failure) throws Exception {
        if (failure instanceof Error error) {
            throw error;
        }
        throw (Exception) failure;
    }
}
