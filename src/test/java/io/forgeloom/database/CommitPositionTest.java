package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The position of a commit: its text, its place at the ends of pages, and that asking for it changes no commit's fate. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class CommitPositionTest {

    private static final long PAGE = 8192;
    private static final long SEGMENT = 16 << 20;

    private static final TransactionOptions TRACED =
            TransactionOptions.builder().traceCommit(true).build();

    // ---- text ----

    @Test
    void aPositionIsWrittenAsTheServerWritesIt() {
        for (String text : List.of("16/B374D848", "0/1", "1/0", "FF/10", "7FFFFFFF/FFFFFFFF")) {
            assertEquals(text, CommitPosition.parse(text).toString());
        }
        assertEquals(0x16_B374_D848L, CommitPosition.parse("16/b374d848").lsn());
        assertEquals(new CommitPosition(0x1_0000_0001L), CommitPosition.parse("00000001/00000001"));
    }

    @Test
    void positionsAreInTheOrderOfTheLog() {
        CommitPosition before = CommitPosition.parse("0/FFFFFFFF");
        CommitPosition after = CommitPosition.parse("1/0");
        assertTrue(before.compareTo(after) < 0);
        assertTrue(after.compareTo(CommitPosition.UNKNOWN) < 0);
        assertEquals(0, after.compareTo(CommitPosition.parse("1/0")));
    }

    @Test
    void whatIsNoPositionIsRefused() {
        for (String text :
                List.of("", "/", "1", "1/", "/1", "1/G", "123456789/1", "1/123456789", "0/0", "-1/1", " 1/1")) {
            ConfigurationException e =
                    assertThrows(ConfigurationException.class, () -> CommitPosition.parse(text), text);
            assertEquals("position", e.option());
        }
        // Beyond what a signed number holds, and what any log reaches.
        assertThrows(ConfigurationException.class, () -> CommitPosition.parse("80000000/0"));
    }

    // ---- pages ----

    /**
     * The server's own arithmetic ({@code XLogBytePosToRecPtr} and {@code XLogBytePosToEndRecPtr}): where the next record
     * begins after {@code bytes} of records, and where the last one ends.
     */
    private static long place(long bytes, WalPages pages, boolean asEnd) {
        long perPage = pages.pageSize() - 0x18;
        long perSegment = pages.segmentSize() / pages.pageSize() * perPage - 0x10;
        long segment = bytes / perSegment;
        long left = bytes % perSegment;
        long offset;
        if (left < pages.pageSize() - 0x28) {
            offset = asEnd && left == 0 ? 0 : left + 0x28;
        } else {
            left -= pages.pageSize() - 0x28;
            long page = 1 + left / perPage;
            left %= perPage;
            offset = page * pages.pageSize() + (asEnd && left == 0 ? 0 : left + 0x18);
        }
        return segment * pages.segmentSize() + offset;
    }

    @Test
    void aPositionBehindAPagesHeaderIsThePagesStart() {
        WalPages pages = new WalPages(PAGE, SEGMENT);
        long segment = 5 * SEGMENT;
        assertEquals(segment + PAGE, pages.replayable(segment + PAGE + 0x18));
        assertEquals(segment, pages.replayable(segment + 0x28));
        // What a record that goes on from the page before may end at.
        assertEquals(segment + PAGE + 0x28, pages.replayable(segment + PAGE + 0x28));
        assertEquals(segment + PAGE + 0x20, pages.replayable(segment + PAGE + 0x20));
        assertEquals(segment + 0x30, pages.replayable(segment + 0x30));
        assertEquals(segment + PAGE, pages.replayable(segment + PAGE));
    }

    @Test
    void theRuleIsTheServersArithmeticForEverySizeOfPagesAndSegments() {
        SplittableRandom random = new SplittableRandom(7);
        long atStarts = 0;
        for (long pageSize : List.of(1024L, 8192L, 65_536L)) {
            for (long segmentSize : List.of(1L << 20, 16L << 20, 1L << 30)) {
                WalPages pages = new WalPages(pageSize, segmentSize);
                long perPage = pageSize - 0x18;
                long perSegment = segmentSize / pageSize * perPage - 0x10;
                for (int i = 0; i < 20_000; i++) {
                    // Near the ends of pages and of segments; records are aligned to 8 bytes.
                    long base = random.nextLong(1, 200) * perSegment
                            + (random.nextBoolean() ? 0 : random.nextLong(segmentSize / pageSize) * perPage - 0x10);
                    long bytes = base + 8 * random.nextLong(-8, 9);
                    long end = place(bytes, pages, true);
                    assertEquals(end, pages.replayable(place(bytes, pages, false)), () -> bytes + " in " + pages);
                    atStarts += end % pageSize == 0 ? 1 : 0;
                }
            }
        }
        assertTrue(atStarts > 5_000, atStarts + " ended with a page");
    }

    // ---- commits ----

    private static Database open(TestDatabase server, String url) throws SQLException {
        server.execute("CREATE TABLE public.item (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
        return Database.open(DatabaseConfig.builder(url).poolSize(2).build());
    }

    private static void insert(Transaction tx, int id) throws SQLException {
        try (Statement statement = tx.connection().createStatement()) {
            statement.execute("INSERT INTO public.item VALUES (" + id + ")");
        }
    }

    @Test
    void eachCommitIsBeforeItsPositionAndBehindTheOneBefore(TestDatabase server) throws Exception {
        try (Database db = open(server, server.url())) {
            CommitPosition last =
                    CommitPosition.parse(String.valueOf(server.query("SELECT pg_current_wal_insert_lsn()")));
            for (int i = 0; i < 20; i++) {
                int id = i;
                AtomicInteger after = new AtomicInteger();
                Committed<String> done = db.inTransactionWithPosition(tx -> {
                    insert(tx, id);
                    tx.afterCommit(after::incrementAndGet);
                    return "value " + id;
                });
                assertEquals("value " + i, done.value());
                assertEquals(1, after.get());
                assertTrue(last.compareTo(done.position()) < 0, last + " " + done);
                last = done.position();
                assertEquals("t", server.query("SELECT pg_current_wal_insert_lsn() >= '" + last + "'::pg_lsn"));
            }
            assertEquals("20", server.query("SELECT count(*) FROM public.item"));
            assertTrue(db.inTransactionWithPosition(tx -> 1).position().compareTo(last) >= 0, "nothing was written");
        }
    }

    @Test
    void theFailureOfACommitIsAnErrorAsWithoutThePosition(TestDatabase server) throws Exception {
        try (Database db = open(server, server.url())) {
            DatabaseException twice = assertThrows(
                    DatabaseException.class,
                    () -> db.inTransactionWithPosition(tx -> {
                        insert(tx, 1);
                        insert(tx, 1);
                        return null;
                    }));
            assertEquals("23505", twice.sqlState());
            // The server answers the COMMIT of a failed transaction with ROLLBACK, which is no error to it.
            DatabaseException failed = assertThrows(
                    DatabaseException.class,
                    () -> db.inTransactionWithPosition(tx -> {
                        insert(tx, 2);
                        assertThrows(SQLException.class, () -> {
                            try (Statement statement = tx.connection().createStatement()) {
                                statement.execute("SELECT 1 / 0");
                            }
                        });
                        return null;
                    }));
            assertEquals("25P02", failed.sqlState());
            assertEquals("0", server.query("SELECT count(*) FROM public.item"));
            assertEquals(0, db.primary().stats().active());
            db.inTransactionWithPosition(tx -> {
                insert(tx, 3);
                return null;
            });
            assertEquals("1", server.query("SELECT count(*) FROM public.item"));
        }
    }

    @Test
    void aFailedTransactionIsRunAgainAndThePositionIsThatOfTheLastAttempt(TestDatabase server) throws Exception {
        try (Database db = open(server, server.url())) {
            Committed<Integer> done = db.inTransactionWithPosition(tx -> {
                insert(tx, tx.attempt());
                if (tx.attempt() == 1) {
                    throw new SQLException("could not serialize", "40001");
                }
                return tx.attempt();
            });
            assertEquals(2, done.value());
            assertEquals("2", server.query("SELECT min(id) FROM public.item"));
        }
    }

    /** Holds the COMMIT until it is seen, lets it be done, then cuts the network while its answer is stuck there. */
    private static Object loseTheAnswer(TestDatabase server, TransactionOptions options) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = open(server, link.url());
                HeldCommit held = new HeldCommit(server)) {
            AtomicReference<Throwable> problem = new AtomicReference<>();
            Thread breaker = Thread.ofVirtual().name("breaker").unstarted(() -> {
                try {
                    held.awaitUnderWay("COMMIT;%");
                    link.stallInsideMessage(0);
                    held.finish();
                } catch (SQLException | InterruptedException | AssertionError e) {
                    problem.set(e);
                } finally {
                    link.cut();
                }
            });
            AtomicInteger runs = new AtomicInteger();
            Object result;
            try {
                result = db.inTransactionWithPosition(options, tx -> {
                    insert(tx, 1);
                    breaker.start();
                    return runs.incrementAndGet();
                });
            } catch (CommitOutcomeUnknownException e) {
                result = e;
            }
            assertTrue(breaker.join(Duration.ofSeconds(20)));
            assertEquals(null, problem.get());
            assertEquals(1, runs.get());
            assertEquals("1", server.query("SELECT count(*) FROM public.item"));
            return result;
        }
    }

    @Test
    void aCommitThatWentUnansweredIsStillUnknown(TestDatabase server) throws Exception {
        Object result = loseTheAnswer(server, TransactionOptions.DEFAULTS);
        assertTrue(result instanceof CommitOutcomeUnknownException, String.valueOf(result));
    }

    @Test
    void thePositionOfASettledCommitIsAskedForElsewhere(TestDatabase server) throws Exception {
        Committed<?> done = (Committed<?>) loseTheAnswer(server, TRACED);
        assertEquals(1, done.value());
        assertTrue(done.position().compareTo(CommitPosition.UNKNOWN) < 0, done.toString());
        assertEquals("t", server.query("SELECT pg_current_wal_insert_lsn() >= '" + done.position() + "'::pg_lsn"));
    }
}
