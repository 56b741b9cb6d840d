package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeadershipToken;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works: what documents quote is what runs here. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class LeadingTest {

    @Test
    void eachInvoiceIsSentOnceByTheOneThatLeads(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE invoice (name text, sent bool DEFAULT false); INSERT INTO invoice VALUES ('a')");
        BlockingQueue<String> sent = new LinkedBlockingQueue<>();
        BlockingQueue<String> endOfFirst = new LinkedBlockingQueue<>();
        BlockingQueue<String> endOfSecond = new LinkedBlockingQueue<>();
        try (Database first = open(database);
                Database second = open(database)) {
            var applied = Migrator.builder(first.primary()).build().migrate();
            assertFalse(applied.applied().isEmpty());
            FutureTask<String> one = start(first, sent, endOfFirst);
            assertEquals("a " + new LeadershipToken(1, 1), sent.poll(20, TimeUnit.SECONDS));
            // Until then the next leader would send it again.
            Await.until("mark", () -> "t".equals(database.query("SELECT sent FROM invoice")));
            FutureTask<String> two = start(second, sent, endOfSecond);
            endOfFirst.add("end");
            assertEquals("ended", one.get(20, TimeUnit.SECONDS));
            database.execute("INSERT INTO invoice VALUES ('b')");
            assertEquals("b " + new LeadershipToken(1, 2), sent.poll(20, TimeUnit.SECONDS));
            endOfSecond.add("end");
            assertEquals("ended", two.get(20, TimeUnit.SECONDS));
        }
        assertEquals(0, sent.size());
    }

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(4).build());
    }

    private static FutureTask<String> start(Database db, BlockingQueue<String> sent, BlockingQueue<String> end) {
        FutureTask<String> node = new FutureTask<>(() -> {
            Leading.run(db, (invoice, token) -> sent.add(invoice + " " + token), end);
            return "ended";
        });
        Thread.ofVirtual().name("node").start(node);
        return node;
    }
}
