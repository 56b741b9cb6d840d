package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a {@link Database} does on any PostgreSQL 18, whoever runs the server. Subclasses say which one.
 */
@Timeout(60)
abstract class DatabaseSuite {

    private TestDatabase server;
    private Database db;

    /** The server to test on, the same for all tests of the class. */
    abstract TestServer server() throws Exception;

    @BeforeEach
    void open() throws Exception {
        server = TestDatabase.on(server());
        db = Database.open(DatabaseConfig.builder(server.url()).poolSize(3).build());
        db.withConnection(c -> execute(c, "CREATE TABLE public.item (id int PRIMARY KEY, name text)"));
    }

    @AfterEach
    void close() throws Exception {
        db.close();
        server.assertNoConnections(Duration.ofSeconds(5));
        server.close();
        ThreadLeaks.assertNone(Duration.ofSeconds(5));
    }

    private static int execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
            return statement.getUpdateCount();
        }
    }

    private static String query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            assertTrue(row.next(), sql);
            return row.getString(1);
        }
    }

    private int items() {
        return db.withConnection(c -> Integer.parseInt(query(c, "SELECT count(*) FROM public.item")));
    }

    private static final String ADD = "INSERT INTO public.item VALUES (1, 'one')";
    private static final String CONFLICT =
            "DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = 'serialization_failure'; END $$";

    // ---- transactions ----

    @Test
    void returningCommitsAndThrowingRollsBack() {
        assertEquals("done", db.inTransaction(tx -> {
            execute(tx.connection(), ADD);
            return "done";
        }));
        assertEquals(1, items());

        IOException thrown = assertThrows(
                IOException.class,
                () -> db.inTransaction(tx -> {
                    execute(tx.connection(), "DELETE FROM public.item");
                    throw new IOException("the caller's own");
                }));
        assertEquals("the caller's own", thrown.getMessage());
        assertEquals(1, items());
    }

    @Test
    void anSqlExceptionComesOutWithItsState() {
        DatabaseException e = assertThrows(
                DatabaseException.class,
                () -> db.inTransaction(tx -> execute(tx.connection(), "INSERT INTO public.item VALUES (NULL, '')")));
        assertEquals("23502", e.sqlState());
        assertTrue(e.getMessage().contains("[SQLSTATE 23502]"), e.getMessage());
    }

    @Test
    void aSerializationFailureIsRunAgainFromTheStart() {
        List<Integer> attempts = new ArrayList<>();
        int id = db.inTransaction(tx -> {
            attempts.add(tx.attempt());
            execute(tx.connection(), "INSERT INTO public.item VALUES (" + tx.attempt() + ", '')");
            if (tx.attempt() < 3) {
                execute(tx.connection(), CONFLICT);
            }
            return tx.attempt();
        });
        assertEquals(List.of(1, 2, 3), attempts);
        assertEquals(3, id);
        assertEquals("3", db.withConnection(c -> query(c, "SELECT string_agg(id::text, ',') FROM public.item")));
    }

    @Test
    void theLastFailureCarriesTheEarlierOnes() {
        AtomicInteger runs = new AtomicInteger();
        DatabaseException e = assertThrows(
                DatabaseException.class,
                () -> db.inTransaction(tx -> {
                    runs.incrementAndGet();
                    return execute(tx.connection(), CONFLICT);
                }));
        assertEquals(3, runs.get());
        assertEquals("40001", e.sqlState());
        assertEquals(2, e.getSuppressed().length);
    }

    @Test
    void theSameExceptionObjectThrownEachTimeComesOutAsItIs() {
        IllegalStateException always =
                new IllegalStateException("some mapper's exception", new SQLException("made up", "40001"));
        AtomicInteger runs = new AtomicInteger();
        assertSame(
                always,
                assertThrows(
                        RuntimeException.class,
                        () -> db.inTransaction(tx -> {
                            runs.incrementAndGet();
                            throw always;
                        })));
        assertEquals(3, runs.get());
    }

    @Test
    void nothingElseIsRunAgain() {
        AtomicInteger runs = new AtomicInteger();
        assertThrows(
                DatabaseException.class,
                () -> db.inTransaction(tx -> {
                    runs.incrementAndGet();
                    return execute(tx.connection(), "SELECT 1/0");
                }));
        assertEquals(1, runs.get());
    }

    @Test
    void aConflictThatALibraryHasWrappedIsRunAgainToo() {
        int attempt = db.inTransaction(tx -> {
            if (tx.attempt() == 1) {
                try {
                    execute(tx.connection(), CONFLICT);
                } catch (SQLException e) {
                    throw new IllegalStateException("some mapper's exception", e);
                }
            }
            return tx.attempt();
        });
        assertEquals(2, attempt);
    }

    @Test
    void oneOfTwoDeadlockedTransactionsIsRunAgainAndBothCommit() throws Exception {
        execute(1, 2);
        CountDownLatch bothHoldOne = new CountDownLatch(2);
        AtomicInteger attempts = new AtomicInteger();
        Runnable up = () -> update(1, 2, bothHoldOne, attempts);
        Runnable down = () -> update(2, 1, bothHoldOne, attempts);
        Thread first = Thread.ofVirtual().name("deadlock-up").start(up);
        Thread second = Thread.ofVirtual().name("deadlock-down").start(down);
        first.join();
        second.join();
        assertEquals(3, attempts.get());
        assertEquals("++,++", db.withConnection(c -> query(c, "SELECT string_agg(name, ',') FROM public.item")));
    }

    private void execute(int... ids) {
        for (int id : ids) {
            db.withConnection(c -> execute(c, "INSERT INTO public.item VALUES (" + id + ", '')"));
        }
    }

    private void update(int first, int second, CountDownLatch bothHoldOne, AtomicInteger attempts) {
        db.inTransaction(tx -> {
            attempts.incrementAndGet();
            execute(tx.connection(), "SET LOCAL deadlock_timeout = '20ms'");
            execute(tx.connection(), "UPDATE public.item SET name = name || '+' WHERE id = " + first);
            bothHoldOne.countDown();
            try {
                bothHoldOne.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            return execute(tx.connection(), "UPDATE public.item SET name = name || '+' WHERE id = " + second);
        });
    }

    @Test
    void aTransactionInsideATransactionIsRefusedAndNamesTheWay() {
        IllegalStateException e = assertThrows(
                IllegalStateException.class, () -> db.inTransaction(tx -> db.inTransaction(inner -> "never")));
        assertTrue(e.getMessage().contains("withSavepoint"), e.getMessage());
        assertEquals("again", db.inTransaction(tx -> "again"));
    }

    @Test
    void aSavepointUndoesItsPartOnly() {
        List<String> committed = new ArrayList<>();
        db.inTransaction(tx -> {
            execute(tx.connection(), ADD);
            tx.afterCommit(() -> committed.add("outer"));
            assertThrows(
                    SQLException.class,
                    () -> tx.withSavepoint(part -> {
                        part.afterCommit(() -> committed.add("undone"));
                        execute(part.connection(), "INSERT INTO public.item VALUES (2, 'two')");
                        return execute(part.connection(), ADD);
                    }));
            tx.withSavepoint(part -> {
                part.afterCommit(() -> committed.add("kept"));
                return execute(part.connection(), "INSERT INTO public.item VALUES (3, 'three')");
            });
            return null;
        });
        assertEquals("1,3", db.withConnection(c -> query(c, "SELECT string_agg(id::text, ',') FROM public.item")));
        assertEquals(List.of("outer", "kept"), committed);
    }

    @Test
    void afterCommitRunsOnceCommittedWithoutAConnectionAndOnlyThen() {
        List<Object> seen = new ArrayList<>();
        db.inTransaction(tx -> {
            execute(tx.connection(), ADD);
            tx.afterCommit(() -> seen.add(items()));
            tx.afterCommit(() -> {
                throw new IllegalStateException("is logged");
            });
            tx.afterCommit(() -> seen.add(db.primary().stats().active()));
            assertTrue(seen.isEmpty());
            return null;
        });
        assertEquals(List.of(1, 0), seen);

        assertThrows(
                IllegalArgumentException.class,
                () -> db.inTransaction(tx -> {
                    tx.afterCommit(() -> seen.add("never"));
                    throw new IllegalArgumentException();
                }));
        assertEquals(2, seen.size());
    }

    @Test
    void isolationAndReadOnlyHoldForTheTransactionAlone() {
        TransactionOptions options = TransactionOptions.builder()
                .isolation(IsolationLevel.SERIALIZABLE)
                .readOnly(true)
                .build();
        assertEquals(
                "serializable on",
                db.inTransaction(
                        options,
                        tx -> query(
                                tx.connection(),
                                "SELECT current_setting('transaction_isolation') || ' ' || current_setting('transaction_read_only')")));
        DatabaseException e = assertThrows(
                DatabaseException.class, () -> db.inTransaction(options, tx -> execute(tx.connection(), ADD)));
        assertEquals("25006", e.sqlState());
        for (int i = 0; i < 3; i++) {
            assertEquals(
                    "read committed off",
                    db.inTransaction(
                            tx -> query(
                                    tx.connection(),
                                    "SELECT current_setting('transaction_isolation') || ' ' || current_setting('transaction_read_only')")));
        }
    }

    @Test
    void anInterruptBeforeTheCommitRollsBackAndCostsNoSession() throws InterruptedException {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicBoolean flag = new AtomicBoolean();
        Thread thread = Thread.ofVirtual().name("interrupted").start(() -> {
            try {
                db.inTransaction(tx -> {
                    execute(tx.connection(), ADD);
                    Thread.currentThread().interrupt();
                    return null;
                });
            } catch (RuntimeException e) {
                thrown.set(e);
                flag.set(Thread.currentThread().isInterrupted());
            }
        });
        thread.join();
        assertInstanceOf(CancellationException.class, thrown.get());
        assertTrue(flag.get());
        assertEquals(0, items());
        assertEquals(1, db.primary().stats().opened());
    }

    @Test
    void aTransactionThatIsTooSlowIsEndedByTheServer() {
        TransactionOptions options =
                TransactionOptions.builder().timeout(Duration.ofMillis(200)).build();
        long begin = System.nanoTime();
        DeadlineExceededException e = assertThrows(
                DeadlineExceededException.class,
                () -> db.inTransaction(options, tx -> {
                    execute(tx.connection(), ADD);
                    return query(tx.connection(), "SELECT pg_sleep(20)");
                }));
        assertTrue(System.nanoTime() - begin < 5_000_000_000L);
        assertEquals(Duration.ofMillis(200), e.limit());
        assertTrue(e.getMessage().contains("200 ms"), e.getMessage());
        assertEquals(0, items());
        assertEquals("0", db.inTransaction(tx -> query(tx.connection(), "SHOW transaction_timeout")));
    }

    @Test
    void theDeadlineBoundsTheWaitForAConnection() throws SQLException {
        List<Connection> all = takeAll();
        TransactionOptions options =
                TransactionOptions.builder().timeout(Duration.ofMillis(50)).build();
        AcquireException e = assertThrows(AcquireException.class, () -> db.inTransaction(options, tx -> "never"));
        assertEquals(AcquireException.Reason.EXHAUSTED, e.reason());
        for (Connection connection : all) {
            connection.close();
        }
    }

    @Test
    void theBodyCannotEndTheTransactionItself() {
        db.inTransaction(tx -> {
            Connection c = tx.connection();
            assertFalse(c.getAutoCommit());
            for (Call call : List.<Call>of(c::commit, c::rollback, c::close, () -> c.setAutoCommit(true))) {
                SQLException e = assertThrows(SQLException.class, call::run);
                assertEquals("25000", e.getSQLState());
            }
            c.setAutoCommit(false);
            Savepoint savepoint = c.setSavepoint();
            execute(c, ADD);
            c.rollback(savepoint);
            return null;
        });
        assertEquals(0, items());
    }

    private interface Call {
        void run() throws Exception;
    }

    // ---- connections ----

    private List<Connection> takeAll() {
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            all.add(db.primary().acquire());
        }
        return all;
    }

    @Test
    void theConfiguredSettingsReachTheServer() {
        assertEquals("forge", db.withConnection(c -> query(c, "SHOW application_name")));
        assertEquals("30s", db.withConnection(c -> query(c, "SHOW statement_timeout")));
        assertEquals("30s", db.withConnection(c -> {
            execute(c, "RESET ALL");
            return query(c, "SHOW statement_timeout");
        }));
    }

    @Test
    void aReleasedConnectionIsUsedAgain() {
        String first = db.withConnection(c -> query(c, "SELECT pg_backend_pid()"));
        assertEquals(first, db.withConnection(c -> query(c, "SELECT pg_backend_pid()")));
        assertEquals(1, db.primary().stats().total());
    }

    @Test
    void theDataSourceServesPlainJdbc() throws Exception {
        DataSource dataSource = db.primary();
        try (Connection c = dataSource.getConnection();
                PreparedStatement insert = c.prepareStatement("INSERT INTO public.item VALUES (?, ?)")) {
            assertSame(c, insert.getConnection());
            for (int i = 0; i < 3; i++) {
                insert.setInt(1, i);
                insert.setString(2, "n" + i);
                insert.addBatch();
            }
            assertEquals(3, insert.executeBatch().length);
            try (Statement statement = c.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT id FROM public.item")) {
                assertSame(statement, rows.getStatement());
                assertSame(c, statement.getConnection());
                assertSame(c, c.getMetaData().getConnection());
            }
            try (ResultSet tables = c.getMetaData().getTables(null, "public", "item", null)) {
                assertTrue(tables.next());
                assertNull(tables.getStatement());
            }
        }
        assertEquals(3, items());
        assertTrue(dataSource.isWrapperFor(ConnectionPool.class));
        assertThrows(SQLException.class, () -> dataSource.getConnection("other", "user"));
    }

    @Test
    void whatWasNotCommittedIsRolledBackOnRelease() throws SQLException {
        try (Connection c = db.primary().getConnection()) {
            c.setAutoCommit(false);
            execute(c, ADD);
        }
        try (Connection c = db.primary().getConnection()) {
            assertTrue(c.getAutoCommit());
            execute(c, "BEGIN");
            execute(c, ADD);
        }
        try (Connection c = db.primary().getConnection()) {
            c.setAutoCommit(false);
            assertThrows(SQLException.class, () -> execute(c, "SELECT 1/0"));
        }
        assertEquals(0, items());
        assertEquals(1, db.primary().stats().opened());
    }

    @Test
    void whatAUserSetByJdbcDoesNotReachTheNext() throws SQLException {
        String path = db.withConnection(c -> query(c, "SHOW search_path"));
        try (Connection c = db.primary().getConnection()) {
            c.setReadOnly(true);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            c.setSchema("pg_catalog");
            c.setNetworkTimeout(Runnable::run, 12_345);
            c.setClientInfo("ApplicationName", "mine");
            c.setHoldability(ResultSet.HOLD_CURSORS_OVER_COMMIT);
        }
        try (Connection c = db.primary().getConnection()) {
            assertFalse(c.isReadOnly());
            assertEquals(Connection.TRANSACTION_READ_COMMITTED, c.getTransactionIsolation());
            assertEquals(path, query(c, "SHOW search_path"));
            assertEquals(0, c.getNetworkTimeout());
            assertEquals("forge", query(c, "SHOW application_name"));
            assertEquals(ResultSet.CLOSE_CURSORS_AT_COMMIT, c.getHoldability());
        }
        assertEquals(1, db.primary().stats().opened());
    }

    @Test
    void afterTheReleaseNothingOfItCanBeUsed() throws SQLException {
        Connection old = db.primary().acquire();
        Statement statement = old.createStatement();
        PreparedStatement prepared = old.prepareStatement("SELECT 1");
        ResultSet rows = statement.executeQuery("SELECT 1");
        old.close();
        old.close();
        try (Connection next = db.primary().acquire()) {
            assertNotSame(old, next);
            assertTrue(old.isClosed());
            assertFalse(old.isValid(1));
            for (Call call : List.<Call>of(
                    old::createStatement,
                    () -> old.setAutoCommit(false),
                    () -> statement.execute("SELECT 1"),
                    statement::getConnection,
                    prepared::executeQuery,
                    () -> prepared.setInt(1, 1),
                    rows::next,
                    old::getMetaData)) {
                assertEquals(
                        "08003", assertThrows(SQLException.class, call::run).getSQLState());
            }
            statement.close();
            assertTrue(statement.isClosed());
            old.abort(Runnable::run);
            assertEquals("1", query(next, "SELECT 1"));
        }
    }

    @Test
    void aSessionThatTheServerEndedIsReplacedAndTheOthersAreTried() throws SQLException {
        db.close();
        db = Database.open(DatabaseConfig.builder(server.url())
                .poolSize(3)
                .validateAfterIdle(Duration.ofSeconds(60))
                .build());
        List<Connection> all = takeAll();
        List<String> pids = new ArrayList<>();
        for (Connection c : all) {
            pids.add(query(c, "SELECT pg_backend_pid()"));
        }
        for (Connection c : all) {
            c.close();
        }
        server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid IN ("
                + String.join(",", pids) + ")");
        // Just used, so the first is handed out untried; its user learns it, and nobody after that.
        SQLException e = assertInstanceOf(
                SQLException.class,
                assertThrows(DatabaseException.class, () -> db.withConnection(c -> query(c, "SELECT 1")))
                        .getCause());
        assertTrue(e.getSQLState().startsWith("57P") || e.getSQLState().startsWith("08"), e.getSQLState());
        for (int i = 0; i < 5; i++) {
            assertEquals("1", db.withConnection(c -> query(c, "SELECT 1")));
        }
        assertEquals(1, db.primary().stats().total());
    }

    @Test
    void aRefusalNamesTheReasonTheNumbersAndTheHolders() throws SQLException {
        List<Connection> all = takeAll();
        AcquireException e =
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(30)));
        assertEquals(AcquireException.Reason.EXHAUSTED, e.reason());
        assertEquals(3, e.stats().active());
        assertTrue(e.waited().toMillis() >= 30, e.waited().toString());
        assertTrue(e.getMessage().contains("all 3 connections are in use, 3 by this very thread"), e.getMessage());
        assertTrue(e.getMessage().contains(Thread.currentThread().getName() + " for "), e.getMessage());
        for (Connection connection : all) {
            connection.close();
        }
    }

    @Test
    void aClosedDatabaseSaysSo() {
        db.close();
        AcquireException e = assertThrows(AcquireException.class, () -> db.withConnection(c -> null));
        assertEquals(AcquireException.Reason.CLOSED, e.reason());
        SQLException sql = assertThrows(
                SQLTransientConnectionException.class, () -> db.primary().getConnection());
        assertInstanceOf(AcquireException.class, sql.getCause());
        db.close();
    }

    @Test
    void healthAnswersForEachServer() throws InterruptedException {
        DatabaseHealth health = db.health();
        assertTrue(health.isReady(), health.toString());
        assertEquals("primary", health.servers().get(0).name());
        db.close();
        health = db.health();
        assertFalse(health.isReady());
        assertTrue(String.valueOf(health.servers().get(0).problem()).contains("closed"), health.toString());
    }
}
