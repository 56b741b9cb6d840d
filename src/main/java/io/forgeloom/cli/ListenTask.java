package io.forgeloom.cli;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Delivery;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What {@code forge listen} does; an interrupt ends it, with all closed. Run once, read after it was joined. */
final class ListenTask implements Runnable {

    private final DatabaseConfig config;
    private final List<String> channels;
    private final Function<Delivery, String> format;
    private final PrintWriter out;
    private @Nullable RuntimeException failure;

    ListenTask(DatabaseConfig config, List<String> channels, Function<Delivery, String> format, PrintWriter out) {
        this.config = config;
        this.channels = List.copyOf(channels);
        this.format = format;
        this.out = out;
    }

    /** Throws what it failed with, if it did. */
    void requireSuccess() {
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public void run() {
        try (Database database = Database.open(config);
                NotifyBus bus = NotifyBus.of(database, channels.toArray(String[]::new))) {
            listen(bus);
        } catch (CancellationException e) {
            // Stopped while it connected.
            failure = null;
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    /** The interrupt ends in here, so that what follows, which closes all, is not hurried by it. */
    private void listen(NotifyBus bus) {
        try {
            bus.start();
            // So that the first gap is the only one, and comes when all is set up.
            Duration patience = config.connectTimeout();
            if (!bus.awaitGeneration(1, patience)) {
                throw new DeadlineExceededException(
                        "no session that listens within " + patience.toSeconds() + " s; forge doctor may say why",
                        patience,
                        null);
            }
            try (Subscription subscription = bus.subscribe(channels.toArray(String[]::new))) {
                print(subscription);
            }
        } catch (InterruptedException e) {
            // The usual end: SIGINT or SIGTERM.
            return;
        }
    }

    private void print(Subscription subscription) throws InterruptedException {
        for (Delivery next = subscription.take(); !(next instanceof Closed); next = subscription.take()) {
            out.println(format.apply(next));
            if (out.checkError()) { // flushes, and is true once nobody reads any more
                return;
            }
        }
    }
}
