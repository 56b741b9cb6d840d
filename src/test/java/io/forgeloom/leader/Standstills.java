package io.forgeloom.leader;

import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * When this machine stood still, or had no time for a process: a thread that sleeps a moment at a time notices. Safe for use
 * by many threads.
 */
final class Standstills implements AutoCloseable {

    /** Far from what a machine with nothing else to do shows. */
    private static final Duration LEAST = Duration.ofMillis(20);

    private record Gap(long begin, long end) {}

    private final Queue<Gap> gaps = new ConcurrentLinkedQueue<>();

    /** No virtual one, which would also wait for others of its kind. */
    private final Thread watch =
            Thread.ofPlatform().daemon().name("standstills").start(this::watch);

    private void watch() {
        try {
            long last = System.nanoTime();
            while (true) {
                Thread.sleep(1);
                long now = System.nanoTime();
                if (now - last > LEAST.toNanos()) {
                    gaps.add(new Gap(last, now));
                }
                last = now;
            }
        } catch (InterruptedException e) {
            // Closed.
        }
    }

    /** A time that begins at {@code nanos}, and with it whatever stood still before it was over. */
    Duration prolonged(Duration time, long nanos) {
        long length = time.toNanos();
        for (Gap gap : gaps) {
            if (gap.end - nanos > 0 && gap.begin - nanos < length) {
                length += gap.end - nanos - Math.max(0, gap.begin - nanos);
            }
        }
        return Duration.ofNanos(length);
    }

    @Override
    public void close() {
        watch.interrupt();
    }
}
