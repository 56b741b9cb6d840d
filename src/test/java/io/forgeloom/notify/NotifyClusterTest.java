package io.forgeloom.notify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A bus whose server is restarted, or whose primary becomes another. */
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class NotifyClusterTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int RESTARTS = 5;

    @Test
    void theBusFollowsAPromotionAndHearsNothingOfTheOldPrimary() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            PostgresServer old = cluster.primary();
            PostgresServer promoted = cluster.replicas().getFirst();
            DatabaseConfig config = DatabaseConfig.builder(old.url())
                    .primaryUrls(List.of(promoted.url()))
                    .poolSize(6)
                    .closeTimeout(Duration.ofSeconds(1))
                    .build();
            try (Database db = Database.open(config);
                    NotifyBus bus = NotifyBus.of(db, "orders")) {
                bus.start();
                assertTrue(bus.awaitGeneration(1, PATIENCE));
                Subscription orders = bus.subscribe("orders");
                orders.take();
                promoted.promote();
                long writable = System.nanoTime();
                Gap gap = assertInstanceOf(Gap.class, orders.poll(PATIENCE).orElseThrow());
                long millis = (System.nanoTime() - writable) / 1_000_000;
                System.out.println("figure: promotion: the bus follows after " + millis + " ms: " + gap);
                assertTrue(bus.awaitGeneration(2, PATIENCE));
                assertTrue(gap.cause().contains("is the primary no more"), gap.cause());
                assertTrue(millis < 3_500, millis + " ms");
                old.execute("NOTIFY orders, 'old'");
                promoted.execute("NOTIFY orders, 'new'");
                assertEquals("new", heard(orders));
                bus.publishSoon("orders", "soon");
                assertEquals("soon", heard(orders));
            }
        }
    }

    private static String heard(Subscription subscription) throws InterruptedException {
        return assertInstanceOf(Notification.class, subscription.poll(PATIENCE).orElseThrow())
                .payload();
    }

    @Test
    void aThousandChannelsAreListenedToSoonAfterARestart() throws Exception {
        String[] channels = thousandChannels();
        long[] millis = new long[RESTARTS];
        long[] bare = new long[RESTARTS];
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                Database db =
                        Database.open(DatabaseConfig.builder(cluster.primary().url())
                                .poolSize(4)
                                .build())) {
            for (int i = 0; i < RESTARTS; i++) {
                // A bus for each: one that loses its session every second would wait longer each time.
                try (NotifyBus bus = NotifyBus.of(db, channels)) {
                    bus.start();
                    assertTrue(bus.awaitGeneration(1, PATIENCE));
                    Subscription last = bus.subscribe(channels[999]);
                    last.take();
                    cluster.primary().restart();
                    long accepts = System.nanoTime();
                    assertTrue(bus.awaitGeneration(2, PATIENCE));
                    millis[i] = (System.nanoTime() - accepts) / 1_000_000;
                    assertInstanceOf(Gap.class, last.poll(PATIENCE).orElseThrow());
                    cluster.primary().execute("NOTIFY \"channel 999\", 'x'");
                    assertEquals("x", heard(last));
                    bus.stop();
                    long begun = System.nanoTime();
                    bus.start();
                    assertTrue(bus.awaitGeneration(3, PATIENCE));
                    bare[i] = (System.nanoTime() - begun) / 1_000_000;
                }
            }
        }
        Arrays.sort(millis);
        Arrays.sort(bare);
        System.out.println("figure: 1,000 channels, listened to so many ms after a restarted server accepted: "
                + Arrays.toString(millis) + "; without a restart: " + Arrays.toString(bare));
        assertTrue(millis[RESTARTS / 2] <= 150, "after a restart: " + Arrays.toString(millis));
        assertTrue(bare[RESTARTS / 2] <= 150, "after a start: " + Arrays.toString(bare));
    }

    private static String[] thousandChannels() {
        String[] channels = new String[1_000];
        Arrays.setAll(channels, i -> "channel " + i);
        return channels;
    }
}
