package io.forgeloom.internal.concurrent;

import static io.forgeloom.internal.concurrent.Signals.await;
import static io.forgeloom.internal.concurrent.Signals.awaitTrue;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How a scope ends: success, failure, deadline. The first half of {@link TaskScopeContract}. */
abstract class TaskScopeOutcomes extends TaskScopeFixture {
    // Success

    @Test
    void resultsAreReadAfterJoin() throws Exception {
        try (var scope = open("results")) {
            var number = scope.fork("forgeloom-number", seen(() -> 42));
            var text = scope.fork("forgeloom-text", seen(() -> "text"));
            var nothing = scope.<Object>fork("forgeloom-nothing", seen(() -> null));
            scope.join();
            assertEquals(42, number.get());
            assertEquals("text", text.get());
            assertNull(nothing.get());
        }
    }

    @Test
    void resultsAreReadByAnyThreadAndAfterClose() throws Exception {
        TaskScope.Subtask<String> subtask;
        try (var scope = open("results")) {
            subtask = scope.fork("forgeloom-text", seen(() -> "text"));
            scope.join();
        }
        var read = new AtomicReference<String>();
        Thread reader = Thread.ofVirtual().start(() -> read.set(subtask.get()));
        reader.join();
        assertEquals("text", read.get());
    }

    @Test
    void joinOfNothingSucceeds() throws Exception {
        try (var scope = open("empty")) {
            scope.join();
        }
    }

    @Test
    void subtasksRunInVirtualThreadsOfTheGivenNames() throws Exception {
        try (var scope = open("names")) {
            var one = scope.fork("forgeloom-one", seen(Thread::currentThread));
            var two = scope.fork("forgeloom-two", seen(Thread::currentThread));
            scope.join();
            assertEquals("forgeloom-one", one.get().getName());
            assertEquals("forgeloom-two", two.get().getName());
            assertEquals("forgeloom-two", two.threadName());
            assertTrue(one.get().isVirtual() && two.get().isVirtual());
        }
    }

    @Test
    void subtasksRunAtTheSameTime() throws Exception {
        var meeting = new CyclicBarrier(10);
        try (var scope = open("meeting")) {
            for (int i = 0; i < 10; i++) {
                scope.fork("forgeloom-" + i, seen(() -> meeting.await(20, TimeUnit.SECONDS)));
            }
            scope.join();
        }
    }

    @Test
    void tenThousandSubtasksSucceed() throws Exception {
        try (var scope = open("many")) {
            var subtasks = new ArrayList<TaskScope.Subtask<Integer>>();
            for (int i = 0; i < 10_000; i++) {
                int number = i;
                subtasks.add(scope.fork("forgeloom-" + i, seen(() -> number)));
            }
            scope.join();
            for (int i = 0; i < 10_000; i++) {
                assertEquals(i, subtasks.get(i).get());
            }
        }
    }

    // Failure

    static List<Throwable> failures() {
        return List.of(
                new Exception("checked"),
                new IllegalStateException("unchecked"),
                new InterruptedException("of its own"),
                new TimeoutException("of its own"),
                new ExecutionException(new Exception("nested")),
                new StackOverflowError());
    }

    @ParameterizedTest
    @MethodSource("failures")
    void firstFailureIsTheCauseExactlyAsThrown(Throwable failure) throws Exception {
        try (var scope = open("failing")) {
            scope.fork("forgeloom-good", seen(() -> 1));
            scope.fork("forgeloom-bad", seen(() -> raise(failure)));
            var thrown = assertThrows(ExecutionException.class, scope::join);
            assertSame(failure, thrown.getCause());
            assertEquals("task scope failing: forgeloom-bad failed: " + failure, thrown.getMessage());
        }
    }

    @Test
    void firstFailureInterruptsTheOthersAndTheirFailuresAreDropped() throws Exception {
        var running = new CountDownLatch(2);
        var first = new Exception("first");
        try (var scope = open("failing")) {
            scope.fork("forgeloom-blocked", blocked(running));
            scope.fork("forgeloom-echo", seen(() -> {
                running.countDown();
                try {
                    never.await();
                    return null;
                } catch (InterruptedException e) {
                    throw new IllegalStateException("effect of the cancellation", e);
                }
            }));
            await(running);
            scope.fork("forgeloom-bad", seen(() -> raise(first)));
            var thrown = assertThrows(ExecutionException.class, scope::join);
            assertSame(first, thrown.getCause());
            assertArrayEquals(new Throwable[0], first.getSuppressed());
            assertArrayEquals(new Throwable[0], thrown.getSuppressed());
        }
        assertArrayEquals(new Throwable[0], first.getSuppressed());
    }

    @Test
    void joinDoesNotWaitForTheOthersAfterAFailureButCloseDoes() throws Exception {
        var running = new CountDownLatch(1);
        var release = new AtomicBoolean();
        var interrupted = new AtomicBoolean();
        try (var scope = open("failing")) {
            scope.fork("forgeloom-stubborn", stubborn(running, release, interrupted));
            await(running);
            scope.fork("forgeloom-bad", seen(() -> raise(new Exception("first"))));
            assertThrows(ExecutionException.class, scope::join);
            assertTrue(threads.stream().anyMatch(Thread::isAlive), "join has waited for the stubborn one");
            release.set(true);
        }
        noThreadIsAlive();
    }

    @Test
    void forkAfterAFailureDoesNotRun() throws Exception {
        var running = new CountDownLatch(1);
        var cancelled = new CountDownLatch(1);
        var ran = new AtomicBoolean();
        try (var scope = open("failing")) {
            scope.fork("forgeloom-witness", seen(() -> {
                running.countDown();
                try {
                    never.await();
                } catch (InterruptedException e) {
                    cancelled.countDown();
                }
                return null;
            }));
            await(running);
            scope.fork("forgeloom-bad", seen(() -> raise(new Exception("first"))));
            await(cancelled);
            scope.fork("forgeloom-late", seen(() -> {
                ran.set(true);
                return null;
            }));
            assertEquals(
                    "first",
                    assertThrows(ExecutionException.class, scope::join)
                            .getCause()
                            .getMessage());
        }
        assertFalse(ran.get());
    }

    @Test
    void resultsAreRefusedBeforeJoinAndAfterAJoinThatFailed() throws Exception {
        try (var scope = open("failing")) {
            var good = scope.fork("forgeloom-good", seen(() -> 1));
            assertThrows(IllegalStateException.class, good::get);
            scope.fork("forgeloom-bad", seen(() -> raise(new Exception("bad"))));
            assertThrows(ExecutionException.class, scope::join);
            var refused = assertThrows(IllegalStateException.class, good::get);
            assertEquals(
                    "result of forgeloom-good asked for, but join on task scope failing has not succeeded",
                    refused.getMessage());
        }
    }

    // Deadline

    @Test
    void deadlineInterruptsTheSubtasksAndTheMessageNamesThem() throws Exception {
        var running = new CountDownLatch(2);
        try (var scope = open("slow", Deadline.after(Duration.ofSeconds(1)))) {
            var done = scope.fork("forgeloom-done", seen(() -> 1));
            scope.fork("forgeloom-slow-1", blocked(running));
            scope.fork("forgeloom-slow-2", blocked(running));
            await(running);
            var expired = assertThrows(TimeoutException.class, scope::join);
            // What was left of the second when the scope was opened; the next test has the exact number.
            assertTrue(
                    expired.getMessage()
                            .matches(
                                    "task scope slow did not finish within (1000|[1-9]\\d{0,2}) ms: 2 of 3 subtasks were"
                                            + " not done \\[forgeloom-slow-1, forgeloom-slow-2]"),
                    expired.getMessage());
            assertThrows(IllegalStateException.class, done::get);
        }
    }

    @Test
    void deadlineThatPassedBeforeJoinCountsEvenIfAllIsDone() throws Exception {
        var now = new AtomicLong();
        try (var scope = open("late", Deadline.after(Duration.ofMinutes(5), now::get))) {
            scope.fork("forgeloom-done", seen(() -> 1));
            awaitTrue(() -> !threads.isEmpty() && !threads.peek().isAlive());
            now.set(Duration.ofMinutes(5).toNanos());
            var expired = assertThrows(TimeoutException.class, scope::join);
            assertEquals(
                    "task scope late did not finish within 300000 ms: 0 of 1 subtasks were not done []",
                    expired.getMessage());
        }
    }

    @Test
    void subtaskThatReturnsAfterTheDeadlineIsNamedAsNotDone() throws Exception {
        var now = new AtomicLong();
        var release = new CountDownLatch(1);
        try (var scope = open("late", Deadline.after(Duration.ofMinutes(5), now::get))) {
            scope.fork("forgeloom-late", seen(() -> {
                await(release);
                return 1;
            }));
            now.set(Duration.ofMinutes(5).toNanos());
            release.countDown();
            awaitTrue(() -> !threads.isEmpty() && !threads.peek().isAlive());
            assertEquals(
                    "task scope late did not finish within 300000 ms: 1 of 1 subtasks were not done [forgeloom-late]",
                    assertThrows(TimeoutException.class, scope::join).getMessage());
        }
    }

    @Test
    void deadlineThatPassedBeforeOpenTimesOut() throws Exception {
        try (var scope = open("too-late", Deadline.after(Duration.ZERO))) {
            scope.fork("forgeloom-any", blocked(new CountDownLatch(1)));
            assertThrows(TimeoutException.class, scope::join);
        }
    }

    @Test
    void failureBeforeTheDeadlineIsReportedAlsoAfterIt() throws Exception {
        var now = new AtomicLong();
        var running = new CountDownLatch(1);
        var failure = new Exception("in time");
        try (var scope = open("late", Deadline.after(Duration.ofMinutes(5), now::get))) {
            scope.fork("forgeloom-blocked", blocked(running));
            await(running);
            scope.fork("forgeloom-bad", seen(() -> raise(failure)));
            // The blocked one ends only because the failure has cancelled the scope.
            awaitTrue(() -> threads.stream().noneMatch(Thread::isAlive));
            now.set(Duration.ofMinutes(5).toNanos());
            var thrown = assertThrows(ExecutionException.class, scope::join);
            assertSame(failure, thrown.getCause());
            // Though the blocked one, which comes first in the order of forks, has failed by now too.
            assertEquals("task scope late: forgeloom-bad failed: " + failure, thrown.getMessage());
        }
    }

    @Test
    void hugeDeadlineIsNoDeadline() throws Exception {
        try (var scope = open("forever", Deadline.after(ChronoUnit.FOREVER.getDuration()))) {
            var subtask = scope.fork("forgeloom-quick", seen(() -> 1));
            scope.join();
            assertEquals(1, subtask.get());
        }
    }
}
