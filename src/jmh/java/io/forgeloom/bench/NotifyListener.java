package io.forgeloom.bench;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import io.forgeloom.notify.SubscriptionOptions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Whoever gets notifications whose payload is the {@link System#nanoTime()} of their sending, then a colon and anything
 * that makes it unlike others. One thread gets them, another asks.
 */
abstract class NotifyListener implements AutoCloseable {

    static final String CHANNEL = "bench";

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** Written by the receiving thread before {@code count}. */
    private final long[] latencies = new long[1 << 20];

    private long lastNanos;
    private final AtomicLong count = new AtomicLong();
    private final AtomicLong lagged = new AtomicLong();

    /** The bus and one subscriber; the time is taken by the subscriber's thread. */
    static NotifyListener bus(String url, int buffer) throws InterruptedException {
        Database database =
                Database.open(DatabaseConfig.builder(url).poolSize(2).build());
        return new OnBus(database, buffer);
    }

    /** The floor: a thread that blocks in the driver and takes the time there; it reconnects to nothing and probes nothing. */
    static NotifyListener bare(String url) throws SQLException {
        return new Bare(url);
    }

    /** Of the receiving thread. */
    final void arrived(String payload) {
        long now = System.nanoTime();
        int index = (int) count.get();
        lastNanos = now;
        latencies[index % latencies.length] = now - Long.parseLong(payload, 0, payload.indexOf(':'), 10);
        count.setRelease(index + 1);
    }

    final void missed(long notifications) {
        lagged.addAndGet(notifications);
    }

    /** Forgets what came so far; while nothing is under way. */
    final void reset() {
        count.set(0);
    }

    /** Waits until so many have come since the reset. */
    final void await(long expected) throws InterruptedException {
        long begun = System.nanoTime();
        while (count.getAcquire() < expected) {
            if (System.nanoTime() - begun > PATIENCE.toNanos()) {
                throw new IllegalStateException(count + " of " + expected + " notifications came within "
                        + PATIENCE.toSeconds() + " s; lagged " + lagged);
            }
            Thread.sleep(1);
        }
    }

    /** What came since the reset, in nanoseconds. */
    final long[] latencies() {
        return Arrays.copyOf(latencies, (int) Math.min(latencies.length, count.getAcquire()));
    }

    /** {@link System#nanoTime()} at which the last one came. */
    final long lastNanos() {
        return lastNanos;
    }

    final long lagged() {
        return lagged.get();
    }

    private static final class OnBus extends NotifyListener {

        private final Database database;
        private final NotifyBus bus;
        private final Thread thread;

        OnBus(Database database, int buffer) throws InterruptedException {
            this.database = database;
            bus = NotifyBus.of(database, CHANNEL);
            bus.start();
            if (!bus.awaitGeneration(1, PATIENCE)) {
                throw new IllegalStateException("the bus did not connect");
            }
            Subscription subscription = bus.subscribe(SubscriptionOptions.stream(buffer), CHANNEL);
            thread = Thread.ofVirtual().name("bench-subscriber").start(() -> take(subscription));
        }

        private void take(Subscription subscription) {
            try {
                Delivery next = subscription.take();
                while (!(next instanceof Closed)) {
                    if (next instanceof Notification sent) {
                        arrived(sent.payload());
                    } else if (next instanceof Lagged some) {
                        missed(some.missed());
                    }
                    next = subscription.take();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void close() throws InterruptedException {
            bus.close();
            thread.join();
            database.close();
        }
    }

    private static final class Bare extends NotifyListener {

        private final Connection connection;
        private final Thread thread;
        private volatile boolean closing;

        Bare(String url) throws SQLException {
            connection = DriverManager.getConnection(url);
            try (Statement statement = connection.createStatement()) {
                statement.execute("LISTEN " + CHANNEL);
            }
            thread = Thread.ofVirtual().name("bench-bare").start(this::take);
        }

        private void take() {
            try {
                PGConnection session = connection.unwrap(PGConnection.class);
                while (!closing) {
                    for (PGNotification sent : session.getNotifications(0)) {
                        arrived(sent.getParameter());
                    }
                }
            } catch (SQLException e) {
                if (!closing) {
                    throw new IllegalStateException("the bare loop failed", e);
                }
            }
        }

        @Override
        public void close() throws SQLException, InterruptedException {
            closing = true;
            connection.abort(Runnable::run);
            thread.join();
        }
    }
}
