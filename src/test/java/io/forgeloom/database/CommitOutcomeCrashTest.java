package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A server that dies during COMMIT. */
@Timeout(60)
@NeedsCluster
class CommitOutcomeCrashTest {

    /** Holds COMMIT before its record is written, with the transaction's id handed out already. */
    private static final String SLOW_COMMIT = """
            CREATE TABLE item (id int);
            CREATE TABLE other (id int);
            CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION hold()
            """;

    private static final String HELD = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

    /** An id of which nothing is on disk is given again after the crash, and the other transaction's fate is told. */
    @Test
    void crashDoesNotGiveTheIdOfTracedTransactionToAnother() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder()
                // Nobody shall write the log in passing.
                .setting("wal_writer_delay", "10s")
                .start()) {
            PostgresServer server = cluster.primary();
            server.execute(SLOW_COMMIT);
            DatabaseConfig config = DatabaseConfig.builder(server.url())
                    .poolSize(2)
                    // The library is not to settle it by itself: it asks before the id could be given again.
                    .poolTimeout(Duration.ofMillis(300))
                    .build();
            try (Database db = Database.open(config)) {
                CompletableFuture<TransactionId> lost = new CompletableFuture<>();
                Thread client = Thread.ofVirtual().name("client").start(() -> insert(db, lost));
                Await.until("the commit under way", () -> "1".equals(server.query(HELD)));
                server.kill();
                TransactionId id = lost.get(20, TimeUnit.SECONDS);
                client.join();
                server.start();
                for (int i = 0; i < 3; i++) {
                    server.execute("INSERT INTO other VALUES (1)");
                }
                assertEquals("0", server.query("SELECT count(*) FROM item"));
                assertEquals(CommitOutcome.ROLLED_BACK, outcome(db, id));
            }
        }
    }

    private static void insert(Database db, CompletableFuture<TransactionId> lost) {
        TransactionOptions traced =
                TransactionOptions.builder().traceCommit(true).build();
        try {
            db.inTransaction(traced, transaction -> {
                try (Statement statement = transaction.connection().createStatement()) {
                    return statement.executeUpdate("INSERT INTO item VALUES (1)");
                }
            });
            lost.completeExceptionally(new AssertionError("committed, though the server was killed before"));
        } catch (RuntimeException e) {
            lost.complete(assertInstanceOf(CommitOutcomeUnknownException.class, e)
                    .transactionId()
                    .orElseThrow());
        }
    }

    /** The pool finds the server again within a second or so. */
    private static CommitOutcome outcome(Database db, TransactionId id) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (true) {
            try {
                return db.commitOutcome(id, Duration.ofSeconds(5));
            } catch (AcquireException e) {
                if (System.nanoTime() - deadline > 0) {
                    throw e;
                }
                Thread.sleep(20);
            }
        }
    }
}
