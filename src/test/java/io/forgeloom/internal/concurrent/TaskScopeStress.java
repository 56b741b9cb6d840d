package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * Thousands of scopes with subtasks that return, fail, are slow or ignore interrupts for a while, some interrupted from
 * outside.
 *
 * <p>Forbidden, whatever the order of events: a thread that is alive after close; success where a subtask cannot have
 * succeeded; a result other than the subtask's own; a failure that is not the first, so one that was thrown only because
 * of the cancellation; a timeout before the deadline; an interrupt that nobody sent, or one that was sent and lost.
 */
final class TaskScopeStress {
    private enum Kind {
        QUICK,
        SLEEPY,
        FAILING,
        /** Throws when it is interrupted, so always after the first failure. */
        ECHO,
        /** Ignores interrupts for up to two milliseconds. */
        STUBBORN
    }

    private enum Outcome {
        SUCCESS,
        FAILURE,
        TIMEOUT,
        INTERRUPT
    }

    private static final class Echo extends Exception {
        private static final long serialVersionUID = 1;
    }

    private static final class Planned extends Exception {
        private static final long serialVersionUID = 1;
        private final transient Object plan;

        private Planned(Object plan) {
            this.plan = plan;
        }
    }

    private final ScopeThreads.Opener opener;
    private final long seed;
    private final Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);

    TaskScopeStress(ScopeThreads.Opener opener, long seed) {
        this.opener = opener;
        this.seed = seed;
    }

    void run(int scopes) throws Exception {
        var random = new SplittableRandom(seed);
        for (int i = 0; i < scopes; i++) {
            String label = "seed " + seed + ", scope " + i;
            Outcome outcome = new OneScope(label, random).run();
            outcomes.merge(outcome, 1, Integer::sum);
        }
        // A stress that never saw one of the outcomes has tested less than it says.
        assertEquals(Outcome.values().length, outcomes.size(), "seed " + seed + ": " + outcomes);
    }

    private final class OneScope {
        private final String label;
        private final List<Kind> plan = new ArrayList<>();
        private final List<Integer> micros = new ArrayList<>();
        private final Deadline deadline;
        private final int interruptAfterMicros;
        private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

        private OneScope(String label, SplittableRandom random) {
            this.label = label;
            int size = random.nextInt(1, 9);
            boolean hasTrouble = random.nextBoolean();
            for (int i = 0; i < size; i++) {
                plan.add(hasTrouble ? Kind.values()[random.nextInt(Kind.values().length)] : Kind.QUICK);
                micros.add(random.nextInt(2_000));
            }
            // An echo waits for an end that must come from elsewhere: a failure, or else the deadline.
            boolean mayHang = plan.contains(Kind.ECHO) && !plan.contains(Kind.FAILING);
            boolean hasShortDeadline = mayHang || random.nextInt(4) == 0;
            this.deadline = Deadline.after(
                    hasShortDeadline ? Duration.ofNanos(random.nextInt(3_000_000)) : Duration.ofMinutes(1));
            this.interruptAfterMicros = random.nextInt(10) == 0 ? random.nextInt(1_500) : -1;
        }

        private Outcome run() throws InterruptedException {
            Thread owner = Thread.currentThread();
            Thread interrupter = interruptAfterMicros < 0
                    ? null
                    : Thread.ofVirtual().start(() -> {
                        LockSupport.parkNanos(interruptAfterMicros * 1_000L);
                        owner.interrupt();
                    });
            Outcome outcome = runScope();
            for (Thread thread : threads) {
                assertFalse(thread.isAlive(), () -> label + ": alive after close: " + thread);
            }
            if (interrupter == null) {
                assertFalse(Thread.interrupted(), () -> label + ": an interrupt from nowhere");
            } else {
                joinThroughInterrupt(interrupter);
                assertTrue(
                        Thread.interrupted() ^ outcome == Outcome.INTERRUPT,
                        () -> label + ": interrupt lost or doubled");
            }
            return outcome;
        }

        private void joinThroughInterrupt(Thread interrupter) {
            boolean interrupted = false;
            while (interrupter.isAlive()) {
                try {
                    interrupter.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        private Outcome runScope() {
            var subtasks = new ArrayList<TaskScope.Subtask<Integer>>();
            try (var scope = TaskScope.open(label, deadline, opener)) {
                for (int i = 0; i < plan.size(); i++) {
                    subtasks.add(scope.fork("forgeloom-stress-" + i, task(i)));
                }
                scope.join();
                assertFalse(plan.contains(Kind.FAILING) || plan.contains(Kind.ECHO), () -> label + ": " + plan);
                for (int i = 0; i < plan.size(); i++) {
                    assertEquals(i, subtasks.get(i).get(), label);
                }
                return Outcome.SUCCESS;
            } catch (ExecutionException failed) {
                var cause = assertInstanceOf(Planned.class, failed.getCause(), () -> label + ": " + plan);
                assertEquals(this, cause.plan, label);
                return Outcome.FAILURE;
            } catch (TimeoutException expired) {
                assertEquals(0, deadline.remainingNanos(), () -> label + ": timed out too early");
                return Outcome.TIMEOUT;
            } catch (InterruptedException interrupted) {
                assertTrue(interruptAfterMicros >= 0, () -> label + ": an interrupt from nowhere");
                return Outcome.INTERRUPT;
            }
        }

        private Callable<Integer> task(int index) {
            Kind kind = plan.get(index);
            long nanos = micros.get(index) * 1_000L;
            return () -> {
                threads.add(Thread.currentThread());
                switch (kind) {
                    case QUICK -> {}
                    case SLEEPY -> Thread.sleep(Duration.ofNanos(nanos));
                    case FAILING -> {
                        LockSupport.parkNanos(nanos / 2);
                        throw new Planned(this);
                    }
                    case ECHO -> {
                        try {
                            Thread.sleep(Duration.ofMinutes(1));
                        } catch (InterruptedException e) {
                            throw new Echo();
                        }
                    }
                    case STUBBORN -> {
                        long until = System.nanoTime() + nanos;
                        while (System.nanoTime() - until < 0) {
                            LockSupport.parkNanos(until - System.nanoTime());
                            Thread.interrupted();
                        }
                    }
                }
                return index;
            };
        }
    }
}
