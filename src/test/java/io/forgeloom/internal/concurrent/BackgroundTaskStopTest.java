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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackgroundTaskStopTest extends BackgroundTaskFixture {
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
            assertTrue(stuck.getMessage().contains("BackgroundTaskFixture.awaitThroughInterrupt"), stuck.getMessage());
            task.start();
        }
        release.countDown();
        task.close();
        assertEquals(State.STOPPED, task.state());
    }

    @Test
    void boundedStopReportsTheRunThatWorksAndNotTheOneThatIsOver() throws Exception {
        var releases = List.of(new CountDownLatch(1), new CountDownLatch(1));
        var second = new CountDownLatch(1);
        var runs = new AtomicInteger();
        var task = task(stopRequested -> {
            int run = runs.getAndIncrement();
            (run == 0 ? running : second).countDown();
            awaitThroughInterrupt(releases.get(run));
        });
        task.start();
        await(running);
        assertThrows(TimeoutException.class, () -> task.stop(Duration.ZERO));
        task.start();
        releases.get(0).countDown();
        await(second);
        var stuck = assertThrows(TimeoutException.class, () -> task.stop(Duration.ofMillis(50)));
        assertTrue(stuck.getMessage().contains("BackgroundTaskFixture.awaitThroughInterrupt"), stuck.getMessage());
        releases.get(1).countDown();
        task.close();
    }

    @Test
    void interruptOfARunThatWaitsForTheOneBeforeReachesItsBody() throws Exception {
        var release = new CountDownLatch(1);
        var runs = new AtomicInteger();
        var threads = new ArrayList<Thread>();
        try (var task = new BackgroundTask(
                "forgeloom-test",
                runnable -> {
                    threads.add(recordingThreads().newThread(runnable));
                    return threads.getLast();
                },
                stopRequested -> {
                    if (runs.incrementAndGet() == 1) {
                        running.countDown();
                        awaitThroughInterrupt(release);
                    } else {
                        never.await();
                    }
                })) {
            task.start();
            await(running);
            assertThrows(TimeoutException.class, () -> task.stop(Duration.ZERO));
            task.start();
            threads.getLast().interrupt();
            awaitTrue(() -> !threads.getLast().isInterrupted());
            release.countDown();
            awaitEnd(task);
            assertSame(InterruptedException.class, task.failure().orElseThrow().getClass());
        }
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

    /** Alone, and with a run behind it, which then is the one that is waited for. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stopThatLastsSaysSoAndInterruptsAgain(boolean queued) throws Exception {
        var task = new BackgroundTask(
                "forgeloom-test",
                recordingThreads(),
                stopRequested -> {
                    running.countDown();
                    // Swallows interrupts and has no look at the request.
                    for (int interrupts = 0; interrupts < 4; ) {
                        try {
                            never.await();
                        } catch (InterruptedException swallowed) {
                            interrupts++;
                        }
                    }
                },
                Duration.ofMillis(20));
        task.start();
        await(running);
        if (queued) {
            assertThrows(TimeoutException.class, () -> task.stop(Duration.ZERO));
            task.start();
        }
        task.stop();
        var entry = logged.poll();
        assertEquals(Level.WARNING, entry.getLevel());
        String message = MessageFormat.format(entry.getMessage(), entry.getParameters());
        assertTrue(message.startsWith("still waiting: forgeloom-test has not ended PT0."), message);
        assertTrue(message.contains("BackgroundTaskStopTest"), message);
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
}
