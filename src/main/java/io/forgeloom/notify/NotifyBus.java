package io.forgeloom.notify;

import io.forgeloom.database.Database;
import io.forgeloom.database.Transaction;
import io.forgeloom.internal.concurrent.Deadline;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * LISTEN and NOTIFY for a whole process over one session, which reconnects. Subscribers get each notification in the order
 * of commits, or are told in their own stream where and how many they missed.
 *
 * <p>Made with its channels; {@link #addChannels} adds more. {@link #start()} returns at once; {@link #awaitGeneration}
 * waits for the first connect. {@link #stop()} keeps the subscriptions, and a later start goes on with a {@link Gap} in
 * each; {@link #close()} ends them. The database must stay open for longer than the bus.
 *
 * <p>Notifying is part of the caller's transaction with {@link #publish}: it costs that a cluster-wide lock and the group
 * commit. {@link #publishSoon} is for wake-ups: sent a few milliseconds after the commit, many at once, by a thread of the
 * bus; lost if the process dies before.
 *
 * <p>Safe for use by many threads.
 */
public final class NotifyBus implements AutoCloseable {

    /** How long a subscription waits for the LISTEN of a channel that was just added. */
    private static final Duration LISTEN_PATIENCE = Duration.ofSeconds(2);

    private final Database database;
    private final Channels channels = new Channels();
    private final BusLoop loop;
    private final SoonSender sender;

    private NotifyBus(Database database, BusTiming timing, List<String> names) {
        this.database = database;
        this.sender = new SoonSender(database.primary());
        this.loop = new BusLoop(database.primary(), channels, sender, timing);
        channels.add(names);
    }

    /**
     * A bus that is not started.
     *
     * @param database whose primary it listens on
     * @param channels 1 to 63 bytes of UTF-8 each; may be empty
     * @throws IllegalArgumentException if a name is not so
     */
    public static NotifyBus of(Database database, String... channels) {
        return of(database, BusTiming.DEFAULTS, channels);
    }

    static NotifyBus of(Database database, BusTiming timing, String... channels) {
        return new NotifyBus(Objects.requireNonNull(database, "database"), timing, names(channels));
    }

    // ---- lifecycle ----

    /**
     * Starts connecting, and returns without waiting for it. While started does nothing; after a stop it starts again.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    public void start() {
        loop.start();
    }

    /** Ends the session and every thread; subscriptions stay, and get a gap at the next start. */
    public void stop() {
        loop.stop();
    }

    /**
     * As {@link #stop()}, for good: wake-ups that wait are sent before, for a second at most, and each subscription ends with
     * {@link Closed}.
     */
    @Override
    public void close() {
        loop.close();
        sender.close();
        channels.end(new Closed("the bus was closed"));
    }

    /** Whether it was started and its threads live; whether it is connected is another matter. No I/O. */
    public boolean isRunning() {
        return loop.isRunning();
    }

    // ---- channels and subscriptions ----

    /** The channels, in the order in which they were added. */
    public Set<String> channels() {
        return channels.names();
    }

    /**
     * Adds channels; those that are there already do no harm. Listened to within a quarter of a second while connected.
     *
     * @throws IllegalArgumentException if a name has not 1 to 63 bytes of UTF-8
     */
    public void addChannels(String... added) {
        if (channels.add(names(added))) {
            loop.channelsChanged();
        }
    }

    /**
     * A stream with a buffer of 256, see {@link #subscribe(SubscriptionOptions, String...)}.
     *
     * @throws IllegalArgumentException if a channel is not known; it names those that are
     */
    public Subscription subscribe(String... wanted) {
        return subscribe(SubscriptionOptions.DEFAULTS, wanted);
    }

    /**
     * What is sent to the channels from now on: whatever commits after this has returned is delivered, or a gap in its place. Over
     * several channels it is one stream, in the order of commits. Waits up to 2 s for the LISTEN of a channel that was just
     * added, not for a server that cannot be reached.
     *
     * @throws IllegalArgumentException if a channel is not known, naming those that are; or if none is given
     */
    public Subscription subscribe(SubscriptionOptions options, String... wanted) {
        return trySubscribe(options, wanted)
                .orElseThrow(() -> new IllegalArgumentException("no such channel: " + unknown(wanted)
                        + "; this bus has: " + String.join(", ", channels()) + "; add it with addChannels"));
    }

    /** As {@link #subscribe(SubscriptionOptions, String...)}; empty if a channel is not known. */
    public Optional<Subscription> trySubscribe(SubscriptionOptions options, String... wanted) {
        List<String> names = List.copyOf(new LinkedHashSet<>(List.of(wanted)));
        if (names.isEmpty()) {
            throw new IllegalArgumentException("a subscription needs a channel");
        }
        if (!unknown(wanted).isEmpty()) {
            return Optional.empty();
        }
        loop.awaitListening(names, Deadline.after(LISTEN_PATIENCE));
        // Before the reader is made: a connect in between puts a second gap into the stream, and none is missed.
        Gap first = new Gap(loop.generation(), "subscribed", Instant.now());
        return Optional.of(channels.subscribe(names, options, first));
    }

    private List<String> unknown(String... wanted) {
        List<String> unknown = new ArrayList<>(List.of(wanted));
        unknown.removeAll(channels());
        return unknown;
    }

    private static List<String> names(String... names) {
        List<String> checked = new ArrayList<>();
        for (String name : names) {
            checked.add(ChannelName.require(name));
        }
        return checked;
    }

    // ---- state ----

    /** How often the bus has connected; 0 before the first time. */
    public long generation() {
        return loop.generation();
    }

    /**
     * Waits until the generation is {@code generation} at least.
     *
     * @return whether it is
     */
    public boolean awaitGeneration(long generation, Duration timeout) throws InterruptedException {
        return loop.awaitGeneration(generation, Deadline.after(timeout));
    }

    /** How the bus stands now. */
    public BusStats stats() {
        return loop.stats();
    }

    // ---- publishing ----

    /**
     * Does nothing if {@code channel} and {@code payload} can be sent, and the channel be listened to; no database is asked.
     *
     * @param channel 1 to 63 bytes of UTF-8
     * @param payload at most 7,999 bytes of UTF-8; may be empty
     * @throws IllegalArgumentException if one is not so; it names the bound and the remedy
     */
    public static void requireSendable(String channel, String payload) {
        ChannelName.require(channel);
        ChannelName.requirePayload(payload);
    }

    /**
     * Notifies in the caller's transaction: delivered when that commits, and not if it does not. The same channel and
     * payload several times in one transaction are one notification. The channel need not be one of this bus.
     *
     * @param channel 1 to 63 bytes of UTF-8
     * @param payload at most 7,999 bytes of UTF-8; may be empty
     * @throws IllegalArgumentException if one is not so; the transaction goes on
     */
    public static void publish(Connection connection, String channel, String payload) throws SQLException {
        requireSendable(channel, payload);
        try (PreparedStatement statement = connection.prepareStatement("SELECT pg_catalog.pg_notify(?, ?)")) {
            statement.setString(1, channel);
            statement.setString(2, payload);
            statement.execute();
        }
    }

    /**
     * Notifies a few milliseconds from now, outside of the caller's transaction, together with whatever else was asked for
     * meanwhile; the same channel and payload become one notification. Inside of {@link Database#inTransaction} it is after the commit, and
     * not at all after a rollback. Returns at once, whatever the state of the pool; while the database cannot be reached
     * it waits in memory, and is lost if the process ends: for wake-ups whose receivers also look by themselves now and then.
     *
     * @param channel 1 to 63 bytes of UTF-8
     * @param payload at most 7,999 bytes of UTF-8; may be empty
     * @throws IllegalArgumentException if one is not so
     * @throws IllegalStateException if the bus is closed
     */
    public void publishSoon(String channel, String payload) {
        SoonSender.WakeUp wakeUp =
                new SoonSender.WakeUp(ChannelName.require(channel), ChannelName.requirePayload(payload));
        Optional<Transaction> transaction = database.currentTransaction();
        if (transaction.isPresent()) {
            transaction.get().afterCommit(() -> sender.add(wakeUp));
        } else {
            sender.add(wakeUp);
        }
    }

    @Override
    public String toString() {
        return "NotifyBus[generation " + generation() + ", " + String.join(", ", channels()) + "]";
    }
}
