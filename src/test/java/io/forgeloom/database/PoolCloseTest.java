package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.PgUrl;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A close ends although a thread of the pool does not. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolCloseTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    /**
     * Holds a thread of the pool where it logs, deaf to interrupts: what a name look-up does, and what a test can do
     * without a name server of its own.
     */
    private static final class Trap extends Handler implements AutoCloseable {

        private final Logger logger = Logger.getLogger("io.forgeloom.database");
        private final String threadName;
        private final Semaphore free = new Semaphore(0);
        final CountDownLatch caught = new CountDownLatch(1);
        final List<String> said = new CopyOnWriteArrayList<>();

        Trap(String threadName) {
            this.threadName = threadName;
            setLevel(Level.ALL);
            logger.addHandler(this);
            logger.setLevel(Level.ALL);
            logger.setUseParentHandlers(false);
        }

        @Override
        public void publish(LogRecord record) {
            said.add(new SimpleFormatter().formatMessage(record));
            if (Thread.currentThread().getName().equals(threadName)) {
                caught.countDown();
                free.acquireUninterruptibly();
                free.release();
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {
            free.release();
            logger.removeHandler(this);
            logger.setLevel(null);
            logger.setUseParentHandlers(true);
        }
    }

    private static Thread sleeper(Database db) {
        return Thread.ofVirtual()
                .name("victim")
                .start(() -> assertThrows(
                        RuntimeException.class,
                        () -> db.withConnection(c -> {
                            try (Statement statement = c.createStatement()) {
                                return statement.execute("SELECT pg_sleep(30)");
                            }
                        })));
    }

    private static void awaitSleeper(TestDatabase server) throws SQLException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!"1"
                .equals(server.query("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'"
                        + " AND state = 'active' AND datname = current_database()"))) {
            assertTrue(System.nanoTime() < deadline, "the victim does not sleep");
        }
    }

    @Test
    void aCloseThatCutsSomebodyOffSaysWhom(TestDatabase server) throws Exception {
        try (Trap log = new Trap("nobody");
                Database db = Database.open(
                        DatabaseConfig.builder(server.url()).poolSize(2).build())) {
            Thread victim = sleeper(db);
            awaitSleeper(server);
            db.close(Duration.ofMillis(200));
            assertTrue(victim.join(SOON));
            // The pool names what was left of the 200 ms when it began.
            String warning = "(?s).*closed; 1 connections were not released within (19\\d|200) ms, were cancelled and"
                    + " aborted; longest held by: victim.*";
            assertTrue(log.said.stream().anyMatch(line -> line.matches(warning)), log.said::toString);
        }
    }

    private static void closeInTime(Database db, Trap trap, String threadName) throws InterruptedException {
        assertTrue(trap.caught.await(SOON.toMillis(), TimeUnit.MILLISECONDS), trap.said::toString);
        long begin = System.nanoTime();
        db.close(Duration.ofMillis(200));
        long tookMillis = (System.nanoTime() - begin) / 1_000_000;
        System.out.println("figure: close(200 ms) beside a stuck " + threadName + ": " + tookMillis + " ms");
        assertTrue(tookMillis < 1_200, "took " + tookMillis + " ms");
        assertTrue(
                trap.said.stream()
                        .anyMatch(line ->
                                line.matches("(?s)\\S+: the close goes on after \\d+ ms without the end of a thread: "
                                        + threadName + " .*")),
                trap.said::toString);
    }

    @Test
    void aWatchThatHangsDelaysACloseByLessThanASecond(TestDatabase server) throws Exception {
        String name = "forgeloom-watch-primary";
        try (Trap trap = new Trap(name);
                FaultyLink link = FaultyLink.to(server)) {
            Database db =
                    Database.open(DatabaseConfig.builder(link.url()).poolSize(2).build());
            Thread victim = sleeper(db);
            awaitSleeper(server);
            // The backend of the victim is gone, and its network does not say so: the watch finds out, and says so.
            link.blackhole(true, false);
            server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    + " WHERE query = 'SELECT pg_sleep(30)' AND datname = current_database()");
            closeInTime(db, trap, name);
            assertTrue(victim.join(SOON));
        }
    }

    @Test
    void aReaperThatHangsDelaysACloseByLessThanASecond(TestDatabase server) throws Exception {
        String name = "forgeloom-reap-primary";
        try (Trap trap = new Trap(name);
                FaultyLink link = FaultyLink.to(server)) {
            Database db =
                    Database.open(DatabaseConfig.builder(link.url()).poolSize(2).build());
            Thread victim = sleeper(db);
            awaitSleeper(server);
            link.refuse(true);
            victim.interrupt();
            closeInTime(db, trap, name);
            assertTrue(victim.join(SOON));
        }
        server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                + " WHERE query = 'SELECT pg_sleep(30)' AND datname = current_database()");
    }

    @ParameterizedTest
    @ValueSource(strings = {"forgeloom-probe-replica-1", "forgeloom-lag"})
    void whoeverAsksServersAndHangsDelaysACloseByLessThanASecond(String name, TestDatabase server) throws Exception {
        try (Trap trap = new Trap(name);
                FaultyLink link = FaultyLink.to(server)) {
            // No replica of anything, which the prober says, and soon one whose primary cannot be asked for its
            // position.
            Database db = Database.open(DatabaseConfig.builder(link.url())
                    .poolSize(2)
                    .replicaUrls(List.of(server.url()))
                    .replicaOptions(ReplicaOptions.builder()
                            .probeInterval(Duration.ofMillis(100))
                            .build())
                    .build());
            link.refuse(true);
            link.cut();
            closeInTime(db, trap, name);
        }
    }

    @Test
    void anInterruptedCloseWaitsForNobodyAndKeepsTheFlag(TestDatabase server) throws Exception {
        String name = "forgeloom-reap-primary";
        try (Trap trap = new Trap(name);
                FaultyLink link = FaultyLink.to(server)) {
            Database db =
                    Database.open(DatabaseConfig.builder(link.url()).poolSize(2).build());
            Thread victim = sleeper(db);
            awaitSleeper(server);
            link.refuse(true);
            victim.interrupt();
            assertTrue(victim.join(SOON));
            trap.caught.await();
            Thread closer = Thread.ofVirtual().name("closer").unstarted(() -> {
                Thread.currentThread().interrupt();
                db.close(Duration.ofSeconds(30));
                assertTrue(Thread.currentThread().isInterrupted());
            });
            List<Throwable> failures = new CopyOnWriteArrayList<>();
            closer.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
            closer.start();
            assertTrue(closer.join(Duration.ofSeconds(2)), "the close waits for the reaper");
            assertEquals(List.of(), failures);
        }
        server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                + " WHERE query = 'SELECT pg_sleep(30)' AND datname = current_database()");
    }

    @Test
    void aControlSessionThatIsClosedDuringAQuestionIsClosedAfterIt(TestDatabase server) throws Exception {
        ControlSession control =
                new ControlSession(new PgConnector(PgUrl.parse("url", server.url()), "test", Map.of()), new HoldOff());
        CountDownLatch asking = new CountDownLatch(1);
        Semaphore answer = new Semaphore(0);
        Thread asker = Thread.ofVirtual().start(() -> {
            try {
                control.ask(
                        session -> {
                            asking.countDown();
                            answer.acquireUninterruptibly();
                            return session.backendPid();
                        },
                        Deadline.after(SOON));
            } catch (SQLException | InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        asking.await();
        assertTrue(control.isOpen());
        // Returns, although the question goes on.
        control.close();
        answer.release();
        assertTrue(asker.join(SOON));
        assertFalse(control.isOpen());
        assertThrows(SQLException.class, () -> control.ask(session -> 1, Deadline.after(SOON)));
    }
}
