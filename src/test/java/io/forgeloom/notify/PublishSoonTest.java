package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Wake-ups that are sent a little later: which, how often, and when the database has no time for them. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PublishSoonTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static Database open(TestServer server, int poolSize) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(poolSize)
                .closeTimeout(Duration.ofSeconds(1))
                .build());
    }

    private static NotifyBus started(Database db) throws InterruptedException {
        NotifyBus bus = NotifyBus.of(db, BusTiming.DEFAULTS.dividedBy(4), "jobs");
        bus.start();
        assertTrue(bus.awaitGeneration(1, PATIENCE));
        return bus;
    }

    private static Subscription subscribed(NotifyBus bus) throws InterruptedException {
        Subscription jobs = bus.subscribe(SubscriptionOptions.stream(100_000), "jobs");
        assertInstanceOf(Gap.class, jobs.take());
        return jobs;
    }

    /** The payloads until {@code last}, which is the fence behind all that was to come. */
    private static List<String> until(String last, Subscription jobs) throws InterruptedException {
        List<String> payloads = new ArrayList<>();
        while (true) {
            Delivery next = jobs.poll(PATIENCE).orElseThrow();
            if (next instanceof Notification one) {
                if (one.payload().equals(last)) {
                    return payloads;
                }
                payloads.add(one.payload());
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void manyAtOnceAreFewTransactionsAndTheSameOnesAreOne(TestDatabase database) throws Exception {
        try (Database db = open(database, 4);
                NotifyBus bus = started(db)) {
            Subscription jobs = subscribed(bus);
            long transactions = commits(database);
            for (int i = 0; i < 1_000; i++) {
                bus.publishSoon("jobs", "same");
                bus.publishSoon("jobs", "of 10: " + i % 10);
            }
            bus.publishSoon("jobs", "the end");
            List<String> got = until("the end", jobs);
            long took = commits(database) - transactions;
            System.out.println("figure: publishSoon: 2,001 wake-ups were " + (got.size() + 1)
                    + " notifications in about " + took + " transactions");
            assertTrue(got.size() >= 11 && got.size() <= 200, got.size() + " notifications");
            assertTrue(bus.stats().sent() == got.size() + 1, bus.stats().toString());
            assertTrue(took < 60, took + " transactions");
        }
    }

    private static long commits(TestDatabase database) throws SQLException, InterruptedException {
        // Backends report what they did now and then, at the latest when they have been idle for a moment.
        Thread.sleep(1_200);
        return Long.parseLong(String.valueOf(database.server()
                .query("SELECT xact_commit FROM pg_stat_database WHERE datname = '" + database.name() + "'")));
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void insideOfATransactionItIsSentAfterTheCommitOrNotAtAll(TestDatabase database) throws Exception {
        try (Database db = open(database, 4);
                NotifyBus bus = started(db)) {
            Subscription jobs = subscribed(bus);
            db.inTransaction(tx -> {
                bus.publishSoon("jobs", "committed");
                assertThrows(
                        IllegalStateException.class,
                        () -> tx.withSavepoint(again -> {
                            bus.publishSoon("jobs", "savepoint rolled back");
                            throw new IllegalStateException("on purpose");
                        }));
                assertEquals(0, bus.stats().pending());
                Thread.sleep(20); // four times as long as it gathers
                assertEquals(Optional.empty(), jobs.poll(Duration.ZERO));
                return null;
            });
            assertThrows(
                    IllegalStateException.class,
                    () -> db.inTransaction(tx -> {
                        bus.publishSoon("jobs", "rolled back");
                        throw new IllegalStateException("on purpose");
                    }));
            db.inTransaction(tx -> {
                bus.publishSoon("jobs", "attempt " + tx.attempt());
                if (tx.attempt() < 3) {
                    throw new SQLException("on purpose", "40001");
                }
                return null;
            });
            until("attempt 3", jobs).forEach(payload -> assertEquals("committed", payload));
            bus.publishSoon("jobs", "the end");
            assertEquals(List.of(), until("the end", jobs));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aFullPoolDelaysItAndNeverTheCaller(TestDatabase database) throws Exception {
        try (Database db = open(database, 4);
                NotifyBus bus = started(db)) {
            Subscription jobs = subscribed(bus);
            List<Connection> held = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                held.add(db.primary().acquire());
            }
            long worst = 0;
            for (int i = 0; i < 1_000; i++) {
                long begun = System.nanoTime();
                bus.publishSoon("jobs", "" + i);
                worst = Math.max(worst, System.nanoTime() - begun);
            }
            assertEquals(Optional.empty(), jobs.poll(Duration.ofMillis(200)));
            assertTrue(bus.stats().pending() > 0 || bus.stats().sent() == 0);
            for (Connection connection : held) {
                connection.close();
            }
            assertEquals(999, until("999", jobs).size());
            System.out.println("figure: publishSoon with a full pool: " + worst / 1_000 + " us at most of 1,000 calls");
            // A pause of the machine is no fault of the bus; one wait for a connection would be seconds.
            assertTrue(worst < 100_000_000, worst + " ns");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whatTheServerMissedComesWhenItIsBackAndABoundHolds(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link, 4);
                NotifyBus bus = started(db)) {
            Subscription jobs = subscribed(bus);
            link.refuse(true);
            link.cut();
            Await.until("it is gone", () -> !bus.stats().isConnected());
            int most = SoonSender.MOST_PENDING;
            for (int i = 0; i < most + 10; i++) {
                bus.publishSoon("jobs", "" + i);
            }
            // One batch may be under way, and out of the count.
            Await.until("all wait", () -> bus.stats().pending() >= most);
            long dropped = bus.stats().dropped();
            assertTrue(dropped <= 10 && bus.stats().pending() <= most + SoonSender.MOST_AT_ONCE);
            // The same again is no more.
            bus.publishSoon("jobs", "0");
            link.heal();
            Await.until("it listens", PATIENCE, () -> bus.stats().isConnected());
            Await.until(
                    "all are sent",
                    PATIENCE,
                    () -> bus.stats().pending() == 0 && bus.stats().sent() >= most);
            Set<String> got = new TreeSet<>();
            bus.publishSoon("jobs", "the end");
            got.addAll(until("the end", jobs));
            // Those that were sent before the bus listened again are in the gap.
            System.out.println("figure: after an outage " + bus.stats().sent() + " wake-ups sent, " + got.size()
                    + " of them heard, " + dropped + " dropped");
            assertTrue(bus.stats().sent() >= most);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void oneThatTheServerCannotTakeStopsNoOther(TestDatabase database) throws Exception {
        String latin = database.name() + "_latin";
        database.server().execute("CREATE DATABASE " + latin + " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url(latin)).poolSize(4).build());
                NotifyBus bus = started(db)) {
            Subscription jobs = subscribed(bus);
            bus.publishSoon("jobs", "é");
            bus.publishSoon("jobs", "東");
            bus.publishSoon("jobs", "the end");
            assertEquals(List.of("é"), until("the end", jobs));
            Await.until("dropped", () -> bus.stats().dropped() == 1);
        }
        database.server().execute("DROP DATABASE " + latin + " WITH (FORCE)");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void closeSendsWhatWaits(TestDatabase database) throws Exception {
        try (Database db = open(database, 4);
                NotifyBus listener = started(db)) {
            Subscription jobs = subscribed(listener);
            for (int i = 0; i < 20; i++) {
                NotifyBus bus = NotifyBus.of(db);
                if (i % 2 == 0) {
                    bus.start();
                }
                bus.publishSoon("jobs", "last words " + i);
                bus.close();
                until("last words " + i, jobs);
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    @SuppressWarnings("try") // what follows the close is looked at
    void closeGivesUpOnADatabaseThatIsGone(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database);
                Database db = open(link, 4);
                NotifyBus bus = started(db)) {
            link.blackhole(true, true);
            bus.publishSoon("jobs", "never");
            long begun = System.nanoTime();
            bus.close();
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(millis < 2_500, millis + " ms");
            assertEquals(0, bus.stats().sent());
        }
    }
}
