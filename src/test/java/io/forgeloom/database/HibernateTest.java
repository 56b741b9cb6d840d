package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import jakarta.persistence.CascadeType;
import jakarta.persistence.CheckConstraint;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.LockModeType;
import jakarta.persistence.OneToMany;
import jakarta.persistence.OptimisticLockException;
import jakarta.persistence.OrderBy;
import jakarta.persistence.Version;
import java.util.ArrayList;
import java.util.List;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.BatchSettings;
import org.hibernate.cfg.Configuration;
import org.hibernate.cfg.JdbcSettings;
import org.hibernate.cfg.SchemaToolingSettings;
import org.hibernate.exception.ConstraintViolationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Hibernate, unchanged, on the pool as a {@link javax.sql.DataSource}; no test leaves anything in the one session. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class HibernateTest {

    private static final int BATCH = 50;

    private Database db;
    private SessionFactory sessions;
    private String before;

    /** Somebody with accounts. */
    @Entity(name = "Customer")
    public static class Customer {
        @Id
        @GeneratedValue(strategy = GenerationType.SEQUENCE)
        Long id;

        @Version
        int version;

        String name;

        @OrderBy("id")
        @OneToMany(cascade = CascadeType.ALL, orphanRemoval = true)
        List<Account> accounts = new ArrayList<>();

        /** For Hibernate. */
        protected Customer() {}

        Customer(String name) {
            this.name = name;
        }
    }

    /** Somebody's money. */
    @Entity(name = "Account")
    public static class Account {
        @Id
        @GeneratedValue(strategy = GenerationType.SEQUENCE)
        Long id;

        @Version
        int version;

        @Column(check = @CheckConstraint(constraint = "cents >= 0"))
        long cents;

        /** For Hibernate. */
        protected Account() {}

        Account(long cents) {
            this.cents = cents;
        }
    }

    @BeforeEach
    void open(TestDatabase database) {
        // One connection: whatever a test leaves on it, the next use sees.
        db = Database.open(DatabaseConfig.builder(database.url()).poolSize(1).build());
        Configuration configuration =
                new Configuration().addAnnotatedClass(Customer.class).addAnnotatedClass(Account.class);
        configuration.getProperties().put(JdbcSettings.JAKARTA_NON_JTA_DATASOURCE, db.primary());
        configuration.getProperties().put(BatchSettings.STATEMENT_BATCH_SIZE, BATCH);
        configuration.getProperties().put(SchemaToolingSettings.HBM2DDL_AUTO, "create");
        sessions = configuration.buildSessionFactory();
        before = SessionTraces.of(db);
    }

    @AfterEach
    void close() {
        try {
            assertEquals(before, SessionTraces.of(db));
            assertEquals(0, db.primary().stats().active());
        } finally {
            sessions.close();
            db.close();
        }
    }

    private long store(String name, long... cents) {
        return sessions.fromTransaction(session -> {
                    Customer customer = new Customer(name);
                    for (long each : cents) {
                        customer.accounts.add(new Account(each));
                    }
                    session.persist(customer);
                    return customer;
                })
                .id;
    }

    private long total() {
        return sessions.fromTransaction(session -> session.createSelectionQuery(
                        "select coalesce(sum(a.cents), 0) from Customer c join c.accounts a", Long.class)
                .getSingleResult());
    }

    @Test
    void aGraphIsStoredReadChangedAndDeleted() {
        long id = store("Ada", 100, 200);
        sessions.inTransaction(session -> {
            Customer ada = session.find(Customer.class, id);
            assertEquals(2, ada.accounts.size());
            ada.name = "Ada L.";
            ada.accounts.getFirst().cents += 50;
            ada.accounts.add(new Account(1000));
        });
        assertEquals(1350, total());
        sessions.inTransaction(
                session -> session.find(Customer.class, id).accounts.removeLast());
        assertEquals(350, total());
        sessions.inTransaction(session -> session.remove(session.find(Customer.class, id)));
        assertEquals(0, total());
    }

    @Test
    void aTransactionThatThrowsOrIsRefusedLeavesNothing() {
        long id = store("Ada", 100, 200);
        assertThrows(
                IllegalStateException.class,
                () -> sessions.inTransaction(session -> {
                    session.find(Customer.class, id).accounts.getFirst().cents = 7;
                    session.flush();
                    throw new IllegalStateException("no");
                }));
        assertThrows(
                ConstraintViolationException.class,
                () -> sessions.inTransaction(session -> {
                    session.find(Customer.class, id).accounts.getFirst().cents += 100;
                    session.flush();
                    session.find(Customer.class, id).accounts.getLast().cents = -1;
                }));
        assertEquals(300, total());
    }

    @Test
    void aStaleVersionIsRefused(TestDatabase database) throws Exception {
        long id = store("Ada", 100);
        assertThrows(
                OptimisticLockException.class,
                () -> sessions.inTransaction(session -> {
                    Customer ada = session.find(Customer.class, id);
                    ada.name = "mine";
                    try {
                        // Another program gets in between, past the pool.
                        database.execute("UPDATE Customer SET name = 'theirs', version = version + 1");
                    } catch (java.sql.SQLException e) {
                        throw new IllegalStateException(e);
                    }
                }));
        assertEquals("theirs", database.query("SELECT name FROM Customer"));
    }

    @Test
    void rowsAreLockedBatchedAndStreamed() {
        sessions.inTransaction(session -> {
            for (int i = 0; i < 10 * BATCH; i++) {
                Customer customer = new Customer("customer " + i);
                customer.accounts.add(new Account(i));
                session.persist(customer);
            }
        });
        assertEquals(124_750, total());
        sessions.inTransaction(session -> {
            long first = session.createSelectionQuery("select min(id) from Account", Long.class)
                    .getSingleResult();
            session.find(Account.class, first, LockModeType.PESSIMISTIC_WRITE).cents += 1;
            try (var all = session.createSelectionQuery("from Account order by id", Account.class)
                    .setFetchSize(BATCH)
                    .getResultStream()) {
                // Left in the middle: the cursor is still open here.
                assertEquals(2 * BATCH, all.limit(2 * BATCH).count());
            }
        });
        assertEquals(124_751, total());
    }

    @Test
    void aSessionThatIsClosedWithinItsTransactionIsRolledBack() {
        var session = sessions.openSession();
        session.beginTransaction();
        session.persist(new Customer("never"));
        session.flush();
        session.close();
        assertEquals(
                0L,
                sessions.<Long>fromTransaction(s -> s.createSelectionQuery("select count(*) from Customer", Long.class)
                        .getSingleResult()));
    }
}
