package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.internal.pg.ListenSession;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.MessageCount;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.lang.reflect.Field;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Subscriptions, generations and the life of a bus on a healthy server. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class NotifyBusTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(4).build());
    }

    private static void connected(NotifyBus bus) throws InterruptedException {
        bus.start();
        assertTrue(bus.awaitGeneration(1, PATIENCE));
    }

    private static String next(Subscription subscription) throws InterruptedException {
        return switch (subscription.poll(PATIENCE).orElseThrow()) {
            case Notification one -> one.channel() + " " + one.payload();
            case Gap gap -> "gap " + gap.generation();
            case Lagged lagged -> "lagged " + lagged.missed();
            case Closed closed -> "closed";
        };
    }

    @Test
    void theFirstElementIsAGapAndThenWhatIsSent(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            assertEquals(0, bus.generation());
            connected(bus);
            try (Subscription orders = bus.subscribe("orders")) {
                assertEquals("gap 1", next(orders));
                db.inTransaction(tx -> {
                    NotifyBus.publish(tx.connection(), "orders", "42");
                    return null;
                });
                assertEquals("orders 42", next(orders));
                assertThrows(
                        IllegalStateException.class,
                        () -> db.inTransaction(tx -> {
                            NotifyBus.publish(tx.connection(), "orders", "rolled back");
                            throw new IllegalStateException("on purpose");
                        }));
                bus.publishSoon("orders", "43");
                assertEquals("orders 43", next(orders));
                assertEquals(2, orders.delivered());
                assertEquals(Optional.empty(), orders.poll(Duration.ZERO));
            }
        }
    }

    @Test
    void aSessionThatListensNoMoreFailsItsProbe(TestDatabase database) throws Exception {
        try (Database db = open(database);
                BusSession session = BusSession.open(db.primary(), null)) {
            session.listen(Set.of("a", "b"));
            assertEquals(0, session.probe(), 0.5);
            Field field = BusSession.class.getDeclaredField("session");
            field.setAccessible(true);
            ((ListenSession) field.get(session)).send("UNLISTEN b; SELECT 1");
            String message = assertThrows(SQLException.class, session::probe).getMessage();
            assertEquals("the server does not listen to b in this session any more", message);
        }
    }

    @Test
    void aThousandChannelsAreListenedToAgainInOneRoundTrip(TestDatabase database) throws Exception {
        String[] channels = new String[1_000];
        Arrays.setAll(channels, i -> "channel " + i);
        try (MessageCount wire = new MessageCount(database);
                Database db = Database.open(
                        DatabaseConfig.builder(wire.url()).poolSize(4).build());
                NotifyBus bus = NotifyBus.of(db, channels)) {
            connected(bus);
            wire.take();
            // What it takes to connect, whoever does.
            db.primary().acquireDedicated("nothing").close();
            List<String> connecting = wire.take();
            database.server().execute(Listeners.TERMINATE + " AND datname = '" + database.name() + "'");
            assertTrue(bus.awaitGeneration(2, PATIENCE));
            List<String> all = wire.take();
            assertEquals(connecting, all.subList(0, connecting.size()));
            assertEquals(connecting.size() + 1, all.size(), () -> String.join("\n---\n", all));
            for (String channel : channels) {
                assertTrue(all.getLast().contains("LISTEN \"" + channel + "\";"), channel);
            }
        }
    }

    @Test
    void anUnknownChannelIsAnErrorThatNamesTheKnownOnes(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders", "prices")) {
            String message = assertThrows(IllegalArgumentException.class, () -> bus.subscribe("orders", "nowhere"))
                    .getMessage();
            assertTrue(message.contains("[nowhere]") && message.contains("orders, prices"), message);
            assertEquals(Optional.empty(), bus.trySubscribe(SubscriptionOptions.DEFAULTS, "nowhere"));
            assertTrue(bus.trySubscribe(SubscriptionOptions.DEFAULTS, "prices").isPresent());
            assertThrows(IllegalArgumentException.class, () -> bus.subscribe());
            assertEquals(List.of("orders", "prices"), List.copyOf(bus.channels()));
        }
    }

    @Test
    void twoSubscribersBothGetAllAndOneOfSeveralChannelsInTheOrderOfCommits(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "a", "b")) {
            connected(bus);
            List<Subscription> both = List.of(bus.subscribe("a", "b"), bus.subscribe("b", "a"));
            Subscription signal = bus.subscribe(SubscriptionOptions.signal(), "a", "b");
            for (int i = 0; i < 20; i++) {
                database.execute("NOTIFY " + (i % 3 == 0 ? "a" : "b") + ", '" + i + "'");
            }
            for (Subscription one : both) {
                assertEquals("gap 1", next(one));
                for (int i = 0; i < 20; i++) {
                    assertEquals((i % 3 == 0 ? "a " : "b ") + i, next(one));
                }
            }
            assertEquals("gap 1", next(signal));
            assertEquals("b 19", next(signal));
            assertEquals(Optional.empty(), signal.poll(Duration.ZERO));
        }
    }

    @Test
    void whatNobodySubscribedToIsDroppedAndNoChannelAtAllIsLegal(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db)) {
            connected(bus);
            assertEquals(List.of(), List.copyOf(bus.channels()));
            bus.addChannels("late", "late");
            try (Subscription late = bus.subscribe("late")) {
                assertEquals("gap 1", next(late));
                database.execute("NOTIFY nobody");
                database.execute("NOTIFY late, 'x'");
                assertEquals("late x", next(late));
            }
            database.execute("NOTIFY late, 'y'");
            Await.until("received", () -> bus.stats().received() == 2);
        }
    }

    /** Whoever is interrupted does not wait for the LISTEN, and what commits before that would be missed. */
    @Test
    void whoSubscribesBeforeTheListenIsThroughGetsAGap(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db)) {
            connected(bus);
            // The LISTEN comes within a quarter of a second; one in ten may come before the subscription.
            boolean told = false;
            for (int i = 0; i < 10 && !told; i++) {
                String name = "added" + i;
                bus.addChannels(name);
                Thread.currentThread().interrupt();
                try (Subscription early = bus.subscribe(name)) {
                    assertTrue(Thread.interrupted());
                    assertEquals("subscribed", ((Gap) early.take()).cause());
                    try (Subscription late = bus.subscribe(name)) { // It waits for the LISTEN.
                        assertEquals("gap 1", next(late));
                    }
                    told = early.poll(Duration.ZERO)
                            .filter(next -> next.equals(new Gap(1, "the channel was added", ((Gap) next).since())))
                            .isPresent();
                }
            }
            assertTrue(told);
        }
    }

    @Test
    void eachConnectIsAGenerationAndAGap(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            Subscription orders = bus.subscribe("orders");
            assertEquals("gap 0", next(orders));
            assertFalse(bus.awaitGeneration(1, Duration.ofMillis(1)));
            connected(bus);
            assertEquals("gap 1", next(orders));
            Instant before = Instant.now();
            database.server().execute(Listeners.TERMINATE + " AND datname = '" + database.name() + "'");
            Gap gap = assertInstanceOf(Gap.class, orders.poll(PATIENCE).orElseThrow());
            assertEquals(2, gap.generation());
            assertTrue(gap.cause().contains("terminating connection"), gap.cause());
            assertFalse(gap.since().isAfter(Instant.now()));
            assertEquals(2, bus.generation());
            assertTrue(bus.awaitGeneration(2, PATIENCE));
            BusStats stats = bus.stats();
            assertTrue(stats.isConnected());
            assertFalse(stats.connectedSince() == null || stats.connectedSince().isBefore(before));
        }
    }

    @Test
    @SuppressWarnings("try") // what follows the close is looked at
    void aStopIsAGapSinceTheStop(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            connected(bus);
            Subscription orders = bus.subscribe("orders");
            assertEquals("gap 1", next(orders));
            bus.stop();
            Instant stopped = Instant.now();
            database.execute("NOTIFY orders, 'unheard'");
            Thread.sleep(5); // the clock shall move on
            bus.start();
            Gap gap = assertInstanceOf(Gap.class, orders.poll(PATIENCE).orElseThrow());
            assertEquals("the bus was stopped", gap.cause());
            assertTrue(gap.since().isBefore(stopped), gap.since() + " is after " + stopped);
            bus.close();
            assertEquals("closed", next(orders));
            assertEquals("closed", next(orders));
            Subscription late = bus.subscribe("orders");
            assertEquals("gap 2", next(late));
            assertEquals("closed", next(late));
        }
    }

    @Test
    void aSettingOfTheRoleDoesNotEndTheSession(TestDatabase database) throws Exception {
        String role = "r_" + database.name();
        database.execute("CREATE ROLE " + role + " LOGIN SUPERUSER");
        database.execute("ALTER ROLE " + role + " SET idle_session_timeout = '200ms'");
        database.execute("ALTER ROLE " + role + " SET statement_timeout = '100ms'");
        database.execute("ALTER ROLE " + role + " SET idle_in_transaction_session_timeout = '100ms'");
        String url = database.url().replace("user=" + database.user(), "user=" + role);
        try (Database db = Database.open(DatabaseConfig.builder(url).poolSize(4).build());
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            connected(bus);
            Await.until("a probe", () -> bus.stats().queueUsage() >= 0);
            assertTrue(bus.stats().queueUsage() < 0.01);
            assertEquals(1, bus.generation());
            assertTrue(bus.stats().lastProbe() != null);
        }
        database.execute("DROP ROLE " + role);
    }

    // ---- threads ----

    @Test
    void subscribersOnPlatformAndVirtualThreadsAreInterruptedWithoutLoss(TestDatabase database) throws Exception {
        try (Database db = open(database);
                NotifyBus bus = NotifyBus.of(db, "orders")) {
            connected(bus);
            for (Thread.Builder builder : List.of(Thread.ofPlatform(), Thread.ofVirtual())) {
                Subscription orders = bus.subscribe("orders");
                BlockingQueue<String> got = new ArrayBlockingQueue<>(16);
                CountDownLatch interrupted = new CountDownLatch(1);
                Thread thread = builder.name("subscriber").start(() -> {
                    try {
                        orders.take();
                        orders.take();
                    } catch (InterruptedException e) {
                        interrupted.countDown();
                    }
                    try {
                        orders.forEach(one -> got.add(one.toString()));
                        got.add("the end");
                    } catch (InterruptedException e) {
                        got.add("interrupted");
                    }
                });
                Await.until("it waits", () -> thread.getState() == Thread.State.WAITING);
                thread.interrupt();
                assertTrue(interrupted.await(10, TimeUnit.SECONDS));
                database.execute("NOTIFY orders, 'after'");
                String one = got.poll(10, TimeUnit.SECONDS);
                assertTrue(one != null && one.contains("after"), one);
                orders.close();
                assertEquals("the end", got.poll(10, TimeUnit.SECONDS));
                assertTrue(thread.join(PATIENCE));
            }
        }
    }

    @Test
    void closingTheBusOrTheDatabaseEndsEverySubscription(TestDatabase database) throws Exception {
        List<Subscription> all = new ArrayList<>();
        try (Database db = open(database)) {
            NotifyBus closed = NotifyBus.of(db, "orders");
            connected(closed);
            all.add(closed.subscribe("orders"));
            all.add(closed.subscribe(SubscriptionOptions.signal(), "orders"));
            closed.close();
            closed.close();
            NotifyBus orphan = NotifyBus.of(db, "orders");
            connected(orphan);
            all.add(orphan.subscribe("orders"));
            db.close(Duration.ZERO);
            for (Subscription one : all) {
                assertEquals("gap 1", next(one));
                assertEquals("closed", next(one));
            }
            assertThrows(IllegalStateException.class, () -> closed.publishSoon("orders", ""));
            orphan.close();
        }
    }
}
