package io.forgeloom.database;

import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.name;
import static org.jooq.impl.DSL.sum;
import static org.jooq.impl.DSL.table;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.math.BigDecimal;
import java.util.List;
import java.util.stream.IntStream;
import org.jooq.Cursor;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Record2;
import org.jooq.SQLDialect;
import org.jooq.Table;
import org.jooq.exception.IntegrityConstraintViolationException;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** jOOQ, unchanged, on the pool as a {@link javax.sql.DataSource}; no test leaves anything in the one session. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class JooqTest {

    private static final Table<Record> ITEM = table(name("item"));
    private static final Field<Integer> ID = field(name("id"), SQLDataType.INTEGER.generatedByDefaultAsIdentity());
    private static final Field<String> NAME = field(name("name"), SQLDataType.VARCHAR);
    private static final Field<Long> CENTS = field(name("cents"), SQLDataType.BIGINT);

    private Database db;
    private DSLContext jooq;
    private String before;

    /** What rows are mapped to. */
    public record Item(String name, long cents) {}

    @BeforeEach
    void open(TestDatabase database) {
        System.setProperty("org.jooq.no-logo", "true");
        System.setProperty("org.jooq.no-tips", "true");
        // One connection: whatever a test leaves on it, the next use sees.
        db = Database.open(DatabaseConfig.builder(database.url()).poolSize(1).build());
        jooq = DSL.using(db.primary(), SQLDialect.POSTGRES);
        jooq.createTable(ITEM)
                .column(ID)
                .column(NAME)
                .column(CENTS)
                .constraints(DSL.primaryKey(ID), DSL.unique(NAME))
                .execute();
        before = SessionTraces.of(db);
    }

    @AfterEach
    void close() {
        try {
            assertEquals(before, SessionTraces.of(db));
            assertEquals(0, db.primary().stats().active());
        } finally {
            db.close();
        }
    }

    private static int add(DSLContext context, String name, long cents) {
        return context.insertInto(ITEM, NAME, CENTS)
                .values(name, cents)
                .returningResult(ID)
                .fetchSingle(ID);
    }

    private List<String> names() {
        return jooq.select(NAME).from(ITEM).orderBy(ID).fetch(NAME);
    }

    @Test
    void aTransactionCommitsOrRollsBackAsAWhole() {
        jooq.transaction(tx -> {
            add(tx.dsl(), "a", 1);
            add(tx.dsl(), "b", 2);
        });
        IllegalStateException e = assertThrows(
                IllegalStateException.class,
                () -> jooq.transaction(tx -> {
                    add(tx.dsl(), "c", 3);
                    throw new IllegalStateException("no");
                }));
        assertEquals("no", e.getMessage());
        assertEquals(List.of("a", "b"), names());
    }

    @Test
    void aNestedTransactionIsASavepoint() {
        jooq.transaction(outer -> {
            add(outer.dsl(), "kept", 1);
            assertThrows(
                    IntegrityConstraintViolationException.class,
                    () -> outer.dsl().transaction(inner -> {
                        add(inner.dsl(), "undone", 2);
                        add(inner.dsl(), "kept", 3);
                    }));
            outer.dsl().transaction(inner -> add(inner.dsl(), "kept too", 4));
        });
        assertEquals(List.of("kept", "kept too"), names());
    }

    @Test
    void aRefusedStatementRollsBackAndTheSessionGoesOn() {
        assertThrows(
                IntegrityConstraintViolationException.class,
                () -> jooq.transaction(tx -> {
                    add(tx.dsl(), "a", 1);
                    add(tx.dsl(), "a", 2);
                }));
        assertEquals(List.of(), names());
        add(jooq, "b", 3);
        assertEquals(List.of("b"), names());
    }

    @Test
    void batchesUpsertsAndAggregatesWork() {
        jooq.transaction(tx -> tx.dsl()
                .batch(IntStream.range(0, 1000)
                        .mapToObj(i -> tx.dsl().insertInto(ITEM, NAME, CENTS).values("item " + i, (long) i))
                        .toList())
                .execute());
        int upserted = jooq.insertInto(ITEM, NAME, CENTS)
                .values("item 7", 1_000_000L)
                .onConflict(NAME)
                .doUpdate()
                .set(CENTS, field(name("item", "cents"), SQLDataType.BIGINT).plus(DSL.excluded(CENTS)))
                .execute();
        assertEquals(1, upserted);
        Record2<Integer, BigDecimal> found =
                jooq.select(DSL.count(), sum(CENTS)).from(ITEM).fetchSingle();
        assertEquals(1000, found.value1());
        assertEquals(new BigDecimal(1_499_500), found.value2());
        List<Item> items = jooq.select(NAME, CENTS)
                .from(ITEM)
                .where(CENTS.lt(2L))
                .orderBy(ID)
                .fetchInto(Item.class);
        assertEquals(List.of(new Item("item 0", 0), new Item("item 1", 1)), items);
    }

    @Test
    void aFetchSizeStreamsThroughACursorThatEndsWithItsTransaction() {
        jooq.transaction(tx -> {
            try (Cursor<?> rows = tx.dsl()
                    .resultQuery("SELECT n FROM generate_series(1, 10000) AS n")
                    .fetchSize(100)
                    .fetchLazy()) {
                assertEquals(250, rows.fetchNext(250).size());
                assertEquals(
                        1,
                        tx.dsl()
                                .fetchCount(
                                        table("pg_cursors"),
                                        field("statement", String.class).like("%generate_series(1, 10000)%")));
            }
        });
    }

    @Test
    void whatItSetsInASessionIsGoneWithItsUse() {
        jooq.connection(connection -> {
            DSLContext one = DSL.using(connection, SQLDialect.POSTGRES);
            one.setSchema("pg_catalog").execute();
            one.execute("SET statement_timeout = '1h'");
            one.execute("CREATE TEMPORARY TABLE scratch (id int)");
            one.execute("SELECT pg_advisory_lock(7)");
            one.execute("LISTEN news");
        });
        jooq.transaction(tx -> {
            tx.dsl().execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
            tx.dsl().execute("SET LOCAL work_mem = '1MB'");
            assertTrue(tx.dsl().fetchExists(DSL.selectOne()));
        });
        // What is left is compared after each test.
        assertEquals(0, db.primary().stats().closed());
    }
}
