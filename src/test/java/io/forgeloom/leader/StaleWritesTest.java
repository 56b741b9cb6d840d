package io.forgeloom.leader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Writes by leaderships that are over and do not know it, while one after the other is elected. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class StaleWritesTest {

    private static final LeaderRole ROLE = LeaderRole.SCHEDULER;
    private static final LeaderConfig CONFIG = LeaderConfig.DEFAULTS;
    private static final int WRITERS = 8;

    @BeforeEach
    void prepare(TestDatabase database) throws SQLException {
        Node.migrate(database);
        database.execute("CREATE TABLE public.done (term bigint)");
    }

    @Test
    void everyStaleWriteIsRefused(TestDatabase database) throws Exception {
        refusesAll(database, 2_000);
    }

    @Test
    @Tag("long")
    @Timeout(1_200)
    void everyOneOfAHundredThousandStaleWritesIsRefused(TestDatabase database) throws Exception {
        refusesAll(database, 100_000);
    }

    private static void refusesAll(TestDatabase server, int writes) throws Exception {
        AtomicInteger asked = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        try (Database database = Database.open(
                DatabaseConfig.builder(server.url()).poolSize(WRITERS + 2).build())) {
            List<Leadership> over = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                over.add(elected(database));
            }
            Leadership last = elected(database);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                threads.add(Thread.ofVirtual().name("stale-writer").start(() -> {
                    try {
                        for (int n = asked.getAndIncrement(); n < writes; n = asked.getAndIncrement()) {
                            refused(over.get(n % over.size()));
                            refused.incrementAndGet();
                        }
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(null, failure.get());
            System.out.println("figure: writes with stale terms " + writes + ", refused " + refused.get());
            assertEquals(writes, refused.get());
            assertEquals("0", server.query("SELECT count(*) FROM public.done"));
            // The fence refuses those, and not everybody.
            write(last);
            assertEquals(
                    Long.toString(last.term()), server.query("SELECT string_agg(term::text, ',') FROM public.done"));
        }
    }

    /** Comes into office, after a wait for the one before, and leaves it without a word; is never told so. */
    private static Leadership elected(Database database) {
        String incarnation = UUID.randomUUID().toString();
        try (LeaderSession session = LeaderSession.open(database.primary(), CONFIG, "node", incarnation)) {
            while (session.use(() -> session.tryLocks(List.of(ROLE))).isEmpty()) {
                Thread.sleep(1);
            }
            LeaderSession.Term term = null;
            while (term == null) {
                term = session.use(() -> session.elect(ROLE));
            }
            return StaleLeaderships.unaware(ROLE, term.token(), session.fence(database, (leadership, why) -> {}));
        } catch (SQLException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void refused(Leadership stale) {
        // Once refused it knows.
        Leadership unaware = StaleLeaderships.again(stale);
        assertThrows(LeadershipLostException.class, () -> write(unaware));
    }

    private static void write(Leadership leadership) {
        leadership.<@Nullable Void, RuntimeException>inTransaction(transaction -> {
            write(transaction.connection(), leadership.term());
            return null;
        });
    }

    private static void write(Connection connection, long term) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("INSERT INTO public.done VALUES (" + term + ")");
        }
    }

    @Test
    void aNewTermWaitsForTheOpenWriteOfTheOldOne(TestDatabase server) throws Exception {
        try (Database database =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(6).build())) {
            Leadership old = elected(database);
            CompletableFuture<Leadership> next = new CompletableFuture<>();
            old.<@Nullable Void, RuntimeException>inTransaction(transaction -> {
                Thread.ofVirtual().name("next-leader").start(() -> next.complete(elected(database)));
                // It has the lock by then, and cannot write its term.
                assertThrows(TimeoutException.class, () -> next.get(300, TimeUnit.MILLISECONDS));
                write(transaction.connection(), old.term());
                return null;
            });
            assertEquals(old.term() + 1, next.get(10, TimeUnit.SECONDS).term());
            assertEquals("1", server.query("SELECT count(*) FROM public.done"));
            refused(old);
        }
    }
}
