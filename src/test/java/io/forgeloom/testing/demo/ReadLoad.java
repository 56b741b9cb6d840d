package io.forgeloom.testing.demo;

import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.Committed;
import io.forgeloom.database.ConnectionFunction;
import io.forgeloom.database.Database;
import io.forgeloom.database.ReadOptions;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.demo.Journal.Fate;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Readers, each a virtual thread, from {@link #start} to {@link #stop}: most reads are plain ones; now and then a reader
 * commits a transfer itself and looks for its row on whichever server it is sent to. Started and stopped by one thread at a
 * time; the numbers are safe for use by many threads.
 */
final class ReadLoad {

    // Of 32 rounds, two read their own write by its position, one does without, to show what the position is for, and
    // the rest are a plain read: who writes waits in the queue for the primary, as all others do, and reads nothing
    // meanwhile.
    private static final int MIX = 32;

    /** So that the readers leave something of two cores to those who write. */
    private static final long PAUSE_MILLIS = 5;

    private final Database database;
    private final Bank bank;
    private final Tally tally;
    private final ReadTally reads;
    private final List<String> addresses;
    private final List<Journal> journals = new ArrayList<>();
    private final Clients clients = new Clients();

    /** On these servers, the primary first, as in {@code reads}. */
    ReadLoad(Database database, Bank bank, Tally tally, ReadTally reads, List<? extends TestServer> servers) {
        this.database = database;
        this.bank = bank;
        this.tally = tally;
        this.reads = reads;
        this.addresses = servers.stream()
                .map(server -> server.host() + ":" + server.port() + "/")
                .toList();
    }

    /**
     * Starts the readers.
     *
     * @param firstJournal the first number that no other client has for its journal
     */
    void start(int readers, int firstJournal) {
        SplittableRandom seeds = new SplittableRandom(81);
        for (int i = 0; i < readers; i++) {
            Reader reader = new Reader(new Journal(firstJournal + i), seeds.split());
            journals.add(reader.journal);
            clients.start("forgeloom-demo-reader-" + i, reader::run);
        }
    }

    /** See {@link Clients#stop}. */
    int stop(Duration timeout) throws InterruptedException {
        return clients.stop(timeout);
    }

    /** See {@link Clients#cut}. */
    void cut() throws InterruptedException {
        clients.cut();
    }

    /** What each reader knows of its transfers; only after {@link #stop}. */
    List<Journal> journals() {
        return journals;
    }

    private int serverOf(Connection connection) throws SQLException {
        String url = connection.getMetaData().getURL();
        for (int i = 0; i < addresses.size(); i++) {
            if (url.contains(addresses.get(i))) {
                return i;
            }
        }
        throw new IllegalStateException("a read was sent to none of the servers: " + url);
    }

    /** One reader. Confined to its thread. */
    private final class Reader {

        private final Journal journal;
        private final SplittableRandom random;

        /** Who answered last. */
        private int server;

        Reader(Journal journal, SplittableRandom random) {
            this.journal = journal;
            this.random = random;
        }

        void run() throws InterruptedException {
            while (!clients.stopping()) {
                switch (random.nextInt(MIX)) {
                    case 0, 1 -> readOwnWrite(true);
                    case 2 -> readOwnWrite(false);
                    default -> {
                        int account = random.nextInt(Bank.ACCOUNTS);
                        read(ReadOptions.DEFAULTS, connection -> bank.balance(connection, account));
                    }
                }
                Thread.sleep(PAUSE_MILLIS);
            }
        }

        private void readOwnWrite(boolean byPosition) {
            long id = journal.begin();
            Committed<@Nullable Void> committed = transfer(id);
            if (committed == null) {
                return;
            }
            ReadOptions options = byPosition ? ReadOptions.after(committed.position()) : ReadOptions.DEFAULTS;
            Integer rows = read(options, connection -> bank.rows(connection, id));
            if (rows != null) {
                (byPosition ? reads.afterPosition : reads.withoutPosition).increment();
                if (rows == 0) {
                    (byPosition ? reads.stale : reads.behind).increment();
                }
            }
        }

        /** Null if it was not committed, or nobody knows. */
        private @Nullable Committed<@Nullable Void> transfer(long id) {
            Bank.Transfer transfer = Bank.Transfer.next(random);
            try {
                Committed<@Nullable Void> committed = database.inTransactionWithPosition(transaction -> {
                    bank.transfer(transaction.connection(), id, transfer);
                    return null;
                });
                journal.end(Fate.COMMITTED);
                tally.committed.increment();
                return committed;
            } catch (Bank.Declined e) {
                journal.end(Fate.NOT_COMMITTED);
                tally.declined.increment();
            } catch (CommitOutcomeUnknownException e) {
                journal.end(Fate.UNKNOWN);
                tally.failed(e);
            } catch (RuntimeException e) {
                journal.end(Fate.NOT_COMMITTED);
                tally.failed(e);
            }
            return null;
        }

        /** Null if it failed. */
        private @Nullable Integer read(ReadOptions options, ConnectionFunction<Integer, RuntimeException> query) {
            Fault atBegin = reads.current();
            long begin = System.nanoTime();
            try {
                int value = database.read(options, connection -> inside(connection, query));
                reads.answered(server, System.nanoTime() - begin, atBegin);
                return value;
            } catch (RuntimeException e) {
                reads.failed(e, System.nanoTime() - begin, atBegin);
                return null;
            }
        }

        private int inside(Connection connection, ConnectionFunction<Integer, RuntimeException> query)
                throws SQLException {
            server = serverOf(connection);
            reads.entered(server);
            try {
                return query.apply(connection);
            } finally {
                reads.left(server);
            }
        }
    }
}
