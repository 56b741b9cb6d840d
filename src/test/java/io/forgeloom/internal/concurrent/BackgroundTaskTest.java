package io.forgeloom.internal.concurrent;

import static io.forgeloom.internal.concurrent.Signals.await;
import static io.forgeloom.internal.concurrent.Signals.awaitTrue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.concurrent.Lifecycle.State;
import java.text.MessageFormat;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BackgroundTaskTest extends LifecycleContract {
    private final CountDownLatch never = new CountDownLatch(1);
    private final CountDownLatch running = new CountDownLatch(1);

    private final Logger logger = Logger.getLogger("io.forgeloom.concurrent");
    private final BlockingQueue<LogRecord> logged = new LinkedBlockingQueue<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            logged.add(entry);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void captureTheLog() {
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    @AfterEach
    void releaseTheLog() {
        logger.removeHandler(handler);
        logger.setUseParentHandlers(true);
    }

    @Override
    protected Lifecycle create(ThreadFactory threads, Witness witness) {
        return new BackgroundTask("forgeloom-test", threads, stopRequested -> {
            witness.enter();
            try {
                while (!stopRequested.getAsBoolean()) {
                    Thread.sleep(Duration.ofMinutes(1));
                }
            } finally {
                witness.leave();
            }
        });
    }

    private BackgroundTask task(BackgroundTask.Body body) {
        return new BackgroundTask("forgeloom-test", recordingThreads(), body);
    }

    /** Until the body of the last run has ended; the only way to see that from outside is to look. */
    private static void awaitEnd(BackgroundTask task) {
        awaitTrue(() -> task.state() == State.STOPPED || task.state() == State.FAILED);
    }

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

    @ParameterizedTest
    @ValueSource(strings = {"stop", "bounded stop", "close"})
    void stopFromItsOwnThreadMakesTheRequestAndDoesNotWait(String way) throws Exception {
        var self = new AtomicReference<BackgroundTask>();
        var returned = new AtomicBoolean();
        var task = task(stopRequested -> {
            await(running);
            switch (way) {
                case "stop" -> self.get().stop();
                case "bounded stop" -> self.get().stop(Duration.ofDays(1));
                default -> self.get().close();
            }
            returned.set(stopRequested.getAsBoolean() && Thread.currentThread().isInterrupted());
        });
        self.set(task);
        task.start();
        running.countDown();
        awaitEnd(task);
        assertTrue(returned.get(), "did not return, or returned without a request");
        assertEquals(State.STOPPED, task.state());
        if (way.equals("close")) {
            assertThrows(IllegalStateException.class, task::start);
        }
        // Waits for the thread, which ends a moment after its body.
        task.close();
    }

    @Test
    void stopFromTheThreadOfAnEarlierRunDoesNotWaitForTheRunsAfterIt() throws Exception {
        var self = new AtomicReference<BackgroundTask>();
        var runs = new AtomicInteger();
        var restarted = new CountDownLatch(1);
        var task = task(stopRequested -> {
            if (runs.incrementAndGet() == 1) {
                running.countDown();
                awaitThroughInterrupt(restarted);
                // The second run waits for this one, so to wait for it would be to wait for oneself.
                self.get().stop();
            }
        });
        self.set(task);
        task.start();
        await(running);
        assertThrows(TimeoutException.class, () -> task.stop(Duration.ofMillis(1)));
        task.start();
        restarted.countDown();
        awaitEnd(task);
        task.close();
        assertEquals(1, runs.get());
    }

    private static void awaitThroughInterrupt(CountDownLatch latch) {
        while (latch.getCount() > 0) {
            LockSupport.parkNanos(100_000);
            Thread.interrupted();
        }
    }

    @Test
    void startWhileStoppingRunsTheBodyOnceTheEarlierRunHasEnded() throws Exception {
        var release = new CountDownLatch(1);
        var second = new CountDownLatch(1);
        var runs = new AtomicInteger();
        var inside = new AtomicInteger();
        try (var task = task(stopRequested -> {
            assertEquals(1, inside.incrementAndGet());
            if (runs.incrementAndGet() == 1) {
                running.countDown();
                awaitThroughInterrupt(release);
            } else {
                second.countDown();
            }
            inside.decrementAndGet();
        })) {
            task.start();
            await(running);
            assertThrows(TimeoutException.class, () -> task.stop(Duration.ZERO));
            assertEquals(State.STOPPING, task.state());
            task.start();
            assertEquals(State.RUNNING, task.state());
            assertEquals(1, runs.get());
            release.countDown();
            await(second);
        }
    }

    @Test
    void boundedStopReportsTheThreadThatDidNotEndWithItsStack() throws Exception {
        var release = new CountDownLatch(1);
        var task = task(stopRequested -> {
            running.countDown();
            awaitThroughInterrupt(release);
        });
        task.start();
        await(running);
        // Also when the one that is stuck is not the last in the queue.
        for (int i = 0; i < 2; i++) {
            var stuck = assertThrows(TimeoutException.class, () -> task.stop(Duration.ofMillis(50)));
            assertTrue(
                    stuck.getMessage().startsWith("forgeloom-test has not ended PT0.05S after it was told to stop;"),
                    stuck.getMessage());
            assertTrue(stuck.getMessage().contains("BackgroundTaskTest.awaitThroughInterrupt"), stuck.getMessage());
            task.start();
        }
        release.countDown();
        task.close();
        assertEquals(State.STOPPED, task.state());
    }

    @Test
    void boundedStopLeavesOnInterruptAndTheRequestStands() throws Exception {
        var release = new CountDownLatch(1);
        var task = task(stopRequested -> {
            running.countDown();
            awaitThroughInterrupt(release);
        });
        task.start();
        await(running);
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, () -> task.stop(Duration.ofDays(1)));
        assertFalse(Thread.currentThread().isInterrupted());
        assertEquals(State.STOPPING, task.state());
        release.countDown();
        task.stop();
    }

    @Test
    void stopThatLastsSaysSoAndInterruptsAgain() throws Exception {
        var task = new BackgroundTask(
                "forgeloom-test",
                recordingThreads(),
                stopRequested -> {
                    running.countDown();
                    // Swallows the first interrupt and has no look at the request.
                    for (int interrupts = 0; interrupts < 2; interrupts++) {
                        try {
                            never.await();
                        } catch (InterruptedException swallowed) {
                            continue;
                        }
                    }
                },
                Duration.ofMillis(20));
        task.start();
        await(running);
        task.stop();
        var entry = logged.poll();
        assertEquals(Level.WARNING, entry.getLevel());
        String message = MessageFormat.format(entry.getMessage(), entry.getParameters());
        assertTrue(message.startsWith("still waiting: forgeloom-test has not ended PT0."), message);
        assertTrue(message.contains("BackgroundTaskTest"), message);
    }

    @Test
    void stopRightAfterStartMayKeepTheBodyFromRunningAndAlwaysEnds() {
        for (int i = 0; i < 1_000; i++) {
            var task = task(stopRequested -> never.await());
            task.start();
            task.stop();
            assertEquals(State.STOPPED, task.state());
        }
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
