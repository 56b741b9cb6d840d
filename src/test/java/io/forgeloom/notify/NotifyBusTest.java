package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;

@WithDatabase(expectNoConnections = true)
class NotifyBusTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @Test
    void aSubscriberGetsTheGapFirstAndThenWhatIsSent(TestDatabase database) throws Exception {
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(4).build());
                NotifyBus bus = NotifyBus.of(db, "orders", "Prices \"x\"")) {
            assertEquals(0, bus.generation());
            bus.start();
            assertTrue(bus.awaitGeneration(1, PATIENCE));
            Subscription orders = bus.subscribe("orders");
            assertInstanceOf(Gap.class, orders.take());
            db.inTransaction(tx -> {
                NotifyBus.publish(tx.connection(), "orders", "42");
                return null;
            });
            Delivery first = orders.poll(PATIENCE).orElseThrow();
            assertEquals("42", assertInstanceOf(Notification.class, first).payload());
            bus.publishSoon("orders", "43");
            assertEquals(
                    "43",
                    assertInstanceOf(Notification.class, orders.poll(PATIENCE).orElseThrow())
                            .payload());
            database.server()
                    .execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_listening_channels%' AND pid <> pg_backend_pid()");
            Delivery gap = orders.poll(PATIENCE).orElseThrow();
            System.out.println(gap);
            assertTrue(bus.awaitGeneration(2, PATIENCE));
            System.out.println(bus.stats());
            bus.addChannels("more");
            try (Subscription more = bus.subscribe("more", "orders")) {
                System.out.println(more.take());
                bus.publishSoon("more", "1");
                System.out.println(more.poll(PATIENCE));
            }
            bus.stop();
            bus.start();
            System.out.println(orders.take());
        }
    }
}
