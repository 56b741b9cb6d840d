package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.OperatingSystemMXBean;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What it costs this process that many wait for a server that is not there. */
@Tag("long")
@Timeout(120)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class DeadServerCostTest {

    private static final int WAITERS = 10_000;
    /** In its first minute an outage may be a restart, and the address is tried ten times a second, at first twenty. */
    private static final Duration SETTLING = Duration.ofSeconds(15);

    private static final Duration MEASURED = Duration.ofSeconds(20);

    @Test
    void tenThousandWaitersCostAtMostOneHundredthOfAProcessor(TestDatabase server) throws Exception {
        AtomicInteger refused = new AtomicInteger();
        List<Thread> waiters = new ArrayList<>();
        try (FaultyLink link = FaultyLink.to(server)) {
            try (Database db = Database.open(
                    DatabaseConfig.builder(link.url()).poolSize(10).build())) {
                double idle = shareOfACore();
                link.refuse(true);
                link.cut();
                for (int i = 0; i < WAITERS; i++) {
                    waiters.add(Thread.ofVirtual().name("waiter-" + i).start(() -> {
                        try {
                            db.primary().acquire(Duration.ofSeconds(90)).close();
                        } catch (AcquireException e) {
                            refused.incrementAndGet();
                        } catch (Exception e) {
                            throw new IllegalStateException(e);
                        }
                    }));
                }
                Thread.sleep(SETTLING);
                int waiting = db.primary().stats().waiting();
                double share = shareOfACore() - idle;
                System.out.printf(
                        Locale.ROOT,
                        "%,d waiters on a dead server: %.2f %% of a core, beyond the %.2f %% of this process without them%n",
                        waiting,
                        100 * share,
                        100 * idle);
                assertTrue(waiting >= WAITERS - 1, waiting + " wait");
                assertTrue(share <= 0.01, "share of a core: " + share);
            }
            for (Thread waiter : waiters) {
                assertTrue(waiter.join(Duration.ofSeconds(10)), waiter + " is stuck");
            }
            assertEquals(WAITERS, refused.get(), "the close refuses all that wait");
        }
    }

    private static double shareOfACore() throws InterruptedException {
        OperatingSystemMXBean process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        long cpu = process.getProcessCpuTime();
        long begin = System.nanoTime();
        Thread.sleep(MEASURED);
        return (double) (process.getProcessCpuTime() - cpu) / (System.nanoTime() - begin);
    }
}
