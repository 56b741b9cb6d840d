package io.forgeloom.lock;

import static io.forgeloom.lock.LockFixture.ID;
import static io.forgeloom.lock.LockFixture.execute;
import static io.forgeloom.lock.LockFixture.isFree;
import static io.forgeloom.lock.LockFixture.open;
import static io.forgeloom.lock.LockFixture.take;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.database.Database;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who gets a lock, who does not, and who is said to have it. */
@Timeout(60)
class AdvisoryLockTest {

    private static final Duration LIMIT = Duration.ofSeconds(5);

    private static TestDatabase server;
    private static Database db;

    @BeforeAll
    static void start() throws Exception {
        server = TestDatabase.on(SharedServer.get());
        db = open(server, 8);
    }

    @AfterEach
    void leavesNothingHeld() {
        assertEquals(List.of(), db.primary().stats().dedicated());
        assertTrue(isFree(db));
    }

    @AfterAll
    static void close() throws Exception {
        db.close();
        server.assertNoConnections(LIMIT);
        server.close();
        ThreadLeaks.assertNone(LIMIT);
    }

    // ---- one at a time ----

    /** A release that returns before the lock is free shows as a round without a winner. */
    @Test
    void oneOfEightThreadsWinsEachRound() throws Exception {
        int threads = 8;
        int rounds = 100;
        CyclicBarrier barrier = new CyclicBarrier(threads);
        AtomicInteger[] winners = new AtomicInteger[rounds];
        for (int i = 0; i < rounds; i++) {
            winners[i] = new AtomicInteger();
        }
        inParallel(threads, () -> {
            try (Connection session = db.primary().acquireDedicated("racer")) {
                for (AtomicInteger winner : winners) {
                    barrier.await(10, TimeUnit.SECONDS);
                    Optional<HeldLock> lock = AdvisoryLock.tryAcquire(session, ID);
                    lock.ifPresent(won -> winner.incrementAndGet());
                    barrier.await(10, TimeUnit.SECONDS);
                    lock.ifPresent(won -> assertTrue(won.release()));
                }
            }
            return null;
        });
        for (AtomicInteger winner : winners) {
            assertEquals(1, winner.get());
        }
    }

    @Test
    void losersOfARaceForSessionsOfTheirOwnKeepNothing() throws Exception {
        List<Optional<HeldLock>> results = inParallel(8, () -> AdvisoryLock.tryAcquire(db.primary(), ID));
        List<HeldLock> won = results.stream().flatMap(Optional::stream).toList();
        assertEquals(1, won.size());
        assertEquals(List.of("lock " + ID), db.primary().stats().dedicated());
        assertTrue(won.getFirst().isHeld(LIMIT));
        assertTrue(won.getFirst().release());
        assertEquals(List.of(), db.primary().stats().dedicated());
        assertTrue(isFree(db));
    }

    @Test
    void sessionThatHasTheLockIsRefusedASecondTime() throws Exception {
        try (Connection session = db.primary().acquireDedicated("worker")) {
            HeldLock lock = AdvisoryLock.tryAcquire(session, ID).orElseThrow();
            assertThrows(IllegalStateException.class, () -> AdvisoryLock.tryAcquire(session, ID));
            // The refusal has not counted: one release is enough.
            assertTrue(lock.release());
            assertTrue(isFree(db));

            for (String sql : List.of("pg_advisory_lock(", "pg_advisory_lock_shared(")) {
                execute(session, "SELECT " + sql + ID + ")");
                assertThrows(IllegalStateException.class, () -> AdvisoryLock.tryAcquire(session, ID), sql);
                execute(session, "SELECT pg_advisory_unlock_all()");
            }
            assertTrue(AdvisoryLock.tryAcquire(session, ID).isPresent());
            assertTrue(AdvisoryLock.tryAcquire(session, LockId.of(1)).isPresent(), "another lock is no second time");
        }
    }

    @Test
    void onlyDedicatedConnectionsMayHaveALock() throws Exception {
        try (Connection pooled = db.primary().acquire();
                Connection foreign = server.connect()) {
            Connection closed = db.primary().acquireDedicated("closed");
            closed.close();
            for (Connection connection : List.of(pooled, foreign, closed)) {
                assertThrows(IllegalArgumentException.class, () -> AdvisoryLock.tryAcquire(connection, ID));
            }
            assertTrue(isFree(db));
        }
    }

    @Test
    void everyNumberIsALock() {
        for (long number : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 0x8000_0000L, 0xFFFF_FFFF_0000_0000L}) {
            LockId id = LockId.of(number);
            try (HeldLock lock = AdvisoryLock.tryAcquire(db.primary(), id).orElseThrow()) {
                assertTrue(lock.isHeld(LIMIT), id + "");
                assertTrue(AdvisoryLock.holder(db.primary(), id).isPresent(), id + "");
                assertTrue(AdvisoryLock.tryAcquire(db.primary(), id).isEmpty(), id + "");
            }
        }
    }

    // ---- transactions ----

    @Test
    void lockOfATransactionEndsWithIt() throws Exception {
        db.inTransaction(tx -> {
            assertTrue(AdvisoryLock.tryAcquire(tx, ID));
            assertTrue(AdvisoryLock.tryAcquire(tx, ID), "a second time changes nothing");
            assertTrue(AdvisoryLock.tryAcquire(db.primary(), ID).isEmpty());
            return null;
        });
        assertTrue(isFree(db));

        assertThrows(
                IllegalStateException.class,
                () -> db.inTransaction(tx -> {
                    assertTrue(AdvisoryLock.tryAcquire(tx, ID));
                    throw new IllegalStateException("rolled back");
                }));
        assertTrue(isFree(db));

        try (HeldLock lock = take(db)) {
            boolean second = db.inTransaction(tx -> AdvisoryLock.tryAcquire(tx, ID));
            assertFalse(second);
            assertTrue(lock.isHeld(LIMIT));
        }
    }

    @Test
    void savepointTakesItsLockBack() {
        db.inTransaction(tx -> {
            assertThrows(
                    IllegalStateException.class,
                    () -> tx.withSavepoint(inner -> {
                        assertTrue(AdvisoryLock.tryAcquire(inner, ID));
                        throw new IllegalStateException("undone");
                    }));
            assertTrue(isFree(db));
            return null;
        });
    }

    // ---- what a held lock knows ----

    @Test
    void proofIsAsOldAsTheLastAnswer() throws Exception {
        long before = System.nanoTime();
        try (HeldLock lock = take(db)) {
            assertFalse(lock.proofAge().toNanos() > System.nanoTime() - before);
            Thread.sleep(30);
            Duration old = lock.proofAge();
            assertTrue(old.toMillis() >= 30, old + "");
            long asked = System.nanoTime();
            assertTrue(lock.isHeld(LIMIT));
            assertTrue(lock.proofAge().toNanos() <= System.nanoTime() - asked);
            assertFalse(lock.isLost());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"SELECT pg_advisory_unlock_all()", "DISCARD ALL"})
    void lockThatItsSessionGaveAwayIsLostForGood(String sql) throws Exception {
        HeldLock lock = take(db);
        execute(lock.connection(), sql);
        try (HeldLock other = take(db)) {
            assertFalse(lock.isHeld(LIMIT));
            assertTrue(lock.isLost());
            assertFalse(lock.release());
            assertTrue(other.isHeld(LIMIT), "the loser has released what is not its own");
        }
        HeldLock unasked = take(db);
        execute(unasked.connection(), sql);
        assertFalse(unasked.release());
    }

    @Test
    void releasedLockIsNeitherHeldNorReleasedAgain() throws Exception {
        Connection session = db.primary().acquireDedicated("worker");
        HeldLock first = AdvisoryLock.tryAcquire(session, ID).orElseThrow();
        assertTrue(first.release());
        assertTrue(first.isLost());
        assertFalse(first.isHeld(LIMIT));
        // The session's next one is not the first one's to give back.
        HeldLock second = AdvisoryLock.tryAcquire(session, ID).orElseThrow();
        assertFalse(first.release());
        first.close();
        assertFalse(first.isHeld(LIMIT));
        assertTrue(second.isHeld(LIMIT));
        // Closed with the lock in it.
        session.close();
        assertTrue(second.isLost());
        assertFalse(second.release());
        try (HeldLock third = LockFixture.awaitAndTake(db)) {
            assertTrue(third.isHeld(LIMIT));
        }
    }

    @Test
    void failedTransactionCannotBeAskedAndKeepsTheLock() throws Exception {
        try (HeldLock lock = take(db)) {
            Connection session = lock.connection();
            int limit = db.withConnection(Connection::getNetworkTimeout);
            session.setAutoCommit(false);
            assertThrows(SQLException.class, () -> execute(session, "SELECT 1/0"));
            assertThrows(DatabaseException.class, () -> lock.isHeld(LIMIT));
            assertEquals(limit, session.getNetworkTimeout(), "the limit of the question stays");
            assertFalse(lock.isLost());
            session.rollback();
            assertTrue(lock.isHeld(LIMIT));
        }
    }

    // ---- the holder ----

    @Test
    void holderIsTheSessionThatHasTheLock() throws Exception {
        assertTrue(AdvisoryLock.holder(db.primary(), ID).isEmpty());
        try (HeldLock lock = take(db)) {
            LockHolder holder = AdvisoryLock.holder(db.primary(), ID).orElseThrow();
            assertEquals(server.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"), holder.pid() + "");
            String activity = " FROM pg_stat_activity WHERE pid = " + holder.pid();
            assertEquals("locker", holder.applicationName());
            assertEquals("idle", holder.state());
            assertEquals(instant("SELECT backend_start" + activity), holder.backendStart());
            assertEquals(instant("SELECT state_change" + activity), holder.since());
            assertEquals(instant("SELECT query_start" + activity), holder.queryStart());
            assertEquals(server.query("SELECT host(client_addr) || ':' || client_port" + activity), holder.client());
            assertTrue(holder.toString().startsWith("pid " + holder.pid() + " \"locker\" from 127"), holder + "");
            // Itself.
            assertEquals(
                    holder.pid(),
                    AdvisoryLock.holder(lock.connection(), ID).orElseThrow().pid());
        }
    }

    @Test
    void otherLocksOfTheSameNumberAreNotOurs() throws Exception {
        try (TestDatabase elsewhere = TestDatabase.on(server.server());
                Database other = open(elsewhere, 2);
                HeldLock theirs = take(other);
                Connection pair = db.primary().acquireDedicated("pair")) {
            execute(pair, "SELECT pg_advisory_lock(" + ID.classId() + ", " + ID.objId() + ")");
            assertTrue(isFree(db));
            try (HeldLock ours = take(db)) {
                assertTrue(ours.isHeld(LIMIT));
                // With that one left, ours is lost.
                execute(pair, "SELECT pg_advisory_unlock_all()");
                execute(ours.connection(), "SELECT pg_advisory_lock(" + ID.classId() + ", " + ID.objId() + ")");
                execute(ours.connection(), "SELECT pg_advisory_unlock(" + ID + ")");
                assertFalse(ours.isHeld(LIMIT));
            }
            assertTrue(theirs.isHeld(LIMIT));
        }
    }

    @Test
    void holderOfAnotherUserIsNamedAsFarAsTheRoleMaySee() throws Exception {
        try (HeldLock lock = take(db)) {
            LockHolder seen = db.withConnection(c -> {
                execute(c, "SET ROLE pg_signal_backend");
                return AdvisoryLock.holder(c, ID).orElseThrow();
            });
            assertTrue(seen.pid() > 0);
            assertEquals("locker", seen.applicationName());
            assertNull(seen.state());
            assertNull(seen.backendStart());
            assertTrue(seen.toString().contains("pg_read_all_stats"), seen + "");
            assertTrue(lock.isHeld(LIMIT));
        }
    }

    @Test
    void preparedTransactionIsAHolderWithoutAProcess() throws Exception {
        assumeTrue(!"0".equals(server.query("SHOW max_prepared_transactions")), "no prepared transactions here");
        String name = "'" + server.name() + "'";
        server.execute("BEGIN; SELECT pg_advisory_xact_lock(" + ID + "); PREPARE TRANSACTION " + name);
        LockHolder holder = AdvisoryLock.holder(db.primary(), ID).orElseThrow();
        server.execute("ROLLBACK PREPARED " + name);
        assertEquals(0, holder.pid());
        assertNotNull(holder.toString());
        assertTrue(isFree(db));
    }

    private static Instant instant(String sql) throws Exception {
        String text = server.query("SELECT to_json((" + sql + ") AT TIME ZONE 'UTC') #>> '{}'");
        return Instant.parse(text + "Z");
    }

    private static <T> List<T> inParallel(int threads, Callable<T> task) throws InterruptedException {
        List<FutureTask<T>> tasks = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            FutureTask<T> each = new FutureTask<>(task);
            tasks.add(each);
            Thread.ofVirtual().name("racer-" + i).start(each);
        }
        List<T> results = new ArrayList<>();
        for (FutureTask<T> each : tasks) {
            try {
                results.add(each.get());
            } catch (ExecutionException e) {
                throw new AssertionError("a racer failed", e.getCause());
            }
        }
        return results;
    }
}
