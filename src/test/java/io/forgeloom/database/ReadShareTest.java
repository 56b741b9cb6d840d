package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** A lag storm: no replica may serve reads, and the primary gives them as many connections as it is told to. */
@Tag("slow")
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class ReadShareTest {

    private static final Duration SOON = Duration.ofSeconds(10);
    private static final int SIZE = 12;
    private static final int CAP = 4;
    private static final int READERS = 200;

    /** Shows in pg_stat_activity who is who. */
    private static final String SERVICE = "storm";

    private static PostgresCluster cluster;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.builder().replicas(2).start();
        for (PostgresServer replica : cluster.replicas()) {
            replica.execute("SELECT pg_wal_replay_pause()");
        }
        cluster.primary().execute("CREATE TABLE public.t (id int)");
    }

    @AfterAll
    static void close() {
        cluster.close();
    }

    /** With all replicas over the bound. */
    private static Database open(OverCap overCap) throws InterruptedException {
        Database db = Database.open(config(overCap).build());
        await(() -> db.replicas().stream()
                .allMatch(replica -> replica.state() == ReplicaStatus.State.LAGGING && replica.lag() != null));
        return db;
    }

    private static DatabaseConfig.Builder config(OverCap overCap) {
        return DatabaseConfig.builder(cluster.primary().url())
                .serviceName(SERVICE)
                .poolSize(SIZE)
                .replicaUrls(
                        cluster.replicas().stream().map(PostgresServer::url).toList())
                .replicaPoolSize(20)
                .readFromReplica(true)
                .replicaOptions(ReplicaOptions.builder()
                        .maxLag(Duration.ofSeconds(2))
                        .maxPrimaryReadShare(CAP)
                        .overCap(overCap)
                        .build());
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, "awaited in vain");
            TimeUnit.MILLISECONDS.sleep(2);
        }
    }

    private static ReadShare share(Database db) {
        ReadShare share = db.readShare();
        assertNotNull(share);
        return share;
    }

    /** What 200 readers met in 0.3 s, and the most that the primary was used for reads meanwhile. */
    private record Storm(int onPrimary, int onReplicas, int refused, int most, int mostByGauge, int writes) {

        boolean reachedCap() {
            return most > 0 && mostByGauge >= CAP && onPrimary > 0 && writes > 0;
        }
    }

    /** On a slow machine for longer, until {@code enough} was seen. */
    private static Storm storm(Database db, Predicate<Storm> enough) throws Exception {
        AtomicBoolean over = new AtomicBoolean();
        AtomicInteger onPrimary = new AtomicInteger();
        AtomicInteger onReplicas = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        AtomicInteger writes = new AtomicInteger();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < READERS; i++) {
            readers.add(Thread.ofVirtual().name("reader-" + i).start(() -> {
                while (!over.get()) {
                    try {
                        (readOnReplica(db) ? onReplicas : onPrimary).incrementAndGet();
                    } catch (AcquireException e) {
                        assertSame(Reason.READ_SHARE, e.reason(), e.getMessage());
                        refused.incrementAndGet();
                        pause();
                    } catch (SQLException | RuntimeException e) {
                        failure.compareAndSet(null, e);
                    }
                }
            }));
        }
        Thread writer = Thread.ofVirtual().name("writer").start(() -> {
            while (!over.get()) {
                db.<Boolean, RuntimeException>inTransaction(tx -> {
                    try (Statement statement = tx.connection().createStatement()) {
                        return statement.execute("INSERT INTO public.t VALUES (1)");
                    }
                });
                writes.incrementAndGet();
            }
        });
        int most = 0;
        int mostByGauge = 0;
        Storm seen;
        try (Connection observer = cluster.primary().connect();
                Statement statement = observer.createStatement()) {
            long begin = System.nanoTime();
            long took;
            do {
                try (ResultSet row = statement.executeQuery("SELECT count(*) FROM pg_stat_activity"
                        + " WHERE application_name = '" + SERVICE + "' AND state = 'active' AND query ~ 'a_read'")) {
                    row.next();
                    most = Math.max(most, row.getInt(1));
                }
                mostByGauge = Math.max(mostByGauge, share(db).inUse());
                seen = new Storm(onPrimary.get(), onReplicas.get(), refused.get(), most, mostByGauge, writes.get());
                took = System.nanoTime() - begin;
            } while (took < 300_000_000L || (took < SOON.toNanos() && !enough.test(seen)));
        }
        over.set(true);
        for (Thread reader : readers) {
            assertTrue(reader.join(SOON));
        }
        assertTrue(writer.join(SOON));
        assertNull(failure.get(), () -> "" + failure.get());
        assertEquals(0, share(db).inUse());
        assertEquals(0, share(db).waiting());
        Storm result = new Storm(onPrimary.get(), onReplicas.get(), refused.get(), most, mostByGauge, writes.get());
        System.out.println(result);
        return result;
    }

    private static boolean readOnReplica(Database db) throws SQLException {
        try (Connection connection = db.readPool().acquire();
                Statement statement = connection.createStatement();
                ResultSet row =
                        statement.executeQuery("/* a_read */ SELECT pg_is_in_recovery() FROM pg_sleep(0.005)")) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void assertWithinCap(Storm storm) {
        assertTrue(storm.most > 0 && storm.most <= CAP, "by the server's own count: " + storm.most);
        assertEquals(CAP, storm.mostByGauge);
        assertTrue(storm.onPrimary > 0 && storm.writes > 0, storm.toString());
    }

    @Test
    void waitingReadersNeverUseMoreOfThePrimaryThanTheCap() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            Storm storm = storm(db, Storm::reachedCap);

            assertWithinCap(storm);
            assertEquals(0, storm.onReplicas + storm.refused);
        }
    }

    @Test
    void overTheCapStaleReadsGoToALaggingReplica() throws Exception {
        try (Database db = open(OverCap.readStale())) {
            Storm storm = storm(db, seen -> seen.reachedCap() && seen.onReplicas > 0);

            assertWithinCap(storm);
            assertTrue(storm.onReplicas > 0, storm.toString());
            assertEquals(0, storm.refused);
        }
    }

    @Test
    void overTheCapReadsAreRefusedAtOnceIfToldSo() throws Exception {
        try (Database db = open(OverCap.fail())) {
            Storm storm = storm(db, seen -> seen.reachedCap() && seen.refused > 0);

            assertWithinCap(storm);
            assertEquals(0, storm.onReplicas);
            assertTrue(storm.refused > 0, storm.toString());
        }
    }

    @Test
    void waitForTheShareEndsAtTheTimeoutWithAReasonOfItsOwn() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            List<Connection> all = takeAll(db);
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.readPool().acquire(Duration.ofMillis(50)));

            assertEquals(Reason.READ_SHARE, e.reason());
            assertTrue(e.waited().toMillis() >= 50, e.getMessage());
            assertTrue(e.getMessage().contains("all 4 connections of the primary"), e.getMessage());
            // The rest of the pool is for others.
            db.primary().acquire(Duration.ofSeconds(1)).close();
            closeAll(all);
            assertConserved(db);
        }
    }

    @Test
    void readThatNeedsThePrimaryNeverGetsAStaleReplica() throws Exception {
        try (Database db = open(OverCap.readStale())) {
            List<Connection> all = new ArrayList<>();
            for (int i = 0; i < CAP; i++) {
                all.add(db.primaryForReads().acquire());
            }
            AcquireException e = assertThrows(
                    AcquireException.class, () -> db.primaryForReads().acquire(Duration.ofMillis(50)));
            assertEquals(Reason.READ_SHARE, e.reason());
            try (Connection stale = db.readPool().acquire(Duration.ofMillis(500))) {
                assertTrue(stale.toString().startsWith("Connection[replica-"), stale.toString());
            }
            closeAll(all);
            assertConserved(db);
        }
    }

    @Test
    void thereIsNoCapWhereThePrimaryIsTheWayOfAllReads() {
        try (Database db =
                Database.open(config(OverCap.fail()).readFromReplica(false).build())) {
            assertSame(db.primary(), db.readPool());
            assertNull(db.readShare());
        }
    }

    @Test
    void permitsComeBackFromKilledBackends() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            List<Connection> all = takeAll(db);
            cluster.primary()
                    .execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '"
                            + SERVICE + "'");
            for (Connection connection : all) {
                try (Statement statement = connection.createStatement()) {
                    assertThrows(SQLException.class, () -> statement.execute("SELECT 1"));
                }
            }
            closeAll(all);
            assertConserved(db);
        }
    }

    @Test
    void permitsComeBackFromConnectionsThatAreDroppedOrAborted() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            for (int i = 0; i < CAP; i++) {
                drop(db, i % 2 == 0);
            }
            await(() -> {
                System.gc();
                return share(db).inUse() == 0;
            });
            assertConserved(db);
        }
    }

    @SuppressWarnings("resource") // dropping it is what is under test
    private static void drop(Database db, boolean aborted) throws SQLException {
        Connection connection = db.readPool().acquire();
        if (aborted) {
            connection.abort(Runnable::run);
            connection.close();
        }
    }

    @Test
    void permitsComeBackFromInterruptedReadersAndThoseThatWait() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            AtomicInteger interrupted = new AtomicInteger();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4 * CAP; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    try (Connection connection = db.readPool().acquire();
                            Statement statement = connection.createStatement()) {
                        statement.execute("SELECT pg_sleep(60)");
                    } catch (AcquireException | SQLException e) {
                        interrupted.addAndGet(Thread.currentThread().isInterrupted() ? 1 : 0);
                    }
                }));
            }
            await(() -> share(db).inUse() == CAP && share(db).waiting() == 3 * CAP);
            threads.forEach(Thread::interrupt);
            for (Thread thread : threads) {
                assertTrue(thread.join(SOON));
            }

            assertEquals(4 * CAP, interrupted.get());
            // An interrupted session's backend goes on until it is ended, and counts until then.
            await(() -> share(db).inUse() == 0);
            assertEquals(
                    "0",
                    cluster.primary()
                            .query("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + SERVICE
                                    + "' AND query ~ 'pg_sleep' AND state = 'active'"));
            assertConserved(db);
        }
    }

    @Test
    void closeRefusesThoseThatWaitForTheShareAtOnce() throws Exception {
        try (Database db = open(OverCap.waitForPrimary())) {
            List<Connection> all = takeAll(db);
            AtomicInteger refused = new AtomicInteger();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    AcquireException e = assertThrows(
                            AcquireException.class, () -> db.readPool().acquire());
                    refused.addAndGet(e.reason() == Reason.CLOSED ? 1 : 0);
                }));
            }
            await(() -> share(db).waiting() == 20);
            Thread closer = Thread.ofVirtual().start(() -> db.close(SOON));
            for (Thread thread : threads) {
                assertTrue(thread.join(Duration.ofSeconds(2)));
            }

            assertEquals(20, refused.get());
            assertTrue(closer.isAlive());
            closeAll(all);
            assertTrue(closer.join(Duration.ofSeconds(5)));
            assertThrows(AcquireException.class, () -> db.readPool().acquire());
        }
    }

    private static List<Connection> takeAll(Database db) {
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < CAP; i++) {
            all.add(db.readPool().acquire(Duration.ofSeconds(5)));
        }
        assertEquals(CAP, share(db).inUse());
        return all;
    }

    private static void closeAll(List<Connection> connections) throws SQLException {
        for (Connection connection : connections) {
            connection.close();
        }
    }

    /** As many permits as the cap, not one more, and the pool whole. */
    private static void assertConserved(Database db) throws Exception {
        await(() -> share(db).inUse() == 0);
        List<Connection> all = takeAll(db);
        assertFalse(db.readPool().tryAcquire().isPresent());
        closeAll(all);
        assertEquals(0, share(db).inUse());
        assertTrue(db.readPool().tryAcquire().map(ReadShareTest::closed).isPresent());
        assertEquals(0, share(db).inUse());
        PoolConservation.check(db.primary(), SIZE);
    }

    private static boolean closed(Connection connection) {
        try {
            connection.close();
            return true;
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }
}
