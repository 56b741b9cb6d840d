package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A connection that is lost while COMMIT is on its way: committed, rolled back or unknown, and never run twice. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class CommitOutcomeTest {

    private static final TransactionOptions TRACED =
            TransactionOptions.builder().traceCommit(true).build();

    private static Database open(TestDatabase server, FaultyLink link) throws SQLException {
        server.execute("CREATE TABLE public.item (id int)");
        return Database.open(DatabaseConfig.builder(link.url()).poolSize(3).build());
    }

    private static void insert(Transaction tx) throws SQLException {
        try (Statement statement = tx.connection().createStatement()) {
            statement.execute("INSERT INTO public.item VALUES (1)");
        }
    }

    /** Once COMMIT is under way, lets it be done and its answer get stuck in the network. */
    private static void stallTheAnswer(HeldCommit held, FaultyLink link) throws SQLException, InterruptedException {
        held.awaitUnderWay("COMMIT");
        link.stallInsideMessage(0);
        held.finish();
    }

    /** Runs an insert whose COMMIT is done while its answer is stuck in the network, which then breaks. */
    private static Object loseTheAnswer(TestDatabase server, TransactionOptions options, List<String> committed) {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(server, link);
                HeldCommit held = new HeldCommit(server)) {
            AtomicReference<Throwable> problem = new AtomicReference<>();
            Thread breaker = Thread.ofVirtual().name("breaker").unstarted(() -> {
                try {
                    stallTheAnswer(held, link);
                } catch (SQLException | InterruptedException | AssertionError e) {
                    problem.set(e);
                } finally {
                    link.cut();
                }
            });
            AtomicInteger runs = new AtomicInteger();
            Object result;
            try {
                result = db.inTransaction(options, tx -> {
                    insert(tx);
                    tx.afterCommit(() -> committed.add("after commit"));
                    breaker.start();
                    return "run " + runs.incrementAndGet();
                });
            } catch (CommitOutcomeUnknownException e) {
                result = e;
            }
            breaker.join();
            assertEquals(null, problem.get());
            assertEquals(1, runs.get());
            assertEquals("1", server.query("SELECT count(*) FROM public.item"));
            return result;
        } catch (SQLException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void withoutAnIdTheOutcomeIsUnknownAndNothingRunsAgain(TestDatabase server) {
        List<String> committed = new ArrayList<>();
        Object result = loseTheAnswer(server, TransactionOptions.DEFAULTS, committed);
        CommitOutcomeUnknownException e = (CommitOutcomeUnknownException) result;
        assertTrue(e.transactionId().isEmpty());
        assertTrue(e.getMessage().contains("may be committed or not"), e.getMessage());
        assertTrue(committed.isEmpty());
    }

    @Test
    void withItsIdACommittedTransactionIsKnownToBeCommitted(TestDatabase server) {
        List<String> committed = new ArrayList<>();
        assertEquals("run 1", loseTheAnswer(server, TRACED, committed));
        assertEquals(List.of("after commit"), committed);
    }

    @Test
    void withItsIdARolledBackTransactionIsKnownToBeRolledBack(TestDatabase server) throws SQLException {
        // Runs inside COMMIT, before the commit record: the server ends the session there.
        String suicide = """
                CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER die AFTER INSERT ON public.item DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.die()
                """;
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(server, link)) {
            server.execute(suicide);
            AtomicInteger runs = new AtomicInteger();
            DatabaseException e = assertThrows(
                    DatabaseException.class,
                    () -> db.inTransaction(TRACED, tx -> {
                        runs.incrementAndGet();
                        insert(tx);
                        return null;
                    }));
            assertTrue(e.getMessage().contains("was rolled back"), e.getMessage());
            assertEquals(1, runs.get());
            assertEquals("0", server.query("SELECT count(*) FROM public.item"));
        }
    }

    @Test
    void whileTheServerCannotBeAskedTheIdIsKeptForLater(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            server.execute("CREATE TABLE public.item (id int)");
            try (Database db = Database.open(DatabaseConfig.builder(link.url())
                            .poolSize(3)
                            .poolTimeout(Duration.ofMillis(500))
                            .build());
                    HeldCommit held = new HeldCommit(server)) {
                Thread breaker = Thread.ofVirtual().name("breaker").unstarted(() -> {
                    try {
                        stallTheAnswer(held, link);
                        link.refuse(true);
                        link.cut();
                    } catch (SQLException | InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
                CommitOutcomeUnknownException e = assertThrows(
                        CommitOutcomeUnknownException.class,
                        () -> db.inTransaction(TRACED, tx -> {
                            insert(tx);
                            breaker.start();
                            return null;
                        }));
                breaker.join();
                TransactionId id = e.transactionId().orElseThrow();
                assertEquals(id, TransactionId.parse(id.toString()));
                assertTrue(e.getCause().getSuppressed().length > 0, "why it could not be asked");
                link.heal();
                assertEquals(CommitOutcome.COMMITTED, db.commitOutcome(id, Duration.ofSeconds(10)));
                TransactionId otherHistory = new TransactionId("000000FF", id.id());
                assertEquals(CommitOutcome.UNKNOWN, db.commitOutcome(otherHistory, Duration.ofSeconds(1)));
            }
        }
    }

    @Test
    void aTransactionThatIsStillOpenIsWaitedFor(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE public.item (id int)");
        try (Database db = Database.open(DatabaseConfig.builder(server.url()).build());
                var other = server.connect()) {
            other.setAutoCommit(false);
            TransactionId id;
            try (Statement statement = other.createStatement();
                    var row = statement.executeQuery("SELECT pg_current_xact_id()::text,"
                            + " substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)")) {
                row.next();
                id = new TransactionId(row.getString(2), Long.parseLong(row.getString(1)));
            }
            assertEquals(CommitOutcome.UNKNOWN, db.commitOutcome(id, Duration.ofMillis(120)));
            other.rollback();
            assertEquals(CommitOutcome.ROLLED_BACK, db.commitOutcome(id, Duration.ofSeconds(10)));
        }
    }

    @Test
    void whatIsNoTransactionIdIsRefused() {
        for (String text : List.of("", "7", "1/7", "0000000G/7", "00000001/2", "00000001/x")) {
            assertThrows(ConfigurationException.class, () -> TransactionId.parse(text), text);
        }
    }
}
