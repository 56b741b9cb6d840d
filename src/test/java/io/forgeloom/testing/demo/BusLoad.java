package io.forgeloom.testing.demo;

import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.Database;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import io.forgeloom.notify.SubscriptionOptions;
import io.forgeloom.testing.demo.Journal.Fate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.ToLongFunction;

/**
 * Clients that notify in the transaction of a transfer, numbered from 0 on a channel of their own, and subscribers that
 * look whether a number is missing: one on all channels, one on each of two, and one on all that is too slow. Started and stopped
 * by one thread at a time; the numbers are safe for use by many threads.
 */
final class BusLoad implements AutoCloseable {

    private static final int CHANNELS = 4;
    private static final long PAUSE_MILLIS = 20;

    /** Two notifications a second, where dozens come. */
    private static final long SLOW_MILLIS = 500;

    private static final SubscriptionOptions SMALL = SubscriptionOptions.stream(8);
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration DRAIN_LIMIT = Duration.ofSeconds(5);
    private static final long POLL_MILLIS = 5;

    private final Database database;
    private final Bank bank;
    private final Tally tally;
    private final NotifyBus bus;
    private final List<String> channels = new ArrayList<>();
    private final List<Sender> senders = new ArrayList<>();
    private final List<BusReader> readers = new ArrayList<>();
    private final Clients sending = new Clients();
    private final Clients reading = new Clients();

    BusLoad(Database database, Bank bank, Tally tally, String name) {
        this.database = database;
        this.bank = bank;
        this.tally = tally;
        for (int i = 0; i < CHANNELS; i++) {
            channels.add(name + "-" + i);
        }
        bus = NotifyBus.of(database, channels.toArray(String[]::new));
    }

    /** Subscribes, and then starts the senders, so that nothing is sent that nobody was there for. */
    void start(int firstJournal) throws InterruptedException {
        bus.start();
        if (!bus.awaitGeneration(1, CONNECT_LIMIT)) {
            throw new IllegalStateException("the bus did not connect in " + CONNECT_LIMIT.toSeconds() + " s");
        }
        SplittableRandom seeds = new SplittableRandom(63);
        for (int i = 0; i < CHANNELS; i++) {
            senders.add(new Sender(i, new Journal(firstJournal + i), seeds.split()));
        }
        read(SubscriptionOptions.DEFAULTS, 0, channels);
        read(SubscriptionOptions.DEFAULTS, 0, channels.subList(0, 1));
        read(SubscriptionOptions.DEFAULTS, 0, channels.subList(1, 2));
        read(SMALL, SLOW_MILLIS, channels);
        for (Sender sender : senders) {
            sending.start("forgeloom-demo-sender-" + sender.channel, sender::run);
        }
    }

    private void read(SubscriptionOptions options, long pauseMillis, List<String> from) {
        Subscription subscription = bus.subscribe(options, from.toArray(String[]::new));
        BusReader reader = new BusReader(
                subscription, from, index -> senders.get(channels.indexOf(from.get(index))).doubtful, pauseMillis);
        readers.add(reader);
        reading.start("forgeloom-demo-subscriber-" + readers.size(), reader::run);
    }

    /**
     * Ends the senders; each has the last word once the bus listens again, so that a loss at the end is seen, too.
     *
     * @return the number of senders that did not end in time
     */
    int stop(Duration timeout) throws InterruptedException {
        int late = sending.stop(timeout);
        await(() -> bus.stats().isConnected(), CONNECT_LIMIT);
        readers.forEach(BusReader::hurry);
        for (Sender sender : senders) {
            sender.lastWord();
        }
        await(() -> readers.stream().allMatch(this::isThrough), DRAIN_LIMIT);
        return late;
    }

    private boolean isThrough(BusReader reader) {
        return reader.isThrough(
                channel -> senders.get(channels.indexOf(channel)).sent.get());
    }

    private static void await(BooleanSupplier condition, Duration limit) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() - deadline < 0) {
            Thread.sleep(POLL_MILLIS);
        }
    }

    /** See {@link Clients#cut}. */
    void cut() throws InterruptedException {
        sending.cut();
    }

    /** What each sender knows of its transfers; only after {@link #stop}. */
    List<Journal> journals() {
        return senders.stream().map(sender -> sender.journal).toList();
    }

    /** Waits until the bus has connected so often; false if it has not in time. */
    boolean awaitGeneration(long generation) throws InterruptedException {
        return bus.awaitGeneration(generation, CONNECT_LIMIT);
    }

    boolean isConnected() {
        return bus.stats().isConnected();
    }

    /** How it stands; after {@link #stop} what is not through is missing in silence. */
    BusFindings findings(boolean atEnd) {
        long notThrough =
                atEnd ? readers.stream().filter(reader -> !isThrough(reader)).count() : 0;
        return new BusFindings(
                senders.stream().mapToLong(sender -> sender.committed.get()).sum(),
                sum(reader -> reader.received),
                sum(reader -> reader.gaps),
                sum(reader -> reader.lagged),
                sum(reader -> reader.silent) + notThrough,
                sum(reader -> reader.repeated),
                bus.generation());
    }

    private long sum(ToLongFunction<BusReader> of) {
        return readers.stream().mapToLong(of).sum();
    }

    /** Ends the bus, and with it the subscribers. */
    @Override
    public void close() {
        bus.close();
        try {
            reading.stop(DRAIN_LIMIT);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** One sender. Confined to its thread, but for the numbers. */
    private final class Sender {

        private final int channel;
        private final Journal journal;
        private final SplittableRandom random;

        /** Numbers whose commit nobody answered. */
        private final Set<Long> doubtful = ConcurrentHashMap.newKeySet();

        /** The next number. */
        private final AtomicLong sent = new AtomicLong();

        private final AtomicLong committed = new AtomicLong();

        Sender(int channel, Journal journal, SplittableRandom random) {
            this.channel = channel;
            this.journal = journal;
            this.random = random;
        }

        void run() throws InterruptedException {
            while (!sending.stopping()) {
                send();
                Thread.sleep(PAUSE_MILLIS);
            }
        }

        void lastWord() {
            long before = committed.get();
            for (int attempt = 0; attempt < 100 && committed.get() == before; attempt++) {
                send();
            }
        }

        /** A number that was not committed is used again; one that nobody knows of is not. */
        private void send() {
            long number = sent.get();
            long id = journal.begin();
            Bank.Transfer transfer = Bank.Transfer.next(random);
            try {
                database.inTransaction(transaction -> {
                    bank.transfer(transaction.connection(), id, transfer);
                    NotifyBus.publish(transaction.connection(), channels.get(channel), Long.toString(number));
                    return null;
                });
                journal.end(Fate.COMMITTED);
                tally.committed.increment();
                committed.incrementAndGet();
                sent.incrementAndGet();
            } catch (Bank.Declined e) {
                journal.end(Fate.NOT_COMMITTED);
                tally.declined.increment();
            } catch (CommitOutcomeUnknownException e) {
                journal.end(Fate.UNKNOWN);
                tally.failed(e);
                doubtful.add(number);
                sent.incrementAndGet();
            } catch (RuntimeException e) {
                journal.end(Fate.NOT_COMMITTED);
                tally.failed(e);
            }
        }
    }
}
