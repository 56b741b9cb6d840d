package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.DatabaseMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.mapper.reflect.ConstructorMapper;
import org.jdbi.v3.core.statement.OutParameters;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.jdbi.v3.core.transaction.SerializableTransactionRunner;
import org.jdbi.v3.core.transaction.TransactionIsolationLevel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Jdbi, unchanged, on the pool as a {@link javax.sql.DataSource}. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class JdbiTest {

    private Database db;
    private Jdbi jdbi;

    /** What rows are mapped to. */
    public record Item(int id, String name, long cents) {}

    @BeforeEach
    void open(TestDatabase database) {
        // One connection: whatever a test leaves on it, the next use sees.
        db = Database.open(DatabaseConfig.builder(database.url()).poolSize(1).build());
        jdbi = Jdbi.create(db.primary());
        jdbi.registerRowMapper(ConstructorMapper.factory(Item.class));
        jdbi.useHandle(handle -> handle.execute("CREATE TABLE public.item"
                + " (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, cents bigint NOT NULL)"));
    }

    @AfterEach
    void close() {
        assertEquals(0, db.primary().stats().active());
        db.close();
    }

    private static int add(Handle handle, String name, long cents) {
        return handle.createUpdate("INSERT INTO public.item (name, cents) VALUES (:name, :cents)")
                .bind("name", name)
                .bind("cents", cents)
                .executeAndReturnGeneratedKeys("id")
                .mapTo(int.class)
                .one();
    }

    private List<String> names() {
        return jdbi.withHandle(handle -> handle.createQuery("SELECT name FROM public.item ORDER BY id")
                .mapTo(String.class)
                .list());
    }

    @Test
    void aTransactionCommitsOrRollsBackAsAWhole() {
        jdbi.useTransaction(handle -> {
            add(handle, "a", 1);
            add(handle, "b", 2);
        });
        IllegalStateException e = assertThrows(
                IllegalStateException.class,
                () -> jdbi.useTransaction(handle -> {
                    add(handle, "c", 3);
                    throw new IllegalStateException("no");
                }));
        assertEquals("no", e.getMessage());
        assertEquals(List.of("a", "b"), names());
    }

    @Test
    void aRefusedStatementRollsBackAndTheConnectionGoesOn() {
        assertThrows(
                UnableToExecuteStatementException.class,
                () -> jdbi.useTransaction(handle -> {
                    add(handle, "a", 1);
                    add(handle, "a", 2);
                }));
        assertEquals(List.of(), names());
        jdbi.useHandle(handle -> add(handle, "b", 3));
        assertEquals(List.of("b"), names());
        assertEquals(1, db.primary().stats().opened(), "the session was not replaced");
    }

    @Test
    void savepointsUndoAPart() {
        jdbi.useTransaction(handle -> {
            add(handle, "kept", 1);
            handle.savepoint("before");
            add(handle, "undone", 2);
            handle.rollbackToSavepoint("before");
            handle.savepoint("again");
            assertThrows(UnableToExecuteStatementException.class, () -> add(handle, "kept", 3));
            handle.rollbackToSavepoint("again");
            handle.savepoint("last");
            add(handle, "kept too", 4);
            handle.releaseSavepoint("last");
        });
        assertEquals(List.of("kept", "kept too"), names());
    }

    @Test
    void aBatchInsertsAndReturnsItsKeys() {
        List<Integer> keys = jdbi.inTransaction(handle -> {
            PreparedBatch batch = handle.prepareBatch("INSERT INTO public.item (name, cents) VALUES (:name, :cents)");
            for (int i = 0; i < 1_000; i++) {
                batch.bind("name", "item " + i).bind("cents", i).add();
            }
            return batch.executePreparedBatch("id").mapTo(int.class).list();
        });
        assertEquals(1_000, keys.size());
        assertEquals(1_000, keys.stream().distinct().count());
        long sum = jdbi.withHandle(handle -> handle.createQuery("SELECT sum(cents) FROM public.item")
                .mapTo(long.class)
                .one());
        assertEquals(499_500, sum);
    }

    @Test
    void rowsAreMappedToRecords() {
        jdbi.useHandle(handle -> {
            int id = add(handle, "lamp", 1999);
            int other = add(handle, "chair", 8900);
            Item lamp = handle.createQuery("SELECT id, name, cents FROM public.item WHERE name = ?")
                    .bind(0, "lamp")
                    .mapTo(Item.class)
                    .one();
            assertEquals(new Item(id, "lamp", 1999), lamp);
            List<Item> both = handle.createQuery("SELECT * FROM public.item WHERE id = ANY (:ids) ORDER BY id")
                    .bindArray("ids", Integer.class, id, other, -1)
                    .mapTo(Item.class)
                    .list();
            assertEquals(List.of(lamp, new Item(other, "chair", 8900)), both);
        });
    }

    @Test
    void aFetchSizeStreamsThroughACursor() {
        jdbi.useTransaction(handle -> {
            List<Integer> seen = new ArrayList<>();
            try (var rows = handle
                    .createQuery("SELECT n FROM generate_series(1, 10000) AS n")
                    .setFetchSize(100)
                    .mapTo(int.class)
                    .stream()) {
                Iterator<Integer> each = rows.iterator();
                for (int i = 0; i < 250; i++) {
                    seen.add(each.next());
                }
                // Without a cursor all rows would be here, and nothing open on the server.
                assertEquals(1, openCursors(handle));
            }
            assertEquals(250, seen.getLast());
            assertEquals(0, openCursors(handle));
        });
    }

    private static int openCursors(Handle handle) {
        return handle.createQuery("SELECT count(*) FROM pg_cursors WHERE statement LIKE '%generate_series(1, 10000)%'"
                        + " AND statement NOT LIKE '%pg_cursors%'")
                .mapTo(int.class)
                .one();
    }

    @Test
    void anIsolationLevelIsForItsTransactionOnly() {
        String level = "SELECT current_setting('transaction_isolation')";
        String inside = jdbi.inTransaction(
                TransactionIsolationLevel.SERIALIZABLE,
                handle -> handle.createQuery(level).mapTo(String.class).one());
        assertEquals("serializable", inside);
        assertEquals(
                "read committed",
                jdbi.inTransaction(
                        handle -> handle.createQuery(level).mapTo(String.class).one()));
    }

    @Test
    void aSerializationFailureIsRunAgainByJdbi(TestDatabase database) throws SQLException {
        jdbi.setTransactionHandler(new SerializableTransactionRunner());
        jdbi.useHandle(handle -> add(handle, "counter", 0));
        AtomicInteger attempts = new AtomicInteger();
        jdbi.inTransaction(TransactionIsolationLevel.SERIALIZABLE, handle -> {
            long cents = handle.createQuery("SELECT cents FROM public.item")
                    .mapTo(long.class)
                    .one();
            if (attempts.incrementAndGet() == 1) {
                // Another program gets in between, past the pool.
                database.execute("UPDATE public.item SET cents = cents + 10");
            }
            return handle.createUpdate("UPDATE public.item SET cents = ?")
                    .bind(0, cents + 1)
                    .execute();
        });
        assertEquals(2, attempts.get());
        assertEquals(
                11,
                jdbi.<Integer, RuntimeException>withHandle(handle -> handle.createQuery("SELECT cents FROM public.item")
                        .mapTo(int.class)
                        .one()));
    }

    @Test
    void aProcedureReturnsItsOutParameter() {
        jdbi.useHandle(handle -> {
            handle.execute("CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'");
            OutParameters out = handle.createCall("{? = call public.twice(?)}")
                    .registerOutParameter(0, Types.INTEGER)
                    .bind(1, 21)
                    .invoke();
            assertEquals(42, out.getInt(0));
        });
    }

    @Test
    void metadataIsRead() {
        jdbi.useHandle(handle -> {
            List<String> columns = handle.queryMetadata(meta -> meta.getColumns(null, "public", "item", "%"))
                    .map((row, context) -> row.getString("COLUMN_NAME"))
                    .list();
            assertEquals(List.of("id", "name", "cents"), columns);
            assertEquals("PostgreSQL", handle.queryMetadata(DatabaseMetaData::getDatabaseProductName));
        });
    }

    @Test
    void whatAHandleLeavesOpenIsRolledBack() throws InterruptedException {
        Handle handle = jdbi.open();
        handle.begin();
        add(handle, "never", 1);
        // Jdbi rolls back and complains; the pool does not depend on it.
        assertThrows(RuntimeException.class, handle::close);
        assertEquals(List.of(), names());
        assertTrue(db.health().isReady());
    }
}
