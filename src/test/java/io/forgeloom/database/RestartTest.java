package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ForgeException;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A server that is killed and started again, with a crowd waiting. */
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class RestartTest {

    @Test
    void waitersAreServedSoonAfterTheServerAcceptsConnections() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start()) {
            PostgresServer server = cluster.primary();
            try (Database db = Database.open(
                    DatabaseConfig.builder(server.url()).poolSize(10).build())) {
                AtomicBoolean stop = new AtomicBoolean();
                AtomicLong restarted = new AtomicLong();
                CountDownLatch warm = new CountDownLatch(200);
                CountDownLatch served = new CountDownLatch(1);
                AtomicLong firstNanos = new AtomicLong();
                List<Thread> users = new ArrayList<>();
                for (int i = 0; i < 100; i++) {
                    users.add(Thread.ofVirtual().name("user-" + i).start(() -> {
                        while (!stop.get()) {
                            try {
                                // Asked where a connection is held: whoever is served first may have waited since
                                // before.
                                boolean after = db.withConnection(c -> {
                                    boolean afterwards = restarted.get() != 0;
                                    try (Statement statement = c.createStatement()) {
                                        statement.execute("SELECT pg_sleep(0.002)");
                                    }
                                    return afterwards;
                                });
                                warm.countDown();
                                if (after && firstNanos.compareAndSet(0, System.nanoTime())) {
                                    served.countDown();
                                }
                            } catch (ForgeException e) {
                                // What the outage is for.
                            }
                        }
                    }));
                }
                warm.await();
                server.kill();
                restarted.set(System.nanoTime());
                AtomicLong acceptedNanos = new AtomicLong();
                Thread prober = Thread.ofVirtual().name("prober").start(() -> {
                    while (acceptedNanos.get() == 0) {
                        try (Connection connection = server.connect()) {
                            acceptedNanos.set(connection.isClosed() ? 0 : System.nanoTime());
                        } catch (SQLException e) {
                            Thread.onSpinWait();
                        }
                    }
                });
                server.start();
                prober.join();
                served.await();
                long late = (firstNanos.get() - acceptedNanos.get()) / 1_000_000;
                stop.set(true);
                for (Thread user : users) {
                    user.join();
                }
                PoolConservation.check(db.primary(), 10);
                System.out.println("figure: first success " + late + " ms after the server accepted a connection");
                assertTrue(late < 500, "first success " + late + " ms after the server accepted a connection");
            }
        }
    }
}
