package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Whoever reads after the position of a commit sees it, on a primary with two replicas, of which the second one replays
 * everything 200 ms late.
 */
@NeedsCluster
@Timeout(60)
@ExtendWith(ThreadLeaks.class)
class ReadYourWritesTest {

    private static final Duration SOON = Duration.ofSeconds(10);
    private static final int WRITERS = 4;
    private static final long PAGE = 8192;
    private static PostgresCluster cluster;
    private static PostgresServer late;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.builder().replicas(2).start();
        late = cluster.replicas().get(1);
        late.execute("ALTER SYSTEM SET recovery_min_apply_delay = '200ms'");
        late.execute("SELECT pg_reload_conf()");
        cluster.primary().execute("CREATE TABLE public.counter (id int PRIMARY KEY, n int) WITH (fillfactor = 50)");
        cluster.primary().execute("INSERT INTO public.counter SELECT i, 0 FROM generate_series(0, 99) i");
        cluster.awaitReplayed(SOON);
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    private static Database open(List<PostgresServer> replicas) {
        return Database.open(DatabaseConfig.builder(cluster.primary().url())
                .replicaUrls(replicas.stream().map(PostgresServer::url).toList())
                .readFromReplica(true)
                .poolSize(WRITERS)
                .replicaPoolSize(WRITERS)
                .build());
    }

    private static Committed<Integer> increment(Database db, int id) {
        return db.inTransactionWithPosition(tx -> {
            try (PreparedStatement update =
                    tx.connection().prepareStatement("UPDATE public.counter SET n = n + 1 WHERE id = ? RETURNING n")) {
                update.setInt(1, id);
                return number(update);
            }
        });
    }

    private static int number(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            assertTrue(row.next());
            return row.getInt(1);
        }
    }

    /** The counter as the server has it, and that server's port. */
    private record Seen(int n, int port) {

        static Seen on(Connection connection, int id) throws SQLException {
            try (PreparedStatement select =
                    connection.prepareStatement("SELECT n, inet_server_port() FROM public.counter WHERE id = ?")) {
                select.setInt(1, id);
                try (ResultSet row = select.executeQuery()) {
                    assertTrue(row.next());
                    return new Seen(row.getInt(1), row.getInt(2));
                }
            }
        }
    }

    // ---- pairs ----

    @Test
    void aReadAfterThePositionSeesTheWriteInAThousandPairs() throws Exception {
        pairs(1_000);
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void aReadAfterThePositionSeesTheWriteInAHundredThousandPairs() throws Exception {
        pairs(100_000);
    }

    private static void pairs(int total) throws Exception {
        AtomicLong stale = new AtomicLong();
        AtomicLong onReplicas = new AtomicLong();
        AtomicLong withoutPosition = new AtomicLong();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        long begin = System.nanoTime();
        try (Database db = open(cluster.replicas())) {
            List<Thread> writers = new ArrayList<>();
            for (int w = 0; w < WRITERS; w++) {
                int id = w;
                writers.add(Thread.ofVirtual().name("writer-" + w).start(() -> {
                    try {
                        for (int i = 0; i < total / WRITERS; i++) {
                            Committed<Integer> written = increment(db, id);
                            // The same without the position, so that the test is seen to be able to fail.
                            if (i % 10 == 0 && db.read(c -> Seen.on(c, id)).n < written.value()) {
                                withoutPosition.incrementAndGet();
                            }
                            Seen seen = db.read(ReadOptions.after(written.position()), c -> Seen.on(c, id));
                            stale.addAndGet(seen.n < written.value() ? 1 : 0);
                            onReplicas.addAndGet(seen.port == cluster.primary().port() ? 0 : 1);
                        }
                    } catch (Throwable e) {
                        failures.add(e);
                    }
                }));
            }
            for (Thread writer : writers) {
                writer.join();
            }
            System.out.println("read your writes: " + total + " pairs in "
                    + (System.nanoTime() - begin) / 1_000_000 + " ms, stale " + stale + ", on replicas " + onReplicas
                    + "; without the position " + withoutPosition + " of " + total / 10 + " stale");
        }
        assertEquals(List.of(), List.copyOf(failures));
        assertEquals(0, stale.get());
        assertTrue(withoutPosition.get() > 0, "the late replica is not late");
        assertTrue(onReplicas.get() > total * 9 / 10, onReplicas + " of " + total + " on replicas");
    }

    // ---- waiting ----

    @Test
    void aReadWaitsForTheReplicaAndHoldsNoConnectionMeanwhile() throws Exception {
        try (Database db = open(List.of(late))) {
            Committed<Integer> written = increment(db, 50);
            ConnectionPool pool = db.readPool();
            Thread reader = Thread.ofVirtual().name("reader").unstarted(() -> {
                Seen seen = db.read(ReadOptions.after(written.position()).waitAtMost(SOON), c -> Seen.on(c, 50));
                assertEquals(new Seen(written.value(), late.port()), seen);
            });
            Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
            reader.setUncaughtExceptionHandler((thread, e) -> failures.add(e));
            long begin = System.nanoTime();
            reader.start();
            int idle = 0;
            int looks = 0;
            while (!reader.join(Duration.ofMillis(1))) {
                looks++;
                idle += pool.stats().active() == 0 ? 1 : 0;
            }
            assertEquals(List.of(), List.copyOf(failures));
            long millis = (System.nanoTime() - begin) / 1_000_000;
            assertTrue(millis >= 100 && millis < 1_000, millis + " ms");
            assertTrue(idle > looks / 2, "no connection held in " + idle + " of " + looks + " looks");

            // What one learned is known to all: no second question.
            long reads = pool.acquired();
            assertEquals(late.port(), db.read(ReadOptions.after(written.position()), c -> Seen.on(c, 50)).port);
            assertEquals(reads + 1, pool.acquired());
        }
    }

    @Test
    void whenTheTimeIsOverThePrimaryAnswers() throws Exception {
        // However long this takes, it is not there before the time is over.
        late.execute("SELECT pg_wal_replay_pause()");
        try (Database db = open(List.of(late))) {
            for (Duration limit : List.of(Duration.ZERO, Duration.ofMillis(30))) {
                // The best of three: the machine may stand still in one.
                long best = Long.MAX_VALUE;
                for (int i = 0; i < 3 && best >= limit.toMillis() + 120; i++) {
                    Committed<Integer> written = increment(db, 51);
                    long begin = System.nanoTime();
                    Seen seen = db.read(ReadOptions.after(written.position()).waitAtMost(limit), c -> Seen.on(c, 51));
                    long millis = (System.nanoTime() - begin) / 1_000_000;
                    assertEquals(new Seen(written.value(), cluster.primary().port()), seen);
                    assertTrue(millis >= limit.toMillis(), millis + " ms");
                    best = Math.min(best, millis);
                }
                assertTrue(best < limit.toMillis() + 120, best + " ms");
            }
            // An unknown position is not waited for.
            long reads = db.readPool().acquired();
            ReadOptions after = ReadOptions.after(CommitPosition.UNKNOWN).waitAtMost(Duration.ofMinutes(1));
            assertEquals(cluster.primary().port(), db.read(after, c -> Seen.on(c, 51)).port);
            assertEquals(reads, db.readPool().acquired());
        } finally {
            late.execute("SELECT pg_wal_replay_resume()");
        }
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        try (Database db = open(List.of(late))) {
            Committed<Integer> written = increment(db, 52);
            Thread.currentThread().interrupt();
            AcquireException refused = assertThrows(
                    AcquireException.class,
                    () -> db.read(ReadOptions.after(written.position()).waitAtMost(SOON), c -> Seen.on(c, 52)));
            assertTrue(Thread.interrupted());
            assertEquals(AcquireException.Reason.INTERRUPTED, refused.reason());

            Thread me = Thread.currentThread();
            ConnectionPool pool = db.readPool();
            long before = pool.acquired();
            Thread interrupter = Thread.ofVirtual().name("interrupter").start(() -> {
                while (pool.acquired() < before + 3) {
                    Thread.onSpinWait();
                    Thread.yield();
                }
                me.interrupt();
            });
            ReadOptions far =
                    ReadOptions.after(new CommitPosition(Long.MAX_VALUE - 1)).waitAtMost(SOON);
            refused = assertThrows(AcquireException.class, () -> db.read(far, c -> Seen.on(c, 52)));
            assertTrue(Thread.interrupted());
            assertEquals(AcquireException.Reason.INTERRUPTED, refused.reason());
            interrupter.join();
            assertTrue(db.replicas().get(0).isInRotation(), "an interrupt is no evidence");
        }
    }

    // ---- ends of pages ----

    /** Commits until one ends with its page, as about one of a thousand does; {@code firstOf} for a segment's first page. */
    private static CommitPosition commitAtTheEndOfAPage(Database db) throws SQLException {
        for (int i = 0; i < 200; i++) {
            // What a transaction with an empty message takes; less if a page's header is in between.
            long before = insertLsn(db);
            long overhead = emit(db, 0).lsn() - before;
            long left = PAGE - insertLsn(db) % PAGE;
            long filler = left - overhead;
            if (filler >= 0) {
                CommitPosition position = emit(db, filler);
                if (position.lsn() % PAGE == 0) {
                    return position;
                }
            }
        }
        throw new AssertionError("no commit of 200 ended with its page");
    }

    private static long insertLsn(Database db) throws SQLException {
        return db.<Long, SQLException>withConnection(c -> {
            try (Statement statement = c.createStatement();
                    ResultSet row = statement.executeQuery("SELECT pg_current_wal_insert_lsn()")) {
                row.next();
                return CommitPosition.lsn(row.getString(1));
            }
        });
    }

    private static CommitPosition emit(Database db, long bytes) throws SQLException {
        return db.<Object, SQLException>inTransactionWithPosition(tx -> {
                    try (Statement statement = tx.connection().createStatement()) {
                        return statement.execute(
                                "SELECT pg_logical_emit_message(true, '', repeat('x', " + bytes + "))");
                    }
                })
                .position();
    }

    private static boolean hasReplayed(PostgresServer server, String lsn) throws SQLException {
        return "t".equals(server.query("SELECT pg_last_wal_replay_lsn() >= '" + lsn + "'::pg_lsn"));
    }

    private static void assertReadOnReplica(Database db, CommitPosition position, long header) throws SQLException {
        PostgresServer replica = cluster.replicas().get(0);
        long begin = System.nanoTime();
        Seen seen = db.read(ReadOptions.after(position).waitAtMost(SOON), c -> Seen.on(c, 60));
        long millis = (System.nanoTime() - begin) / 1_000_000;
        assertEquals(replica.port(), seen.port, "went to the primary after " + millis + " ms");
        assertTrue(millis < 1_000, millis + " ms");
        // What the server says is further: as long as the primary is idle, no replica gets there.
        String raw = cluster.primary().query("SELECT pg_current_wal_insert_lsn()");
        if (new CommitPosition(position.lsn() + header).toString().equals(raw)) {
            boolean replayed = hasReplayed(replica, raw);
            // Unless the primary has logged something of its own meanwhile, such as a snapshot.
            if (raw.equals(cluster.primary().query("SELECT pg_current_wal_insert_lsn()"))) {
                assertFalse(replayed, "the header is not skipped any more: " + raw);
            }
        }
    }

    @Test
    void aPositionAtAPagesStartDoesNotWaitOnAnIdleReplica() throws Exception {
        try (Database db = open(cluster.replicas().subList(0, 1))) {
            assertReadOnReplica(db, commitAtTheEndOfAPage(db), 0x18);
        }
    }

    @Test
    void aPositionAtASegmentsStartDoesNotWaitOnAnIdleReplica() throws Exception {
        try (Database db = open(cluster.replicas().subList(0, 1))) {
            CommitPosition position = db.<Object, SQLException>inTransactionWithPosition(tx -> {
                        try (Statement statement = tx.connection().createStatement()) {
                            return statement.execute("SELECT pg_switch_wal()");
                        }
                    })
                    .position();
            assertEquals(0, position.lsn() % (16 << 20), position.toString());
            assertReadOnReplica(db, position, 0x28);
        }
    }
}
