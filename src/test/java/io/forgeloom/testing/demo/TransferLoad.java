package io.forgeloom.testing.demo;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.Database;
import io.forgeloom.database.IsolationLevel;
import io.forgeloom.database.Transaction;
import io.forgeloom.database.TransactionId;
import io.forgeloom.database.TransactionOptions;
import io.forgeloom.error.SqlState;
import io.forgeloom.testing.demo.Journal.Fate;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Clients, each a virtual thread, that move money without a pause from {@link #start} to {@link #stop}. Started and
 * stopped by one thread at a time; the numbers are safe for use by many threads.
 */
final class TransferLoad {

    // Of eight transactions, two read their transaction id before COMMIT, so that the library itself
    // settles
    // a lost answer; one sees a snapshot, so that it may fail with 40001 and be run again; the rest has every default.
    private static final int MIX = 8;
    private static final TransactionOptions TRACED =
            TransactionOptions.builder().traceCommit(true).build();
    private static final TransactionOptions SNAPSHOT = TransactionOptions.builder()
            .isolation(IsolationLevel.REPEATABLE_READ)
            .maxAttempts(20)
            .build();

    private static final long PAUSE_AFTER_ERROR_MILLIS = 10;

    private final Database database;
    private final Bank bank;
    private final Outage outage;
    private final Tally tally;
    private final List<Journal> journals = new ArrayList<>();
    private final Clients clients = new Clients();
    private final Map<Long, TransactionId> unsettled = new ConcurrentHashMap<>();

    TransferLoad(Database database, Bank bank, Outage outage, Tally tally) {
        this.database = database;
        this.bank = bank;
        this.outage = outage;
        this.tally = tally;
    }

    /** Starts the clients, each with transfers of its own, the same in every run. */
    void start(int count) {
        SplittableRandom seeds = new SplittableRandom(18);
        for (int i = 0; i < count; i++) {
            Client client = new Client(new Journal(i), seeds.split());
            journals.add(client.journal);
            clients.start("forgeloom-demo-" + i, client::run);
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

    /** What each client knows; only after {@link #stop}. */
    List<Journal> journals() {
        return journals;
    }

    /** Ids whose outcome is unknown, with the transaction to ask for: traced, but the library found no answer in time. */
    Map<Long, TransactionId> unsettled() {
        return unsettled;
    }

    /** One client. Confined to its thread. */
    private final class Client {

        private final Journal journal;
        private final SplittableRandom random;

        /** Of the current transaction: when the connection was asked for and got, and when the body was through. */
        private long asked;

        private long got;
        private long bodyEnded;

        Client(Journal journal, SplittableRandom random) {
            this.journal = journal;
            this.random = random;
        }

        void run() throws InterruptedException {
            while (!clients.stopping()) {
                if (!transact()) {
                    // Errors that come at once shall not become a busy loop.
                    Thread.sleep(PAUSE_AFTER_ERROR_MILLIS);
                }
            }
        }

        /** One transaction, its fate noted; false if it failed for a reason that is not its own. */
        private boolean transact() {
            long id = journal.begin();
            TransactionOptions options = options();
            Bank.Transfer transfer = Bank.Transfer.next(random);
            got = Outage.NOT_YET;
            bodyEnded = Outage.NOT_YET;
            asked = System.nanoTime();
            try {
                database.inTransaction(options, transaction -> body(transaction, id, transfer));
                journal.end(Fate.COMMITTED);
                committed(options);
                return true;
            } catch (Bank.Declined e) {
                journal.end(Fate.NOT_COMMITTED);
                tally.declined.increment();
                return true;
            } catch (CommitOutcomeUnknownException e) {
                journal.end(Fate.UNKNOWN);
                e.transactionId().ifPresent(transaction -> unsettled.put(id, transaction));
                tally.failed(e);
            } catch (RuntimeException e) {
                // Whatever it is, it says "not committed": if that is wrong, the comparison with the database shows it.
                journal.end(Fate.NOT_COMMITTED);
                failed(e, options);
            }
            return false;
        }

        private Void body(Transaction transaction, long id, Bank.Transfer transfer) throws SQLException, Bank.Declined {
            if (transaction.attempt() == 1) {
                got = System.nanoTime();
                tally.waited(got - asked, outage.prolonged(asked, got));
            } else {
                tally.runAgain.increment();
            }
            bank.transfer(transaction.connection(), id, transfer);
            bodyEnded = System.nanoTime();
            return null;
        }

        private void committed(TransactionOptions options) {
            tally.committed.increment();
            outage.committed(bodyEnded);
            if (options.traceCommit() && outage.answeredAfterwards(bodyEnded)) {
                tally.settledCommitted.increment();
            }
        }

        private void failed(RuntimeException failure, TransactionOptions options) {
            if (failure instanceof AcquireException && got == Outage.NOT_YET) {
                long now = System.nanoTime();
                tally.waited(now - asked, outage.prolonged(asked, now));
            }
            if (options.traceCommit()
                    && bodyEnded != Outage.NOT_YET
                    && SqlState.isSessionLost(SqlState.of(failure))
                    && outage.answeredAfterwards(bodyEnded)) {
                tally.settledRolledBack.increment();
            }
            tally.failed(failure);
        }

        private TransactionOptions options() {
            return switch (random.nextInt(MIX)) {
                case 0, 1 -> TRACED;
                case 2 -> SNAPSHOT;
                default -> TransactionOptions.DEFAULTS;
            };
        }
    }
}
