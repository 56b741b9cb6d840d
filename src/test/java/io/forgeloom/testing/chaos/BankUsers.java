package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.database.AcquireException;
import io.forgeloom.database.CommitOutcome;
import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.CommitPosition;
import io.forgeloom.database.IsolationLevel;
import io.forgeloom.database.TransactionId;
import io.forgeloom.database.TransactionOptions;
import io.forgeloom.error.ForgeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Moves money, each time with a row of its own in the journal, and says what it was told of the outcome. */
final class BankUsers {

    /** A confirmed transaction, to be read. */
    record Written(long n, CommitPosition position) {}

    private record Open(long n, TransactionId id, int asked) {}

    private static final int MOST_ASKED = 20;
    private static final Duration OUTCOME = Duration.ofSeconds(2);

    /** Wanted by the user. */
    private static final class Undo extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private final Forge forge;
    private final Teller teller;
    private final AtomicLong numbers = new AtomicLong();
    private final Queue<Open> open = new ConcurrentLinkedQueue<>();

    BankUsers(Forge forge, Teller teller) {
        this.forge = forge;
        this.teller = teller;
    }

    /** One transaction, of any kind. */
    void transfer() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        boolean traced = random.nextBoolean();
        boolean serializable = random.nextInt(4) == 0;
        TransactionOptions options = TransactionOptions.builder()
                .traceCommit(traced)
                .isolation(serializable ? IsolationLevel.SERIALIZABLE : IsolationLevel.SERVER_DEFAULT)
                .build();
        Written unused = run(options, random.nextInt(7) == 0);
    }

    /** One that is told where it is in the log; null if it is not certain to be there. */
    @Nullable
    Written transferWithPosition() {
        return run(TransactionOptions.DEFAULTS, false);
    }

    private @Nullable Written run(TransactionOptions options, boolean undo) {
        long n = numbers.incrementAndGet();
        long begin = System.nanoTime();
        try {
            CommitPosition position = forge.database()
                    .inTransactionWithPosition(options, transaction -> {
                        move(transaction.connection(), n);
                        forge.bus().publishSoon(ChaosSchema.SOON, teller.node() + "/" + n);
                        if (undo) {
                            throw new Undo();
                        }
                        return n;
                    })
                    .position();
            tell(n, begin, "committed", "");
            return new Written(n, position);
        } catch (Undo e) {
            tell(n, begin, "no", "undone");
        } catch (CommitOutcomeUnknownException e) {
            tell(n, begin, "unknown", String.valueOf(e.getMessage()));
            e.transactionId().ifPresent(id -> open.add(new Open(n, id, 0)));
        } catch (AcquireException e) {
            tell(n, begin, "no", "refused:" + e.reason());
        } catch (ForgeException e) {
            tell(n, begin, "no", e.getClass().getSimpleName() + ":" + e.getMessage());
        }
        return null;
    }

    private void tell(long n, long begin, String fate, String why) {
        long millis = (System.nanoTime() - begin) / 1_000_000;
        teller.tell("tx", "n", n, "fate", fate, "ms", millis, "why", Line.sentence(why));
    }

    private void move(Connection connection, long n) throws SQLException {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        int amount = random.nextInt(100);
        try (PreparedStatement journal =
                        connection.prepareStatement("INSERT INTO public.chaos_journal (node, n) VALUES (?, ?)");
                PreparedStatement account = connection.prepareStatement(
                        "UPDATE public.chaos_account SET balance = balance + ? WHERE id = ?")) {
            journal.setString(1, teller.node());
            journal.setLong(2, n);
            journal.executeUpdate();
            for (int sign : new int[] {-1, 1}) {
                // In any order: some of them end in a deadlock, and are run again.
                account.setInt(1, sign * amount);
                account.setInt(2, random.nextInt(ChaosSchema.ACCOUNTS));
                account.executeUpdate();
            }
        }
    }

    /** Asks about one whose commit went unanswered. */
    void settle() {
        Open one = open.poll();
        if (one == null) {
            return;
        }
        CommitOutcome outcome = CommitOutcome.UNKNOWN;
        try {
            outcome = forge.database().commitOutcome(one.id, OUTCOME);
        } finally {
            if (outcome != CommitOutcome.UNKNOWN) {
                teller.tell("settled", "n", one.n, "outcome", outcome);
            } else if (one.asked < MOST_ASKED) {
                open.add(new Open(one.n, one.id, one.asked + 1));
            }
        }
    }
}
