package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.node.NodeRegistry;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works: what documents quote is what runs here. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class RegisteringTest {

    @Test
    void processIsActiveWhileItWorks(TestDatabase database) throws Exception {
        LinkedBlockingQueue<String> until = new LinkedBlockingQueue<>();
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(3).build());
                NodeRegistry observer = NodeRegistry.of(db)) {
            assertFalse(
                    Migrator.builder(db.primary()).build().migrate().applied().isEmpty());
            FutureTask<String> run = new FutureTask<>(() -> {
                Registering.run(db, () -> {}, until);
                return "ended";
            });
            Thread.ofVirtual().name("node").start(run);
            Await.until("an active node", () -> Registering.active(observer).size() == 1);
            assertEquals("1.4.2", Registering.active(observer).getFirst().version());
            until.add("end");
            assertEquals("ended", run.get(20, TimeUnit.SECONDS));
            assertEquals(List.of(), observer.nodes());
        }
    }
}
