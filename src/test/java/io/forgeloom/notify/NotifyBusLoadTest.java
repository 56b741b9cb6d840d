package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The bus under a stream that does not pause. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
class NotifyBusLoadTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** Longer than the watch lets the driver be, so that the session would be cut. */
    private static final Duration LOAD = Duration.ofMillis(2_500);

    /** The driver returns what it has only once none has come for a millisecond. */
    @Test
    void notificationsThatNeverPauseArriveAtOnceAndDoNotCostTheSession(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "ticks")) {
            Subscription ticks = listening(bus);
            FutureTask<Long> sender = new FutureTask<>(() -> sendWithoutAPause(database));
            Thread.ofVirtual().name("ticks").start(sender);
            List<Long> took = new ArrayList<>();
            while (!sender.isDone() || took.size() < sender.get()) {
                Optional<Delivery> next = ticks.poll(Duration.ofMillis(100)); // the sender may just be through
                if (next.isPresent()) {
                    Notification tick = assertInstanceOf(Notification.class, next.get());
                    took.add(System.nanoTime() - Long.parseLong(tick.payload()));
                }
            }
            Collections.sort(took);
            long median = took.get(took.size() / 2) / 1_000;
            System.out.printf("figure: %d notifications without a pause, median %d µs%n", took.size(), median);
            assertTrue(median < 5_000, () -> "half of them took " + median + " µs and more");
            assertEquals(1, bus.generation());
        }
    }

    /** Millions in one transaction are more than the driver hands on within its time; bytes that come are a sign of life. */
    @Test
    void hugeTransactionIsCountedAndDoesNotCostTheSession(TestDatabase database) throws Exception {
        int sent = 1_500_000;
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, BusTiming.DEFAULTS.dividedBy(5), "ticks")) {
            Subscription ticks = listening(bus);
            try (Connection connection = database.connect();
                    Statement statement = connection.createStatement()) {
                statement.execute("SELECT count(pg_notify('ticks', n::text)) FROM generate_series(1, " + sent + ") n");
                statement.execute("SELECT pg_notify('ticks', 'last')");
            }
            long seen = 0;
            String last = "";
            while (!last.equals("last")) {
                switch (ticks.poll(PATIENCE).orElseThrow()) {
                    case Notification tick -> {
                        seen++;
                        last = tick.payload();
                    }
                    case Lagged lagged -> seen += lagged.missed();
                    case Gap gap -> throw new AssertionError("the session was lost: " + gap);
                    case Closed closed -> throw new AssertionError(closed.toString());
                }
            }
            assertEquals(sent + 1, seen);
            assertEquals(1, bus.generation());
        }
    }

    /** To thousands of subscribers: no byte comes meanwhile, and nobody waits for one. */
    @Test
    void aBatchThatTakesLongToHandOnDoesNotCostTheSession(TestDatabase database) throws Exception {
        int sent = 6_000;
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, BusTiming.DEFAULTS.dividedBy(5), "ticks", "others")) {
            Subscription ticks = listening(bus);
            for (int i = 0; i < 2_000; i++) {
                // Of two channels: then each has a ring of its own.
                Subscription unused = bus.subscribe("ticks", "others");
            }
            database.execute("SELECT count(pg_notify('ticks', n::text)) FROM generate_series(1, " + sent + ") n");
            long begun = System.nanoTime();
            for (int i = 1; i <= sent; i++) {
                assertInstanceOf(Notification.class, ticks.poll(PATIENCE).orElseThrow());
            }
            long millis = (System.nanoTime() - begun) / 1_000_000;
            System.out.println("figure: " + sent + " notifications to 2,000 rings took " + millis + " ms");
            // A session that was cut meanwhile is missed at once.
            assertFalse(bus.awaitGeneration(2, Duration.ofMillis(100)));
            assertTrue(bus.stats().isConnected());
        }
    }

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(2).build());
    }

    private static Subscription listening(NotifyBus bus) throws InterruptedException {
        bus.start();
        assertTrue(bus.awaitGeneration(1, PATIENCE));
        Subscription ticks = bus.subscribe(SubscriptionOptions.stream(1 << 16), "ticks");
        assertInstanceOf(Gap.class, ticks.take());
        return ticks;
    }

    private static long sendWithoutAPause(TestDatabase database) throws SQLException {
        long count = 0;
        try (Connection connection = database.connect();
                PreparedStatement send = connection.prepareStatement("SELECT pg_notify('ticks', ?)")) {
            for (long begun = System.nanoTime(); System.nanoTime() - begun < LOAD.toNanos(); count++) {
                send.setString(1, Long.toString(System.nanoTime()));
                send.execute();
            }
        }
        return count;
    }
}
