package io.forgeloom.lock;

import static io.forgeloom.lock.LockFixture.ID;
import static io.forgeloom.lock.LockFixture.awaitAndTake;
import static io.forgeloom.lock.LockFixture.execute;
import static io.forgeloom.lock.LockFixture.isFree;
import static io.forgeloom.lock.LockFixture.open;
import static io.forgeloom.lock.LockFixture.pid;
import static io.forgeloom.lock.LockFixture.take;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Sessions that die with a lock: nobody believes to hold what another has, and the lock is free again soon. */
@Tag("slow")
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class LockFaultTest {

    private static final Duration LIMIT = Duration.ofSeconds(5);

    @Test
    void killedSessionHasLostTheLockToWhoeverTakesIt(TestDatabase server) throws Exception {
        try (Database db = open(server, 3)) {
            HeldLock lock = take(db);
            server.execute("SELECT pg_terminate_backend(" + pid(db) + ", 5000)");
            // Without asking it cannot be known; asked, it is.
            assertFalse(lock.isLost());
            try (HeldLock other = take(db)) {
                assertFalse(lock.isHeld(LIMIT));
                assertTrue(lock.isLost());
                assertFalse(lock.release());
                assertTrue(other.isHeld(LIMIT));
            }
            HeldLock unasked = take(db);
            server.execute("SELECT pg_terminate_backend(" + pid(db) + ", 5000)");
            assertFalse(unasked.release());
            assertTrue(unasked.isLost());
        }
    }

    @Test
    void workOnTheSessionFindsTheLossByItself(TestDatabase server) throws Exception {
        try (Database db = open(server, 3);
                HeldLock lock = take(db)) {
            server.execute("SELECT pg_terminate_backend(" + pid(db) + ", 5000)");
            assertThrows(SQLException.class, () -> execute(lock.connection(), "SELECT 1"));
            assertTrue(lock.isLost());
        }
    }

    @Test
    void silentNetworkIsNoProofAndTheServerIsMadeToLetGo(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(link, 3);
                Database direct = open(server, 2)) {
            HeldLock lock = take(db);
            link.blackhole(true, false);
            long begin = System.nanoTime();
            assertFalse(lock.isHeld(Duration.ofMillis(200)));
            long asked = System.nanoTime();
            assertTrue(asked - begin < 1_500_000_000L, (asked - begin) / 1_000_000 + " ms");
            assertTrue(lock.isLost());
            // The server knows nothing of it: the pool ends its session over another connection.
            try (HeldLock other = awaitAndTake(direct)) {
                System.out.println("figure: lock of a silent session free after "
                        + (System.nanoTime() - asked) / 1_000_000 + " ms");
                assertFalse(lock.release());
                assertTrue(other.isHeld(LIMIT));
            }
        }
    }

    /** The server has taken the lock, and the answer is lost. */
    @Test
    void tryWithoutAnAnswerLeavesNothingHeld(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(link, 3);
                Database direct = open(server, 2)) {
            Connection session = db.primary().acquireDedicated("worker");
            execute(session, "SELECT 1");
            link.stallInsideMessage(1);
            AtomicReference<DatabaseException> failure = new AtomicReference<>();
            Thread trying = Thread.ofVirtual()
                    .name("trying")
                    .start(() -> failure.set(
                            assertThrows(DatabaseException.class, () -> AdvisoryLock.tryAcquire(session, ID))));
            Await.until("the lock taken", () -> !isFree(direct));
            // Sooner than the limit of 5 s; the server does not see the end of what is stalled.
            trying.interrupt();
            assertTrue(trying.join(Duration.ofSeconds(10)));
            assertTrue(String.valueOf(failure.get()).contains("nothing is held"), failure.get() + "");
            assertTrue(session.isClosed());
            session.close();
            awaitAndTake(direct).close();
        }
    }

    /** An error does not give back a lock of a session, so only its end is certain. */
    @Test
    void tryThatFailsEndsItsSession(TestDatabase server) throws Exception {
        try (Database db = open(server, 3);
                Connection session = db.primary().acquireDedicated("worker")) {
            session.setAutoCommit(false);
            assertThrows(SQLException.class, () -> execute(session, "SELECT 1/0"));
            assertThrows(DatabaseException.class, () -> AdvisoryLock.tryAcquire(session, ID));
            assertTrue(session.isClosed());
        }
    }

    @Test
    void releaseOverABrokenConnectionEndsAtOnceAndFreesTheLock(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(link, 3);
                Database direct = open(server, 2);
                Connection session = db.primary().acquireDedicated("worker")) {
            HeldLock lock = AdvisoryLock.tryAcquire(session, ID).orElseThrow();
            link.cut();
            assertFalse(lock.release());
            assertTrue(session.isClosed());
            awaitAndTake(direct).close();
        }
    }

    /** Its statements are refused, so nobody can be asked to give the lock back: the session is ended. */
    @Test
    void releaseInAFailedTransactionFreesTheLock(TestDatabase server) throws Exception {
        try (Database db = open(server, 3);
                Connection session = db.primary().acquireDedicated("worker")) {
            HeldLock lock = AdvisoryLock.tryAcquire(session, ID).orElseThrow();
            session.setAutoCommit(false);
            assertThrows(SQLException.class, () -> execute(session, "SELECT 1/0"));
            lock.close();
            awaitAndTake(db).close();
        }
    }

    @Test
    void pendingInterruptCostsNeitherTheLockNorItsRelease(TestDatabase server) throws Exception {
        try (Database db = open(server, 3)) {
            AtomicReference<String> outcome = new AtomicReference<>();
            Thread holder = Thread.ofVirtual().name("holder").start(() -> {
                HeldLock lock = take(db);
                Thread.currentThread().interrupt();
                boolean held = lock.isHeld(LIMIT);
                boolean flag = Thread.currentThread().isInterrupted();
                outcome.set(held + " " + flag + " " + lock.release() + " "
                        + Thread.currentThread().isInterrupted());
            });
            assertTrue(holder.join(Duration.ofSeconds(10)));
            assertEquals("true true true true", outcome.get());
            assertTrue(isFree(db));
        }
    }

    @Test
    void interruptInsideAQuestionCostsTheLockAndSaysSo(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(link, 3);
                Database direct = open(server, 2)) {
            HeldLock lock = take(db);
            AtomicReference<String> outcome = new AtomicReference<>();
            CountDownLatch asking = new CountDownLatch(1);
            link.stallInsideMessage(0);
            Thread holder = Thread.ofVirtual().name("holder").unstarted(() -> {
                asking.countDown();
                outcome.set(lock.isHeld(LIMIT) + " " + lock.isLost() + " "
                        + Thread.currentThread().isInterrupted());
            });
            long sent = link.bytesToServer();
            holder.start();
            asking.await();
            Await.until("the question sent", () -> link.bytesToServer() > sent);
            holder.interrupt();
            assertTrue(holder.join(Duration.ofSeconds(10)));
            assertEquals("false true true", outcome.get());
            awaitAndTake(direct).close();
        }
    }

    /** For the process no time has passed; the server has let go, and another has the lock. */
    @Test
    void pausedProcessSeesTheAgeOfItsProofAndLearnsOfItsLoss(TestDatabase server) throws Exception {
        try (TestProcess process = TestProcess.start(Holder.class, server.url());
                Database db = open(server, 2)) {
            process.awaitLine(line -> line.equals("held"), Duration.ofSeconds(20));
            process.sigstop();
            try (HeldLock other = awaitAndTake(db)) {
                process.sigcont();
                String line = process.awaitLine(text -> text.startsWith("lost"), Duration.ofSeconds(20));
                long age = Long.parseLong(line.substring("lost ".length()));
                assertTrue(age >= Holder.PATIENCE.toMillis(), line);
                assertTrue(other.isHeld(LIMIT));
            }
            assertEquals(0, process.awaitExit(Duration.ofSeconds(20)));
        }
    }

    /** Holds the lock and proves it again and again, until it is lost. */
    static final class Holder {

        /** Of the server with a holder of whom it hears nothing. */
        static final Duration PATIENCE = Duration.ofMillis(300);

        private Holder() {}

        /** The program. */
        public static void main(String[] arguments) throws Exception {
            try (Database db =
                            Database.open(DatabaseConfig.builder(arguments[0]).build());
                    HeldLock lock = take(db)) {
                execute(lock.connection(), "SET idle_session_timeout = " + PATIENCE.toMillis());
                System.out.println("held");
                do {
                    Thread.sleep(20);
                } while (lock.isHeld(LIMIT));
                // A question that failed, before the pause or after it, proved nothing.
                System.out.println("lost " + lock.proofAge().toMillis());
            }
        }
    }
}
