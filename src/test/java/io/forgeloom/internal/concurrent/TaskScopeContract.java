package io.forgeloom.internal.concurrent;

import static io.forgeloom.internal.concurrent.Signals.await;
import static io.forgeloom.internal.concurrent.Signals.awaitTrue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a {@link TaskScope} does, whatever is underneath: the same tests for all three implementations. */
@Tag("no-preview-too")
abstract class TaskScopeContract extends TaskScopeOutcomes {
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
            awaitTrue(() -> interrupted.get() && owner.getState().name().endsWith("WAITING"));
            owner.interrupt();
            awaitTrue(() -> !owner.isInterrupted());
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

    @Test
    void nothingIsRememberedOfAThreadWhoseScopesAreClosed() throws Exception {
        try (var outer = open("outer");
                var inner = open("inner")) {
            assertSame(inner, TaskScope.INNERMOST.get(Thread.currentThread()));
            inner.join();
            outer.join();
        }
        assertFalse(TaskScope.INNERMOST.containsKey(Thread.currentThread()));
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
