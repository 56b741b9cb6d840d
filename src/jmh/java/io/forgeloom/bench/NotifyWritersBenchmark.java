package io.forgeloom.bench;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import io.forgeloom.notify.SubscriptionOptions;
import io.forgeloom.testing.PostgresCluster;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What notifying costs writers: 16 of them, each a virtual thread that inserts a row in a transaction and begins the next, on
 * an embedded server with {@code fsync=on}. In turns, in a random order: no notification; {@code publishSoon} in the
 * transaction, with a payload that no other has, and always the same one; {@code publish}, which is NOTIFY in the transaction. Throughput is compared with that of the same round
 * without; delivery is from the call to {@code take()}, the commit included.
 *
 * <pre>{@code
 * ./forge bench notify-writers        # 60 s
 * ./forge bench notify-writers 300
 * }</pre>
 */
public final class NotifyWritersBenchmark {

    private static final int WRITERS = 16;
    private static final Duration TURN = Duration.ofSeconds(1);
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int WARMUP_ROUNDS = 3;
    private static final String CHANNEL = "rows";

    private static final String NOTIFY = "NOTIFY in the transaction";
    private static final String WITHOUT = "no notification";
    private static final String OF_WITHOUT = "× the throughput without";

    /** Without a time: many become one. */
    private static final String WAKE_UP = "rows";

    private enum Way {
        NONE,
        PUBLISH_SOON,
        SAME_WAKE_UP_SOON,
        NOTIFY_IN_TRANSACTION
    }

    private final Database database;
    private final NotifyBus bus;

    /** Of the turn that is measured; its own thread is the subscriber's, and it is read when all have come. */
    private volatile Waits waits = new Waits();

    private final AtomicLong received = new AtomicLong();
    private final AtomicLong lagged = new AtomicLong();

    private NotifyWritersBenchmark(Database database, NotifyBus bus) {
        this.database = database;
        this.bus = bus;
    }

    public static void main(String[] args) throws Exception {
        Duration time = Duration.ofSeconds(args.length == 0 ? 60 : Integer.parseInt(args[0]));
        try (PostgresCluster cluster = PostgresCluster.builder().durable(true).start();
                Database database =
                        Database.open(DatabaseConfig.builder(cluster.primary().url())
                                .poolSize(WRITERS + 4)
                                .slowStatementThreshold(Duration.ZERO)
                                .build());
                NotifyBus bus = NotifyBus.of(database, CHANNEL)) {
            cluster.primary().execute("CREATE TABLE written (id bigint GENERATED ALWAYS AS IDENTITY, writer int)");
            bus.start();
            if (!bus.awaitGeneration(1, PATIENCE)) {
                throw new IllegalStateException("the bus did not connect");
            }
            new NotifyWritersBenchmark(database, bus).run(time);
        }
    }

    private void run(Duration time) throws InterruptedException {
        Subscription subscription = bus.subscribe(SubscriptionOptions.stream(1 << 16), CHANNEL);
        Thread subscriber = Thread.ofVirtual().name("bench-subscriber").start(() -> take(subscription));
        for (int i = 0; i < WARMUP_ROUNDS; i++) {
            round(new EnumMap<>(Way.class));
        }
        Map<Way, Waits> delivery = new EnumMap<>(Way.class);
        Map<Way, List<Double>> throughput = new EnumMap<>(Way.class);
        Quotients soon = new Quotients();
        Quotients same = new Quotients();
        Quotients inTransaction = new Quotients();
        for (long begun = System.nanoTime(); System.nanoTime() - begun < time.toNanos(); ) {
            Map<Way, Double> round = round(delivery);
            round.forEach((way, value) ->
                    throughput.computeIfAbsent(way, key -> new ArrayList<>()).add(value));
            double none = round.getOrDefault(Way.NONE, 0.0);
            soon.add(round.getOrDefault(Way.PUBLISH_SOON, 0.0) / none);
            same.add(round.getOrDefault(Way.SAME_WAKE_UP_SOON, 0.0) / none);
            inTransaction.add(round.getOrDefault(Way.NOTIFY_IN_TRANSACTION, 0.0) / none);
        }
        subscription.close();
        subscriber.join();
        throughput.forEach((way, values) -> print(way, values, delivery.getOrDefault(way, new Waits())));
        System.out.println("publishSoon ÷ none, throughput of a round: " + soon);
        System.out.println("publishSoon of one wake-up ÷ none, throughput of a round: " + same);
        System.out.println("NOTIFY in the transaction ÷ none, throughput of a round: " + inTransaction);
        System.out.println(
                "lagged: " + lagged + ", wake-ups dropped: " + bus.stats().dropped());
        record(throughput, delivery);
        Figures.row("throughput, other payloads", OF_WITHOUT, Better.MORE)
                .ours(soon.spread())
                .peer(NOTIFY, inTransaction.spread())
                .floor(WITHOUT, Spread.exactly(1));
        Figures.row("throughput, one wake-up", OF_WITHOUT, Better.MORE)
                .ours(same.spread())
                .floor(WITHOUT, Spread.exactly(1));
    }

    private static void record(Map<Way, List<Double>> throughput, Map<Way, Waits> delivery) {
        Figures.row("transactions, other payloads", "transactions/s", Better.MORE)
                .ours(Spread.of(throughput.getOrDefault(Way.PUBLISH_SOON, List.of())))
                .peer(NOTIFY, Spread.of(throughput.getOrDefault(Way.NOTIFY_IN_TRANSACTION, List.of())))
                .floor(WITHOUT, Spread.of(throughput.getOrDefault(Way.NONE, List.of())));
        Waits soon = delivery.getOrDefault(Way.PUBLISH_SOON, new Waits());
        Waits inTransaction = delivery.getOrDefault(Way.NOTIFY_IN_TRANSACTION, new Waits());
        Map<String, Double> quantiles = new LinkedHashMap<>();
        quantiles.put("p50", 0.5);
        quantiles.put("p99", 0.99);
        quantiles.put("longest", 1.0);
        quantiles.forEach((name, quantile) -> Figures.row("delivery, " + name, "ms", Better.LESS)
                .ours(Spread.exactly(soon.quantile(quantile) / 1e6))
                .peer(NOTIFY, Spread.exactly(inTransaction.quantile(quantile) / 1e6)));
    }

    private static void print(Way way, List<Double> throughput, Waits delivery) {
        System.out.printf(Locale.ROOT, "%-22s %,8.0f transactions/s", way, Quotients.median(throughput));
        if (delivery.longest() > 0) {
            System.out.printf(
                    Locale.ROOT,
                    "; delivery p50 %.1f ms, p99 %.1f ms, longest %.1f ms",
                    delivery.quantile(0.5) / 1e6,
                    delivery.quantile(0.99) / 1e6,
                    delivery.longest() / 1e6);
        }
        System.out.println();
    }

    /** Each way once; transactions a second. */
    private Map<Way, Double> round(Map<Way, Waits> delivery) throws InterruptedException {
        List<Way> order = new ArrayList<>(List.of(Way.values()));
        Collections.shuffle(order);
        Map<Way, Double> throughput = new EnumMap<>(Way.class);
        for (Way way : order) {
            waits = new Waits();
            received.set(0);
            throughput.put(way, turn(way));
            delivery.computeIfAbsent(way, key -> new Waits()).add(waits);
        }
        return throughput;
    }

    private double turn(Way way) throws InterruptedException {
        AtomicLong committed = new AtomicLong();
        long begun = System.nanoTime();
        List<Thread> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            int writer = i;
            writers.add(Thread.ofVirtual().name("bench-writer-" + i).start(() -> {
                while (System.nanoTime() - begun < TURN.toNanos()) {
                    write(way, writer);
                    committed.incrementAndGet();
                }
            }));
        }
        for (Thread writer : writers) {
            writer.join();
        }
        double throughput = committed.get() * 1e9 / (System.nanoTime() - begun);
        boolean eachArrives = way == Way.PUBLISH_SOON || way == Way.NOTIFY_IN_TRANSACTION;
        while (eachArrives && received.get() < committed.get()) {
            if (System.nanoTime() - begun > PATIENCE.toNanos()) {
                throw new IllegalStateException(received + " of " + committed + " came; lagged " + lagged);
            }
            Thread.sleep(1);
        }
        return throughput;
    }

    private void write(Way way, int writer) {
        database.inTransaction(transaction -> {
            try (PreparedStatement insert =
                    transaction.connection().prepareStatement("INSERT INTO written (writer) VALUES (?)")) {
                insert.setInt(1, writer);
                insert.executeUpdate();
            }
            String payload = System.nanoTime() + ":" + writer;
            switch (way) {
                case NONE -> {}
                case SAME_WAKE_UP_SOON -> bus.publishSoon(CHANNEL, WAKE_UP);
                case PUBLISH_SOON -> bus.publishSoon(CHANNEL, payload);
                case NOTIFY_IN_TRANSACTION -> NotifyBus.publish(transaction.connection(), CHANNEL, payload);
            }
            return null;
        });
    }

    private void take(Subscription subscription) {
        try {
            for (Delivery next = subscription.take(); !(next instanceof Closed); next = subscription.take()) {
                if (next instanceof Notification sent && !sent.payload().equals(WAKE_UP)) {
                    String payload = sent.payload();
                    waits.add(System.nanoTime() - Long.parseLong(payload, 0, payload.indexOf(':'), 10));
                    received.incrementAndGet();
                } else if (next instanceof Lagged some) {
                    lagged.addAndGet(some.missed());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
