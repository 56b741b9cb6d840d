package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.error.ForgeException;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.Gap;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import io.forgeloom.notify.SubscriptionOptions;
import java.sql.PreparedStatement;
import java.util.concurrent.atomic.AtomicLong;

/** One publisher, whose notifications are numbered and stored, and two subscribers, of which one is slow. */
final class BusUsers {

    private static final int SLOW_BUFFER = 8;
    private static final long NAP_MILLIS = 1_500;
    private static final int NAP_AFTER = 150;

    private final Forge forge;
    private final Teller teller;
    private final AtomicLong numbers = new AtomicLong();

    BusUsers(Forge forge, Teller teller) {
        this.forge = forge;
        this.teller = teller;
    }

    /** For one thread, so that its numbers commit in their order. */
    void publish() throws InterruptedException {
        long n = numbers.incrementAndGet();
        long begin = System.nanoTime();
        try {
            forge.database().inTransaction(transaction -> {
                try (PreparedStatement insert = transaction
                        .connection()
                        .prepareStatement("INSERT INTO public.chaos_sent (node, n) VALUES (?, ?)")) {
                    insert.setString(1, teller.node());
                    insert.setLong(2, n);
                    insert.executeUpdate();
                }
                NotifyBus.publish(transaction.connection(), ChaosSchema.ORDERED, teller.node() + "/" + n);
                return n;
            });
            teller.tell("sent", "n", n, "begin", begin);
        } catch (ForgeException e) {
            teller.tell("unsent", "n", n, "begin", begin);
            // If the server is still at it, the next one must not overtake.
            Thread.sleep(500);
        }
    }

    void subscribe() {
        listen("fast", forge.bus().subscribe(ChaosSchema.ORDERED, ChaosSchema.SOON));
        listen("slow", forge.bus().subscribe(SubscriptionOptions.stream(SLOW_BUFFER), ChaosSchema.ORDERED));
    }

    /** Until the bus is closed. */
    private void listen(String name, Subscription subscription) {
        teller.tell("subscribed", "sub", name);
        Thread.ofVirtual().name("chaos-listen-" + name).start(() -> {
            try {
                long got = 0;
                for (Delivery next = subscription.take(); !(next instanceof Closed); next = subscription.take()) {
                    hear(name, next);
                    if (name.equals("slow") && ++got % NAP_AFTER == 0) {
                        Thread.sleep(NAP_MILLIS);
                    }
                }
                teller.tell("closed", "sub", name);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    private void hear(String name, Delivery element) {
        switch (element) {
            case Notification got -> {
                String event = got.channel().equals(ChaosSchema.ORDERED) ? "got" : "soon";
                teller.tell(event, "sub", name, "what", got.payload());
            }
            case Gap gap -> teller.tell("gap", "sub", name, "cause", Line.sentence(gap.cause()));
            case Lagged lagged -> teller.tell("lagged", "sub", name, "missed", lagged.missed());
            case Closed closed -> {}
        }
    }
}
