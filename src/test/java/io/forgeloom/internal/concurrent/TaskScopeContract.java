package io.forgeloom.internal.concurrent;

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
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a {@link TaskScope} does, whatever is underneath: the same tests for all three implementations. */
@Tag("no-preview-too")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class TaskScopeContract {
    /** Every thread that ran a subtask of {@link #seen}; none may outlive its scope. */
    private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

    private final CountDownLatch never = new CountDownLatch(1);

    abstract ScopeThreads.Opener opener() throws Exception;

    private TaskScope open(String name) throws Exception {
        return open(name, Deadline.after(Duration.ofSeconds(30)));
    }

    private TaskScope open(String name, Deadline deadline) throws Exception {
        return TaskScope.open(name, deadline, opener());
    }

    /** The task, with its thread recorded. */
    private <T> Callable<T> seen(Callable<T> task) {
        return () -> {
            threads.add(Thread.currentThread());
            return task.call();
        };
    }

    /** Runs until it is interrupted, and counts down first, so that a test knows that it runs. */
    private Callable<String> blocked(CountDownLatch running) {
        return seen(() -> {
            running.countDown();
            never.await();
            return "unreachable";
        });
    }

    /** Ignores interrupts until released; says when it runs and whether an interrupt came. */
    private Callable<String> stubborn(CountDownLatch running, AtomicBoolean release, AtomicBoolean interrupted) {
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

    private static void await(CountDownLatch latch) throws InterruptedException {
        assertTrue(latch.await(20, TimeUnit.SECONDS), "signal did not come within 20 s");
    }

    @AfterEach
    void noThreadIsAlive() {
        for (Thread thread : threads) {
            assertFalse(thread.isAlive(), thread + " outlived its scope");
        }
    }

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

    private static Object raise(Throwable failure) throws Exception {
        if (failure instanceof Error error) {
            throw error;
        }
        throw (Exception) failure;
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
            assertEquals(
                    "task scope slow did not finish within 1000 ms: 2 of 3 subtasks were not done"
                            + " [forgeloom-slow-1, forgeloom-slow-2]",
                    expired.getMessage());
            assertThrows(IllegalStateException.class, done::get);
        }
    }

    @Test
    void deadlineThatPassedBeforeJoinCountsEvenIfAllIsDone() throws Exception {
        var now = new AtomicLong();
        try (var scope = open("late", Deadline.after(Duration.ofMinutes(5), now::get))) {
            scope.fork("forgeloom-done", seen(() -> 1));
            while (threads.isEmpty() || threads.peek().isAlive()) {
                Thread.onSpinWait();
            }
            now.set(Duration.ofMinutes(5).toNanos());
            var expired = assertThrows(TimeoutException.class, scope::join);
            assertEquals(
                    "task scope late did not finish within 300000 ms: 0 of 1 subtasks were not done []",
                    expired.getMessage());
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
            while (threads.stream().anyMatch(Thread::isAlive)) {
                Thread.onSpinWait();
            }
            now.set(Duration.ofMinutes(5).toNanos());
            assertSame(
                    failure, assertThrows(ExecutionException.class, scope::join).getCause());
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

    // Interruption and close

    @Test
    void interruptedOwnerLeavesJoinAndCloseCancelsTheSubtasks() throws Exception {
        Thread owner = Thread.currentThread();
        try (var scope = open("interrupted")) {
            scope.fork("forgeloom-interrupter", seen(() -> {
                owner.interrupt();
                never.await();
                return null;
            }));
            assertThrows(InterruptedException.class, scope::join);
            assertFalse(Thread.currentThread().isInterrupted());
        }
        noThreadIsAlive();
    }

    @Test
    void closeWaitsForASubtaskThatIgnoresItsInterruptAndKeepsTheInterruptOfItsOwner() throws Exception {
        var running = new CountDownLatch(1);
        var release = new AtomicBoolean();
        var interrupted = new AtomicBoolean();
        Thread owner = Thread.currentThread();
        var scope = open("stubborn");
        scope.fork("forgeloom-stubborn", stubborn(running, release, interrupted));
        await(running);
        scope.fork("forgeloom-bad", seen(() -> raise(new Exception("first"))));
        assertThrows(ExecutionException.class, scope::join);
        // Lets the subtask go only once the owner waits in close and has been interrupted there.
        Thread releaser = Thread.ofVirtual().start(() -> {
            while (!interrupted.get() || !owner.getState().name().endsWith("WAITING")) {
                Thread.onSpinWait();
            }
            owner.interrupt();
            while (owner.isInterrupted()) {
                Thread.onSpinWait();
            }
            release.set(true);
        });
        scope.close();
        assertTrue(Thread.interrupted(), "the interrupt was lost");
        noThreadIsAlive();
        releaser.join();
    }

    @Test
    void closeWithoutJoinCancelsWaitsAndComplains() throws Exception {
        var running = new CountDownLatch(1);
        var scope = open("forgotten");
        scope.fork("forgeloom-blocked", blocked(running));
        await(running);
        var misuse = assertThrows(IllegalStateException.class, scope::close);
        assertEquals("task scope forgotten was closed with forks that were never joined", misuse.getMessage());
        noThreadIsAlive();
    }

    @Test
    void exceptionOfTheBlockIsNotHiddenByTheComplaint() throws Exception {
        var failure = new IllegalArgumentException("in the block");
        var thrown = assertThrows(IllegalArgumentException.class, () -> {
            try (var scope = open("left")) {
                scope.fork("forgeloom-blocked", blocked(new CountDownLatch(1)));
                throw failure;
            }
        });
        assertSame(failure, thrown);
        assertEquals(1, thrown.getSuppressed().length);
        noThreadIsAlive();
    }

    @Test
    void closingAgainDoesNothing() throws Exception {
        var scope = open("twice");
        scope.fork("forgeloom-quick", seen(() -> 1));
        scope.join();
        scope.close();
        scope.close();
    }

    // Confinement and order of calls

    @Test
    void onlyTheOwnerForksJoinsAndCloses() throws Exception {
        try (var scope = open("confined")) {
            // A subtask is no owner either, though JEP 453 would let it fork.
            var subtask = scope.fork("forgeloom-intruder", seen(() -> {
                var refused = assertThrows(WrongThreadException.class, () -> scope.fork("forgeloom-x", () -> 1));
                assertThrows(WrongThreadException.class, scope::join);
                assertThrows(WrongThreadException.class, scope::close);
                return refused.getMessage();
            }));
            scope.join();
            assertEquals(
                    "task scope confined belongs to thread "
                            + Thread.currentThread().getName() + ", not to forgeloom-intruder",
                    subtask.get());
        }
    }

    @Test
    void forkAndJoinAfterJoinAreRefused() throws Exception {
        try (var scope = open("joined")) {
            scope.fork("forgeloom-quick", seen(() -> 1));
            scope.join();
            var fork = assertThrows(IllegalStateException.class, () -> scope.fork("forgeloom-late", () -> 1));
            assertEquals("fork on task scope joined, which is already joined", fork.getMessage());
            assertThrows(IllegalStateException.class, scope::join);
        }
    }

    @Test
    void forkAndJoinAfterCloseAreRefused() throws Exception {
        var scope = open("closed");
        scope.close();
        var fork = assertThrows(IllegalStateException.class, () -> scope.fork("forgeloom-late", () -> 1));
        assertEquals("fork on task scope closed, which is already closed", fork.getMessage());
        assertThrows(IllegalStateException.class, scope::join);
    }

    // Nesting

    @Test
    void failureOfAnInnerScopeIsNoFailureOfTheOuterOne() throws Exception {
        try (var outer = open("outer")) {
            var good = outer.fork("forgeloom-outer", seen(() -> 1));
            try (var inner = open("inner")) {
                inner.fork("forgeloom-inner", seen(() -> raise(new Exception("inner"))));
                assertThrows(ExecutionException.class, inner::join);
            }
            outer.join();
            assertEquals(1, good.get());
        }
    }

    @Test
    void cancellationReachesTheScopesOfSubtasks() throws Exception {
        var running = new CountDownLatch(2);
        try (var outer = open("outer")) {
            outer.fork("forgeloom-outer", seen(() -> {
                try (var inner = open("inner")) {
                    inner.fork("forgeloom-inner-1", blocked(running));
                    inner.fork("forgeloom-inner-2", blocked(running));
                    inner.join();
                }
                return null;
            }));
            await(running);
            outer.fork("forgeloom-bad", seen(() -> raise(new Exception("outer"))));
            assertThrows(ExecutionException.class, outer::join);
        }
        noThreadIsAlive();
    }

    @Test
    void closingTheOuterScopeFirstClosesTheInnerOneTooAndComplains() throws Exception {
        var running = new CountDownLatch(2);
        var outermost = open("outermost");
        var outer = open("outer");
        outer.fork("forgeloom-outer", blocked(running));
        var inner = open("inner");
        inner.fork("forgeloom-inner", blocked(running));
        await(running);
        var misuse = assertThrows(IllegalStateException.class, outer::close);
        assertEquals("task scope outer was closed before inner, which is inside it", misuse.getMessage());
        assertEquals(2, misuse.getSuppressed().length); // Neither of the two was joined.
        noThreadIsAlive();
        inner.close();
        // The one outside both is as it was.
        var subtask = outermost.fork("forgeloom-outermost", seen(() -> 1));
        outermost.join();
        assertEquals(1, subtask.get());
        outermost.close();
    }

    // Everything together

    @Test
    void randomScopesEndInExactlyOneWayAndLeaveNoThread() throws Exception {
        new TaskScopeStress(opener(), 42).run(2_000);
    }

    @Test
    @Tag("long")
    void manyRandomScopesEndInExactlyOneWayAndLeaveNoThread() throws Exception {
        new TaskScopeStress(opener(), System.nanoTime()).run(200_000);
    }
}
