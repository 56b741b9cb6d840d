package io.forgeloom;

import static io.forgeloom.ForgeFixture.ROLE;
import static io.forgeloom.ForgeFixture.assertNothingLeft;
import static io.forgeloom.ForgeFixture.config;
import static io.forgeloom.ForgeFixture.millisSince;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A close while there is work, while a server is silent, and by several: it has its bounds, and leaves nothing. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class ForgeCloseTest {

    private static LeaderElection election(Forge forge) {
        return forge.election().orElseThrow();
    }

    /** A transaction that sleeps in the server; returns when it does. */
    private static FutureTask<Integer> sleeper(Forge forge, TestDatabase server, String seconds) throws Exception {
        FutureTask<Integer> work = new FutureTask<>(() -> forge.database().inTransaction(tx -> {
            try (Statement statement = tx.connection().createStatement()) {
                statement.execute("SELECT pg_sleep(" + seconds + ")");
            }
            return 1;
        }));
        // A session for each look may take longer to open than the sleep takes.
        try (Connection observer = server.server().connect();
                Statement look = observer.createStatement()) {
            Thread.ofVirtual().name("worker").start(work);
            Await.until(
                    "at work",
                    () -> look.executeQuery("SELECT 1 FROM pg_stat_activity WHERE datname = '" + server.name()
                                    + "' AND state = 'active' AND query LIKE 'SELECT pg_sleep%'")
                            .next());
        }
        return work;
    }

    @Test
    void transactionThatEndsInTimeIsWaitedForAndALongOneIsCut(TestDatabase server) throws Exception {
        Forge patient = Forge.start(config(server).build());
        FutureTask<Integer> work = sleeper(patient, server, "1.0");
        patient.close();
        assertEquals(1, work.get(5, TimeUnit.SECONDS));

        Forge hurried = Forge.start(config(server).build());
        FutureTask<Integer> cut = sleeper(hurried, server, "60");
        long begun = System.nanoTime();
        hurried.close(Duration.ofMillis(200));
        long millis = millisSince(begun);
        assertThrows(ExecutionException.class, () -> cut.get(5, TimeUnit.SECONDS));
        assertTrue(millis < 2_000, millis + " ms");
        assertNothingLeft(server);
    }

    /** Before anything else: not after the transactions that are waited for. */
    @Test
    void rolesAreGivenUpFirst(TestDatabase server) throws Exception {
        // The best of three: other work on the machine comes on top.
        long best = Long.MAX_VALUE;
        for (int i = 0; i < 3 && best > 100; i++) {
            best = Math.min(best, millisToNextLeader(server));
        }
        System.out.println("figure: another runtime leads " + best + " ms after a close began (bound 100)");
        assertTrue(best <= 100, best + " ms");
        assertNothingLeft(server);
    }

    private static long millisToNextLeader(TestDatabase server) throws Exception {
        Forge leader = Forge.start(config(server).nodeId("leader").build());
        assertTrue(election(leader).awaitLeadership(ROLE, Duration.ofSeconds(5)).isPresent());
        try (Forge next = Forge.start(config(server).nodeId("next").build())) {
            FutureTask<Integer> work = sleeper(leader, server, "1.0");
            long begun = System.nanoTime();
            Thread closing = Thread.ofVirtual().name("closing").start(leader::close);
            assertTrue(
                    election(next).awaitLeadership(ROLE, Duration.ofSeconds(5)).isPresent());
            long millis = millisSince(begun);
            assertTrue(closing.isAlive(), "it does not wait for the transaction");
            assertEquals(1, work.get(5, TimeUnit.SECONDS));
            assertTrue(closing.join(Duration.ofSeconds(5)));
            return millis;
        }
    }

    @Test
    void secondCloseWaitsForTheFirst(TestDatabase server) throws Exception {
        Forge forge = Forge.start(config(server).build());
        FutureTask<Integer> work = sleeper(forge, server, "1.2");
        Thread first = Thread.ofVirtual().name("first").start(forge::close);
        Await.until("closing", () -> !forge.isLive());
        forge.close();
        // Sessions may be on their way out still.
        ThreadLeaks.assertNone(Duration.ZERO);
        assertEquals(1, work.get(5, TimeUnit.SECONDS));
        assertNothingLeft(server);
        assertTrue(first.join(Duration.ofSeconds(1)));
        long begun = System.nanoTime();
        forge.close();
        assertTrue(millisSince(begun) < 50);

        // A thread that must not wait does not.
        Forge busy = Forge.start(config(server).build());
        FutureTask<Integer> busyWork = sleeper(busy, server, "1.2");
        Thread closing = Thread.ofVirtual().name("first").start(busy::close);
        Await.until("closing", () -> !busy.isLive());
        Thread.currentThread().interrupt();
        busy.close();
        assertTrue(Thread.interrupted(), "the flag is lost");
        assertTrue(closing.isAlive());
        assertTrue(closing.join(Duration.ofSeconds(5)));
        assertEquals(1, busyWork.get(5, TimeUnit.SECONDS));
    }

    @Test
    void closeByAnInterruptedThreadIsComplete(TestDatabase server) throws Exception {
        Forge forge = Forge.start(config(server).build());
        Await.until("leads", () -> election(forge).isLeader(ROLE));
        Thread.currentThread().interrupt();
        forge.close();
        assertTrue(Thread.interrupted(), "the flag is lost");
        assertNothingLeft(server);
        assertEquals("t", server.query("SELECT resigned_at IS NOT NULL FROM forge_leaders WHERE role = 'scheduler'"));
    }

    @Test
    void bodyThatIgnoresInterruptsDoesNotHoldTheCloseUp(TestDatabase server) throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        CountDownLatch begun = new CountDownLatch(1);
        LeaderConfig impatient = ForgeFixture.leader(Duration.ofMillis(300));
        Forge forge = Forge.start(config(server).leader(impatient).build());
        try {
            election(forge).whileLeader(ROLE, leadership -> {
                begun.countDown();
                while (end.getCount() > 0) {
                    try {
                        end.await();
                    } catch (InterruptedException e) {
                        // As code does that means no harm.
                    }
                }
            });
            assertTrue(begun.await(10, TimeUnit.SECONDS));
            long from = System.nanoTime();
            forge.close();
            long millis = millisSince(from);
            System.out.println(
                    "figure: close with a body that ignores interrupts " + millis + " ms (bodyTimeout 300 ms)");
            assertTrue(millis >= 250 && millis < 1_500, millis + " ms");
            server.assertNoConnections(Duration.ofSeconds(5));
            assertTrue(ThreadLeaks.alive().stream().allMatch(thread -> thread.contains("forgeloom-leader-body")));
        } finally {
            end.countDown();
        }
    }

    @Test
    void closeWhileTheServerIsGoneOrSilentHasABound(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            LeaderConfig brief = LeaderConfig.builder()
                    .leaseDuration(Duration.ofSeconds(1))
                    .checkInterval(Duration.ofMillis(300))
                    .lockValidateInterval(Duration.ofMillis(150))
                    .build();
            Forge cut = Forge.start(config(link).leader(brief).build());
            Await.until("leads", () -> election(cut).isLeader(ROLE));
            link.refuse(true);
            link.cut();
            long begun = System.nanoTime();
            cut.close();
            long gone = millisSince(begun);
            ThreadLeaks.assertNone(Duration.ZERO);

            link.heal();
            Forge silent = Forge.start(config(link).leader(brief).build());
            Await.until("leads", () -> election(silent).isLeader(ROLE));
            link.blackhole(true, true);
            begun = System.nanoTime();
            silent.close();
            long lost = millisSince(begun);
            ThreadLeaks.assertNone(Duration.ZERO);
            link.cut();
            System.out.println(
                    "figure: close with the server gone " + gone + " ms, with a silent network " + lost + " ms");
            // closeTimeout is 2 s, and the database has a second more.
            assertTrue(gone < 3_000 && lost < 4_000, gone + ", " + lost);
        }
    }
}
