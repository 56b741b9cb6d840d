package io.forgeloom.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;

/** One pool under one crowd, once. */
final class FairnessRun {

    private static final Duration WARM_UP = Duration.ofSeconds(2);

    private final BenchPool pool;
    private final FairnessOptions options;
    private final CountDownLatch ready;
    private final CountDownLatch go = new CountDownLatch(1);
    private volatile boolean over;

    private FairnessRun(BenchPool pool, FairnessOptions options) {
        this.pool = pool;
        this.options = options;
        this.ready = new CountDownLatch(options.threads());
    }

    /** Opens the pool, lets the crowd warm it up, measures, and closes it. */
    static Figures measure(String name, String url, FairnessOptions options) throws Exception {
        try (BenchPool pool = BenchPool.open(name, url, options.size(), options.acquireTimeout())) {
            Figures warmUp = new FairnessRun(pool, options).run(WARM_UP);
            if (warmUp.refused > 0) {
                System.out.printf(
                        Locale.ROOT,
                        "%s: %d refused in the warm-up, after %d s each%n",
                        name,
                        warmUp.refused,
                        options.acquireTimeout().toSeconds());
            }
            System.gc();
            return new FairnessRun(pool, options).run(options.duration());
        }
    }

    private Figures run(Duration duration) throws InterruptedException {
        List<User> users = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < options.threads(); i++) {
            User user = new User();
            users.add(user);
            Thread.Builder builder = options.platform() ? Thread.ofPlatform() : Thread.ofVirtual();
            threads.add(builder.name("user-" + i).start(user));
        }
        ready.await();
        OperatingSystemMXBean process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        long cpuBefore = process.getProcessCpuTime();
        long begin = System.nanoTime();
        go.countDown();
        Thread.sleep(duration);
        over = true;
        long end = System.nanoTime();
        long cpu = process.getProcessCpuTime() - cpuBefore;
        for (Thread thread : threads) {
            thread.join();
        }
        return Figures.of(users, options.size(), end - begin, cpu);
    }

    /** One of the crowd. Confined to its thread; read when that has ended. */
    private final class User implements Runnable {

        final Waits waits = new Waits();
        long operations;
        long heldNanos;
        long refused;

        @Override
        public void run() {
            ready.countDown();
            try {
                go.await();
                while (!over) {
                    operate();
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException("nobody interrupts a user", e);
            }
        }

        private void operate() throws InterruptedException {
            long begin = System.nanoTime();
            try (Connection connection = pool.acquire()) {
                long acquired = System.nanoTime();
                waits.add(acquired - begin);
                if (!options.hold().isZero()) {
                    Thread.sleep(options.hold());
                }
                heldNanos += System.nanoTime() - acquired;
                // What ends after the run is no operation of it, but its wait was one.
                if (!over) {
                    operations++;
                }
            } catch (SQLException e) {
                waits.add(System.nanoTime() - begin);
                refused++;
            }
        }
    }

    /** What a run came to. */
    record Figures(
            double opsPerSecond,
            double cpuMicrosPerOp,
            long leastOps,
            long mostOps,
            double p50Millis,
            double p99Millis,
            double longestMillis,
            double idealMillis,
            long refused) {

        private static Figures of(List<User> users, int size, long nanos, long cpuNanos) {
            Waits waits = new Waits();
            long operations = 0;
            long held = 0;
            long refused = 0;
            long least = Long.MAX_VALUE;
            long most = 0;
            for (User user : users) {
                waits.add(user.waits);
                operations += user.operations;
                held += user.heldNanos;
                refused += user.refused;
                least = Math.min(least, user.operations);
                most = Math.max(most, user.operations);
            }
            double hold = (double) held / Math.max(1, operations);
            return new Figures(
                    operations * 1e9 / nanos,
                    cpuNanos / 1e3 / Math.max(1, operations),
                    least,
                    most,
                    waits.quantile(0.5) / 1e6,
                    waits.quantile(0.99) / 1e6,
                    waits.longest() / 1e6,
                    hold * users.size() / size / 1e6,
                    refused);
        }

        double longestOfIdeal() {
            return longestMillis / idealMillis;
        }

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%,9.0f ops/s  %5.1f CPU µs/op  ops a thread %d..%d  wait p50 %.3f ms, p99 %.1f ms, longest %.1f ms = %.2f × ideal %.1f ms%s",
                    opsPerSecond,
                    cpuMicrosPerOp,
                    leastOps,
                    mostOps,
                    p50Millis,
                    p99Millis,
                    longestMillis,
                    longestOfIdeal(),
                    idealMillis,
                    refused == 0 ? "" : "  REFUSED " + refused);
        }
    }
}
