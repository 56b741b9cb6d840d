package io.forgeloom.internal.concurrent;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Bounded waits of tests. */
final class Signals {
    private static final long PATIENCE_SECONDS = 20;

    private Signals() {}

    static void await(CountDownLatch latch) throws InterruptedException {
        assertTrue(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS), "signal did not come within 20 s");
    }

    /** For what nothing signals, such as the end of a thread; keeps the interrupt flag as it is. */
    static void awaitTrue(BooleanSupplier condition) {
        long start = System.nanoTime();
        boolean interrupted = false;
        while (!condition.getAsBoolean()) {
            assertTrue(
                    System.nanoTime() - start < TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS),
                    "condition did not become true within 20 s");
            LockSupport.parkNanos(100_000);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
