package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.SqlState;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Promotions, a split and servers that turn read-only, under steady writes, on real clusters. */
@Timeout(90)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class PromotionTest {

    private static final Duration WITHIN = Duration.ofSeconds(1);

    /** What a new session and a slow machine may add. */
    private static final Duration CONNECT = Duration.ofMillis(500);

    private static final Duration PATIENCE = Duration.ofSeconds(15);

    // ---- several addresses ----

    @Test
    void aPromotedServerIsFollowedWhileTheOldPrimaryLivesAndEqualTimelinesAreRefused() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(2).start()) {
            PostgresServer old = cluster.primary();
            PostgresServer first = cluster.replicas().get(0);
            PostgresServer second = cluster.replicas().get(1);
            old.execute(Writers.TABLE);
            cluster.awaitReplayed(PATIENCE);
            DatabaseConfig config = DatabaseConfig.builder(old.url())
                    .primaryUrls(List.of(first.url(), second.url()))
                    .replicaUrls(List.of(first.url()))
                    .readFromReplica(true)
                    .poolSize(12)
                    .poolTimeout(Duration.ofMillis(500))
                    .build();
            try (Database db = Database.open(config);
                    Writers writers = new Writers(db, 8);
                    Connection read = db.readPool().acquire();
                    Connection held = db.primary().acquire()) {
                held.setAutoCommit(false);
                Writers.insert(held, "held");
                writers.awaitMore(100);
                long detected = split(db, writers, old, first);
                heldTransactionIsRefused(held, old);
                leavesTheRotationAtItsFirstStatement(db, read);
                equalTimelinesAreRefused(db, writers, first, second);
                writers.stop();
                assertEquals("0", old.query(Writers.writtenAfter(detected)), "writes on the old primary");
            }
        }
    }

    private static long split(Database db, Writers writers, PostgresServer old, PostgresServer promoted)
            throws Exception {
        long asked = System.nanoTime();
        promoted.promote();
        long writable = System.nanoTime();
        await("the promoted server is followed", PATIENCE, () -> isAt(db, promoted));
        long detected = System.nanoTime();
        writers.awaitMore(100);
        System.out.println("figure: split: followed " + millis(detected - writable) + " ms after the promotion ("
                + millis(detected - asked) + " ms after it was asked for), 100 writes later after "
                + millis(System.nanoTime() - writable) + " ms");
        assertTrue(detected - writable < WITHIN.toNanos(), "followed after " + millis(detected - writable) + " ms");
        assertEquals("f", old.query("SELECT pg_is_in_recovery()"), "the old primary would take writes");
        assertTrue(Long.parseLong(promoted.query(Writers.writtenAfter(detected))) > 0);
        return detected;
    }

    private static void heldTransactionIsRefused(Connection held, PostgresServer old) throws SQLException {
        SQLException statement = assertThrows(SQLException.class, () -> Writers.insert(held, "held again"));
        assertEquals(SqlState.READ_ONLY, statement.getSQLState());
        assertTrue(statement.getMessage().contains("is the primary no more"), statement.getMessage());
        SQLException commit = assertThrows(SQLException.class, held::commit);
        assertEquals(SqlState.READ_ONLY, commit.getSQLState());
        held.close();
        assertEquals("0", old.query("SELECT count(*) FROM w WHERE what LIKE 'held%'"));
    }

    private static void leavesTheRotationAtItsFirstStatement(Database db, Connection read) throws SQLException {
        try (Statement statement = read.createStatement()) {
            statement.execute("SELECT 1");
        }
        read.close();
        assertEquals(ReplicaStatus.State.NOT_A_REPLICA, db.replicas().get(0).state());
        assertEquals(db.primary(), db.readPool());
    }

    private static void equalTimelinesAreRefused(
            Database db, Writers writers, PostgresServer first, PostgresServer second) throws Exception {
        second.promote();
        await("nobody is followed", PATIENCE, () -> refusal(db).contains("both claim"));
        AcquireException e =
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(200)));
        assertEquals(AcquireException.Reason.SERVER_DOWN, e.reason());
        assertTrue(e.getMessage().contains(":" + first.port() + "/"), e.getMessage());
        assertTrue(e.getMessage().contains(":" + second.port() + "/"), e.getMessage());
        ServerCheckException start = assertThrows(
                ServerCheckException.class,
                () -> Database.open(DatabaseConfig.builder(second.url())
                        .primaryUrls(List.of(first.url()))
                        .build()));
        assertEquals(ServerCheckException.Check.WRITABLE, start.check());
        assertTrue(start.getMessage().contains("both claim"), start.getMessage());
        String before = first.query("SELECT count(*) FROM w");
        assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(300)));
        assertEquals(before, first.query("SELECT count(*) FROM w"));
        second.stop();
        writers.awaitMore(10);
        assertTrue(isAt(db, first));
    }

    @Test
    void writesGoOnAfterAPromotionHoweverTheOldPrimaryEnded() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            PostgresServer a = cluster.primary();
            PostgresServer b = cluster.replicas().get(0);
            a.execute(Writers.TABLE);
            cluster.awaitReplayed(PATIENCE);
            DatabaseConfig config = DatabaseConfig.builder(b.url())
                    .primaryUrls(List.of(a.url(), b.url()))
                    .poolSize(12)
                    .poolTimeout(Duration.ofMillis(300))
                    .closeTimeout(Duration.ofSeconds(1))
                    .build();
            try (Database db = Database.open(config);
                    Writers writers = new Writers(db, 8)) {
                assertTrue(isAt(db, a), "the writable one is looked for among all");
                writers.awaitMore(100);
                // Hung: the sockets stay open, nothing answers, and the sessions in use hang in their statements.
                a.pause();
                promoted(db, b, "paused");
                writers.awaitAllAlive(Duration.ofSeconds(4));
                cluster.rejoin(a);
                cluster.awaitReplayed(PATIENCE);
                writers.awaitMore(100);
                assertTrue(isAt(db, b), "the rejoined standby changes nothing");

                b.stop();
                await("nobody is writable", PATIENCE, () -> refusal(db).contains("none of 2 servers takes writes"));
                AcquireException e =
                        assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(200)));
                assertEquals(AcquireException.Reason.SERVER_DOWN, e.reason());
                assertTrue(e.waited().toMillis() >= 200, "it waits until its deadline");
                assertTrue(e.getMessage().contains(":" + a.port() + "/postgres (a standby)"), e.getMessage());
                ServerCheckException start = assertThrows(ServerCheckException.class, () -> Database.open(config));
                assertEquals(ServerCheckException.Check.WRITABLE, start.check());
                promoted(db, a, "stopped");

                // The old one comes back as the primary that it was, on a timeline that has ended.
                b.start();
                writers.awaitMore(500);
                assertTrue(isAt(db, a));
                writers.stop();
                PoolConservation.check(db.primary(), 12);
            }
        }
    }

    private static void promoted(Database db, PostgresServer server, String how) throws Exception {
        server.promote();
        long writable = System.nanoTime();
        await("the promoted server is followed", PATIENCE, () -> isAt(db, server));
        long followed = System.nanoTime() - writable;
        await("a write", PATIENCE, () -> Writers.write(db, false));
        long written = System.nanoTime() - writable;
        System.out.println("figure: old primary " + how + ": followed " + millis(followed) + " ms after the promotion,"
                + " first write after " + millis(written) + " ms");
        assertTrue(followed < WITHIN.toNanos(), "followed after " + millis(followed) + " ms");
        assertTrue(written < WITHIN.plus(CONNECT).toNanos(), "first write after " + millis(written) + " ms");
    }

    @Test
    void serversThatAreNotOneClusterAreRefusedAtTheStart() throws Exception {
        try (PostgresCluster ours = PostgresCluster.builder().start();
                PostgresCluster foreign = PostgresCluster.older().start()) {
            PostgresServer server = ours.primary();
            ServerCheckException mixed = assertThrows(
                    ServerCheckException.class,
                    () -> Database.open(DatabaseConfig.builder(server.url())
                            .primaryUrls(List.of(foreign.primary().url()))
                            .build()));
            assertEquals(ServerCheckException.Check.SAME_CLUSTER, mixed.check());
            assertTrue(mixed.getMessage().contains(server.query("SELECT system_identifier FROM pg_control_system()")));
            assertTrue(mixed.getMessage()
                    .contains(foreign.primary().query("SELECT system_identifier FROM pg_control_system()")));
        }
    }

    // ---- one address ----

    @Test
    void aSinglePrimaryThatTurnsReadOnlyIsSaidToBeAndItsConnectionsEnd() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start()) {
            PostgresServer server = cluster.primary();
            server.execute(Writers.TABLE);
            DatabaseConfig config = DatabaseConfig.builder(server.url())
                    .poolTimeout(Duration.ofSeconds(5))
                    .build();
            try (Database db = Database.open(config)) {
                aUsersOwnReadOnlyTransactionSaysNothingOfTheServer(db);
                readOnlyByDefault(db, server);
                restartedAsStandby(db, server);
            }
        }
    }

    private static void aUsersOwnReadOnlyTransactionSaysNothingOfTheServer(Database db) {
        long ended = db.primary().stats().closed();
        DatabaseException own = assertThrows(
                DatabaseException.class,
                () -> db.inTransaction(
                        TransactionOptions.builder().readOnly(true).build(),
                        tx -> Writers.insert(tx.connection(), "x")));
        assertEquals(SqlState.READ_ONLY, own.sqlState());
        assertFalse(own.getMessage().contains("known since"), own.getMessage());
        DatabaseException set = assertThrows(
                DatabaseException.class,
                () -> db.withConnection(c -> {
                    try (Statement statement = c.createStatement()) {
                        statement.execute("SET default_transaction_read_only = on");
                    }
                    return Writers.insert(c, "x");
                }));
        assertFalse(set.getMessage().contains("known since"), set.getMessage());
        assertEquals(ended, db.primary().stats().closed());
    }

    private static void readOnlyByDefault(Database db, PostgresServer server) throws Exception {
        Connection idle = db.primary().acquire();
        Connection held = db.primary().acquire();
        idle.close();
        long before = db.primary().stats().closed();
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on");
        server.execute("SELECT pg_reload_conf()");
        await("the setting is on", PATIENCE, () -> "on".equals(ask(server, "SHOW default_transaction_read_only")));
        // A backend reads the new setting before its next statement, or the one after that.
        await("a write is refused", PATIENCE, () -> {
            try {
                Writers.insert(held, "x");
                return false;
            } catch (SQLException e) {
                assertEquals(SqlState.READ_ONLY, e.getSQLState());
                assertTrue(e.getMessage().contains("known since"), e.getMessage());
                assertTrue(e.getMessage().contains("default_transaction_read_only = on"), e.getMessage());
                return true;
            }
        });
        await("the idle one was ended", PATIENCE, () -> db.primary().stats().closed() == before + 1);
        held.close();
        assertEquals(before + 2, db.primary().stats().closed());
        server.execute("ALTER SYSTEM RESET default_transaction_read_only");
        server.execute("SELECT pg_reload_conf()");
        await("writes are taken again", PATIENCE, () -> {
            try {
                boolean written = db.withConnection(c -> Writers.insert(c, "y"));
                return written;
            } catch (DatabaseException e) {
                return false;
            }
        });
    }

    private static void restartedAsStandby(Database db, PostgresServer server) throws Exception {
        server.stop();
        server.startAsStandby();
        assertFalse(Writers.write(db, false), "the sessions of before are dead");
        AcquireException e =
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(800)));
        assertEquals(AcquireException.Reason.SERVER_DOWN, e.reason());
        assertEquals(SqlState.READ_ONLY, SqlState.of(e));
        assertTrue(e.getMessage().contains("in_hot_standby = on"), e.getMessage());
        server.promote();
        long writable = System.nanoTime();
        boolean written = db.withConnection(c -> Writers.insert(c, "z"));
        assertTrue(written);
        assertTrue(System.nanoTime() - writable < WITHIN.plus(CONNECT).toNanos());
    }

    // ---- to ask with ----

    private static String ask(PostgresServer server, String sql) {
        try {
            return String.valueOf(server.query(sql));
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean isAt(Database db, PostgresServer server) {
        return db.primary().toString().contains(":" + server.port() + "/");
    }

    private static String refusal(Database db) {
        try (Connection c = db.primary().acquire(Duration.ofMillis(50))) {
            return c.isClosed() ? "closed" : "";
        } catch (AcquireException | SQLException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static void await(String what, Duration limit, BooleanSupplier condition) throws InterruptedException {
        long begin = System.nanoTime();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() - begin < limit.toNanos(), "not within " + limit + ": " + what);
            Thread.sleep(2);
        }
    }

    private static long millis(long nanos) {
        return nanos / 1_000_000;
    }

    /** Threads that write as fast as they can, each row with the time at which its statement began. */
    private static final class Writers implements AutoCloseable {

        static final String TABLE = "CREATE TABLE w (what text, began bigint)";

        private final List<Thread> threads = new ArrayList<>();
        private final AtomicInteger[] counts;
        private volatile boolean stopped;

        Writers(Database db, int count) {
            counts = new AtomicInteger[count];
            for (int i = 0; i < count; i++) {
                AtomicInteger mine = new AtomicInteger();
                counts[i] = mine;
                boolean transactions = i % 2 == 0;
                threads.add(Thread.ofVirtual().name("writer-" + i).start(() -> {
                    while (!stopped) {
                        if (write(db, transactions)) {
                            mine.incrementAndGet();
                        }
                    }
                }));
            }
        }

        /** Whether that succeeded. */
        static boolean write(Database db, boolean transaction) {
            try {
                if (transaction) {
                    db.inTransaction(tx -> Writers.insert(tx.connection(), "tx"));
                } else {
                    db.withConnection(c -> Writers.insert(c, "auto"));
                }
                Thread.sleep(1);
                return true;
            } catch (DatabaseException | AcquireException | CommitOutcomeUnknownException e) {
                // What a change of the primary costs those who write at that moment.
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }

        static boolean insert(Connection connection, String what) throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute("INSERT INTO w VALUES ('" + what + "', " + System.nanoTime() + ")");
                return true;
            }
        }

        static String writtenAfter(long nanos) {
            return "SELECT count(*) FROM w WHERE began > " + nanos;
        }

        int done() {
            int sum = 0;
            for (AtomicInteger count : counts) {
                sum += count.get();
            }
            return sum;
        }

        void awaitMore(int more) throws InterruptedException {
            awaitMoreThan(done() + more);
        }

        void awaitMoreThan(int before) throws InterruptedException {
            await("more than " + before + " writes", PATIENCE, () -> done() > before);
        }

        /** Each has written since this was called. */
        void awaitAllAlive(Duration limit) throws InterruptedException {
            for (AtomicInteger count : counts) {
                int before = count.get();
                await("a writer goes on", limit, () -> count.get() > before);
            }
        }

        void stop() throws InterruptedException {
            stopped = true;
            for (Thread thread : threads) {
                assertTrue(thread.join(Duration.ofSeconds(10)));
            }
        }

        @Override
        public void close() {
            stopped = true;
        }
    }
}
