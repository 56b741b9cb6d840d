package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** Numbered notifications under random faults of server, network and bus: nothing is missing without a word. */
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class NotifyFaultTest {

    /** So that a fault is noticed in a fraction of a second. */
    private static final BusTiming FAST = new BusTiming(
            Duration.ofMillis(50),
            Duration.ofMillis(300),
            Duration.ofMillis(250),
            Duration.ofSeconds(3),
            Duration.ofMillis(25),
            Duration.ofMillis(50),
            Duration.ofMillis(200),
            Duration.ofSeconds(1));

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private enum Fault {
        BACKEND_TERMINATED,
        RESET,
        STALL_INSIDE_A_MESSAGE,
        BUS_STOPPED,
        REFUSED,
        BLACKHOLE,
        SERVER_STOPPED_BY_A_SIGNAL,
        SERVER_RESTARTED
    }

    @Test
    void nothingIsMissingWithoutAWord() throws Exception {
        run(16, new SplittableRandom().nextLong());
    }

    @Test
    @Tag("long")
    @Timeout(3_600)
    void nothingIsMissingWithoutAWordAfterAThousandFaults() throws Exception {
        run(1_000, new SplittableRandom().nextLong());
    }

    @SuppressWarnings("try") // the bus is closed when its readers shall come to their end
    private static void run(int faults, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        List<NumberedReader> readers = new ArrayList<>();
        long begun = System.nanoTime();
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                FaultyLink link = FaultyLink.to(cluster.primary());
                NumberedWriter writer = new NumberedWriter(cluster.primary(), random.split());
                Database db = Database.open(DatabaseConfig.builder(link.url())
                        .poolSize(4)
                        .closeTimeout(Duration.ofSeconds(1))
                        .build());
                NotifyBus bus = NotifyBus.of(db, FAST, NumberedWriter.channels())) {
            List<Thread> threads = subscribe(bus, readers);
            bus.start();
            assertTrue(bus.awaitGeneration(1, PATIENCE));
            writer.start();
            Map<Fault, Integer> done = new EnumMap<>(Fault.class);
            for (int i = 0; i < faults; i++) {
                // Every kind in turn, then at random, so that a short run has all.
                Fault fault = Fault.values()[i < Fault.values().length ? i : random.nextInt(Fault.values().length)];
                done.merge(fault, 1, Integer::sum);
                long generation = bus.generation();
                inflict(fault, cluster.primary(), link, bus, random);
                // Now and then the next one comes while the bus is still at it.
                if (random.nextInt(4) > 0) {
                    bus.awaitGeneration(generation + 1, Duration.ofMillis(1_500));
                    Thread.sleep(50 + random.nextInt(150));
                }
            }
            writer.stop();
            hearTheLast(writer, readers);
            bus.close();
            for (Thread thread : threads) {
                assertTrue(thread.join(PATIENCE), "a subscriber waits in a bus that is closed");
            }
            report(done, seed, readers, writer, bus, System.nanoTime() - begun);
        }
    }

    private static List<Thread> subscribe(NotifyBus bus, List<NumberedReader> readers) {
        List<Thread> threads = new ArrayList<>();
        for (String channel : NumberedWriter.channels()) {
            threads.add(read(bus, readers, SubscriptionOptions.stream(4_096), 0, channel));
        }
        threads.add(read(bus, readers, SubscriptionOptions.stream(65_536), 0, NumberedWriter.channels()));
        // A slow one.
        threads.add(read(bus, readers, SubscriptionOptions.stream(100), 2, NumberedWriter.channels()));
        threads.add(read(bus, readers, SubscriptionOptions.stream(16), 2, NumberedWriter.channel(3)));
        return threads;
    }

    private static Thread read(
            NotifyBus bus,
            List<NumberedReader> readers,
            SubscriptionOptions options,
            long pauseMillis,
            String... channels) {
        NumberedReader reader = new NumberedReader(channels);
        readers.add(reader);
        Subscription subscription = bus.subscribe(options, channels);
        return Thread.ofVirtual().name("numbered-reader").start(() -> {
            try {
                reader.readAll(subscription, pauseMillis);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** What was sent while nobody listened never comes: so another number, until each reader has one that is the last. */
    private static void hearTheLast(NumberedWriter writer, List<NumberedReader> readers) throws InterruptedException {
        for (int i = 0; i < 20; i++) {
            writer.sendLast();
            long until = System.nanoTime() + Duration.ofSeconds(1).toNanos();
            while (System.nanoTime() < until) {
                if (readers.stream().allMatch(reader -> reader.last() == reader.lastOf(writer.committed()))) {
                    return;
                }
                Thread.sleep(2);
            }
        }
        throw new AssertionError("the bus hears nothing any more");
    }

    private static void inflict(
            Fault fault, PostgresServer server, FaultyLink link, NotifyBus bus, SplittableRandom random)
            throws InterruptedException, SQLException {
        switch (fault) {
            case BACKEND_TERMINATED -> server.execute(Listeners.TERMINATE);
            case RESET -> link.cut();
            case STALL_INSIDE_A_MESSAGE -> link.stallInsideMessage(1 + random.nextInt(60));
            case BUS_STOPPED -> {
                bus.stop();
                Thread.sleep(random.nextInt(20));
                bus.start();
            }
            case REFUSED -> {
                link.refuse(true);
                link.cut();
                Thread.sleep(random.nextInt(100));
                link.heal();
            }
            case BLACKHOLE -> {
                link.blackhole(true, random.nextBoolean());
                Thread.sleep(random.nextInt(400));
                link.heal();
            }
            case SERVER_STOPPED_BY_A_SIGNAL -> {
                server.pause();
                Thread.sleep(random.nextInt(700));
                server.resume();
            }
            case SERVER_RESTARTED -> {
                // Sessions that the network lost hold up neither way.
                if (random.nextBoolean()) {
                    server.stop();
                } else {
                    server.kill();
                }
                server.start();
            }
        }
    }

    private static void report(
            Map<Fault, Integer> done,
            long seed,
            List<NumberedReader> readers,
            NumberedWriter writer,
            NotifyBus bus,
            long nanos) {
        BitSet committed = writer.committed();
        long received = 0;
        long gaps = 0;
        long lagged = 0;
        List<String> bad = new ArrayList<>();
        for (NumberedReader reader : readers) {
            NumberedReader.Verdict verdict = reader.judge(committed);
            received += verdict.received();
            gaps += verdict.gaps();
            lagged += verdict.lagged();
            if (!verdict.isGood()) {
                bad.add(String.join(" ", reader.channels()) + ": " + verdict);
            }
        }
        System.out.println("figure: faults " + done + ", seed " + seed + ", " + nanos / 1_000_000 + " ms: sent "
                + committed.cardinality() + " (outcome of " + writer.settled() + " transactions looked up), received "
                + received + " by " + readers.size() + ", generations " + bus.generation() + ", gaps " + gaps
                + ", lagged " + lagged + "; silent gaps 0, duplicates 0, reordered 0, unless this test fails");
        assertEquals(List.of(), bad, "seed " + seed);
        // How much falls into gaps is up to the faults; a run that hears next to nothing proves nothing.
        assertTrue(gaps > readers.size() && received > committed.cardinality() / 4, "hardly anything happened");
    }

    // ---- the same for a loop without generations ----

    @Test
    void aPlainLoopThatReconnectsLosesInSilence() throws Exception {
        SplittableRandom random = new SplittableRandom(1);
        NumberedReader reader = new NumberedReader(NumberedWriter.channels());
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                FaultyLink link = FaultyLink.to(cluster.primary());
                NumberedWriter writer = new NumberedWriter(cluster.primary(), random)) {
            AtomicReference<Connection> session = new AtomicReference<>();
            Thread loop = Thread.ofVirtual().name("plain-loop").start(() -> plainLoop(link, session, reader));
            Await.until("a session", () -> session.get() != null);
            writer.start();
            for (int i = 0; i < 5; i++) {
                long heard = reader.last();
                Await.until("more", () -> reader.last() > heard);
                link.refuse(true);
                link.cut();
                Thread.sleep(50);
                link.heal();
            }
            writer.stop();
            hearTheLast(writer, List.of(reader));
            loop.interrupt();
            assertTrue(loop.join(PATIENCE));
            NumberedReader.Verdict verdict = reader.judge(writer.committed());
            System.out.println("figure: a plain loop after 5 resets: " + verdict);
            assertFalse(verdict.isGood());
            assertTrue(verdict.silent() > 0);
        }
    }

    private static void plainLoop(FaultyLink link, AtomicReference<Connection> session, NumberedReader reader) {
        while (!Thread.currentThread().isInterrupted()) {
            try (Connection connection = link.connect();
                    Statement statement = connection.createStatement()) {
                for (String channel : NumberedWriter.channels()) {
                    statement.execute("LISTEN " + channel);
                }
                session.set(connection);
                PGConnection pg = connection.unwrap(PGConnection.class);
                while (true) {
                    PGNotification[] arrived = pg.getNotifications(250);
                    for (PGNotification one : arrived == null ? new PGNotification[0] : arrived) {
                        reader.number(Long.parseLong(one.getParameter()));
                    }
                }
            } catch (SQLException e) {
                // The way it is mostly written: connect again.
                Thread.yield();
            }
        }
    }
}
