package io.forgeloom.internal.concurrent;

import static io.forgeloom.internal.concurrent.Signals.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.concurrent.Lifecycle.State;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BackgroundTaskTest extends BackgroundTaskFixture {
    @Test
    void bodyRunsInAVirtualThreadOfTheGivenName() throws Exception {
        var thread = new AtomicReference<Thread>();
        try (var task = new BackgroundTask("forgeloom-named", stopRequested -> {
            thread.set(Thread.currentThread());
            running.countDown();
        })) {
            task.start();
            await(running);
        }
        assertEquals("forgeloom-named", thread.get().getName());
        assertTrue(thread.get().isVirtual());
    }

    @Test
    void bodyThatThrowsIsLoggedWithItsNameAndVisible() throws Exception {
        var failure = new IllegalStateException("broken");
        try (var task = task(stopRequested -> {
            throw failure;
        })) {
            task.start();
            var entry = logged.poll(20, TimeUnit.SECONDS);
            awaitEnd(task);
            assertEquals(State.FAILED, task.state());
            assertSame(failure, task.failure().orElseThrow());
            assertEquals(Level.WARNING, entry.getLevel());
            assertEquals("forgeloom-test failed and does nothing until it is started again", entry.getMessage());
            assertSame(failure, entry.getThrown());
            // Stopping what has failed does not make it look well.
            task.stop();
            assertEquals(State.FAILED, task.state());
        }
    }

    @Test
    void failedBodyStartsAgainAndItsFailureIsForgotten() throws Exception {
        var runs = new AtomicInteger();
        try (var task = task(stopRequested -> {
            if (runs.incrementAndGet() == 1) {
                throw new AssertionError("broken once");
            }
            running.countDown();
            never.await();
        })) {
            task.start();
            awaitEnd(task);
            assertEquals(State.FAILED, task.state());
            task.start();
            await(running);
            assertEquals(State.RUNNING, task.state());
            assertEquals(Optional.empty(), task.failure());
        }
    }

    @Test
    void bodyThatReturnsLeavesTheTaskStoppedAndMayBeStartedAgain() {
        var runs = new AtomicInteger();
        try (var task = task(stopRequested -> runs.incrementAndGet())) {
            for (int i = 1; i <= 1_000; i++) {
                task.start();
                awaitEnd(task);
                assertEquals(State.STOPPED, task.state());
                assertEquals(i, runs.get());
            }
        }
    }

    @Test
    void exceptionAfterAStopRequestIsAnEffectOfTheStopAndNoFailure() throws Exception {
        var task = task(stopRequested -> {
            running.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException("Closed by interrupt", e);
            }
        });
        task.start();
        await(running);
        task.stop();
        assertEquals(State.STOPPED, task.state());
        assertEquals(Optional.empty(), task.failure());
        assertTrue(logged.isEmpty());
    }

    @Test
    void errorAfterAStopRequestIsStillAFailure() throws Exception {
        var task = task(stopRequested -> {
            running.countDown();
            try {
                never.await();
            } catch (InterruptedException e) {
                throw new AssertionError("broken", e);
            }
        });
        task.start();
        await(running);
        task.stop();
        assertEquals(State.FAILED, task.state());
        assertEquals("broken", task.failure().orElseThrow().getMessage());
    }

    @Test
    void interruptWithoutAStopRequestIsAFailure() throws Exception {
        var thread = new AtomicReference<Thread>();
        try (var task = task(stopRequested -> {
            thread.set(Thread.currentThread());
            running.countDown();
            never.await();
        })) {
            task.start();
            await(running);
            thread.get().interrupt();
            awaitEnd(task);
            assertEquals(State.FAILED, task.state());
            assertSame(InterruptedException.class, task.failure().orElseThrow().getClass());
        }
    }

    @Test
    void bodyThatSwallowsItsInterruptSeesTheRequest() throws Exception {
        var task = task(stopRequested -> {
            running.countDown();
            while (!stopRequested.getAsBoolean()) {
                LockSupport.park();
                Thread.interrupted();
            }
        });
        task.start();
        await(running);
        task.stop();
        assertEquals(State.STOPPED, task.state());
    }

    /** One that cannot be made, and one that cannot be started. */
    static List<ThreadFactory> threadsThatAreNotToBeHad() {
        return List.of(
                task -> {
                    throw new OutOfMemoryError("no thread");
                },
                task -> new Thread(task) {
                    @Override
                    public void start() {
                        throw new OutOfMemoryError("unable to create native thread");
                    }
                });
    }

    @ParameterizedTest
    @MethodSource("threadsThatAreNotToBeHad")
    void startThatGetsNoThreadChangesNothing(ThreadFactory threads) {
        var task = new BackgroundTask("forgeloom-test", threads, stopRequested -> {});
        assertThrows(OutOfMemoryError.class, task::start);
        assertEquals(State.STOPPED, task.state());
        task.close();
    }
}
