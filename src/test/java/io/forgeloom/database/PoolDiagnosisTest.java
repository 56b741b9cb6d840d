package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.AcquireException.Reason;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a refusal and the statistics say of those who have the places. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class PoolDiagnosisTest {

    private static final Duration SOON = Duration.ofSeconds(10);

    private static DatabaseConfig.Builder config(TestDatabase server, int poolSize) {
        return DatabaseConfig.builder(server.url()).poolSize(poolSize);
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String refusal(Database db) {
        AcquireException e =
                assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(20)));
        assertEquals(Reason.EXHAUSTED, e.reason(), e.getMessage());
        return e.getMessage();
    }

    /** The state of another process: the only signal is to ask it. */
    private static void awaitActive(TestDatabase server, String sql) throws Exception {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!"1"
                .equals(server.query("SELECT count(*) FROM pg_stat_activity WHERE query = '" + sql
                        + "' AND state = 'active' AND datname = current_database()"))) {
            assertTrue(System.nanoTime() < deadline, "not running: " + sql);
        }
    }

    /** A thread that holds a connection until it fails or the function returns. */
    private static Thread holder(Database db, String name, ConnectionFunction<?, ?> function) {
        return Thread.ofVirtual().name(name).start(() -> {
            try {
                db.withConnection(function::apply);
            } catch (Exception e) {
                // The pool is closed under it.
            }
        });
    }

    @Test
    void exhaustedNamesThreadLabelTimeAndStatementOfEachHolder(TestDatabase server) throws Exception {
        Database db = Database.open(config(server, 3).build());
        CountDownLatch end = new CountDownLatch(1);
        Connection bus = db.primary().acquireDedicated("notify-bus");
        Thread lazy = holder(db, "lazy", c -> {
            run(c, "SELECT 1");
            end.await();
            return null;
        });
        Thread reporter = holder(db, "reporter", c -> {
            c.setClientInfo("ApplicationName", "monthly report");
            run(c, "SELECT pg_sleep(0.2)");
            run(c, "SELECT pg_sleep(30)");
            return null;
        });
        awaitActive(server, "SELECT pg_sleep(30)");

        String message = refusal(db);

        assertTrue(message.contains("all 3 connections are in use, 1 by this very thread, longest held by: "), message);
        String me = Pattern.quote(Thread.currentThread().getName());
        assertFound(me + " \\(dedicated notify-bus\\) for \\d+ ms, between statements[; ]", message);
        assertFound("lazy for \\d+ ms, between statements[; ]", message);
        Matcher running =
                assertFound("reporter \\(monthly report\\) for (\\d+) ms, statement running for (\\d+) ms", message);
        assertTrue(Long.parseLong(running.group(2)) + 200 <= Long.parseLong(running.group(1)), message);
        end.countDown();
        assertTrue(lazy.join(SOON));
        bus.close();
        db.close(Duration.ZERO);
        assertTrue(reporter.join(SOON));
    }

    private static Matcher assertFound(String pattern, String message) {
        Matcher matcher = Pattern.compile(pattern).matcher(message);
        assertTrue(matcher.find(), () -> pattern + " is not in: " + message);
        return matcher;
    }

    @Test
    void theLabelOfOneHolderIsNotThatOfTheNext(TestDatabase server) throws Exception {
        try (Database db = Database.open(config(server, 1).build())) {
            try (Connection first = db.primary().acquire()) {
                Properties info = new Properties();
                info.setProperty("ApplicationName", "first");
                first.setClientInfo(info);
                assertTrue(refusal(db).contains(" (first) for "));
            }
            try (Connection second = db.primary().acquire()) {
                assertFalse(refusal(db).contains("(first)"));
                second.setClientInfo("ApplicationName", "second");
                assertTrue(refusal(db).contains(" (second) for "));
            }
        }
    }

    @Test
    void withoutTheSlowStatementLogTheAgeIsThatOfTheReadThatTheStatementWaitsIn(TestDatabase server) throws Exception {
        Database db = Database.open(
                config(server, 1).slowStatementThreshold(Duration.ZERO).build());
        Thread user = holder(db, "user", c -> {
            run(c, "SELECT pg_sleep(30)");
            return null;
        });
        awaitActive(server, "SELECT pg_sleep(30)");
        assertFound("user for \\d+ ms, statement running for \\d{1,5} ms", refusal(db));
        db.close(Duration.ZERO);
        assertTrue(user.join(SOON));
    }

    @Test
    void aHolderInACommitWaitsForTheServer(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE public.t (id int)");
        server.execute("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS"
                + " 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END'");
        server.execute("CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON public.t DEFERRABLE INITIALLY DEFERRED"
                + " FOR EACH ROW EXECUTE FUNCTION public.slow()");
        Database db = Database.open(config(server, 1).build());
        Thread user = holder(db, "user", c -> {
            c.setAutoCommit(false);
            run(c, "INSERT INTO public.t VALUES (1)");
            c.commit();
            return null;
        });
        awaitActive(server, "COMMIT");
        assertFound("user for \\d+ ms, between statements, waits for the server for \\d{1,5} ms", refusal(db));
        db.close(Duration.ZERO);
        assertTrue(user.join(SOON));
    }

    @Test
    void placesOfOrphansAreCountedAndTheSumNeverExceedsTheSize(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(1).build())) {
            Thread victim = holder(db, "victim", c -> {
                run(c, "SELECT pg_sleep(30)");
                return null;
            });
            awaitActive(server, "SELECT pg_sleep(30)");
            link.refuse(true);
            victim.interrupt();
            PoolStats seen = db.primary().stats();
            for (long begin = System.nanoTime();
                    seen.orphaned() == 0;
                    seen = db.primary().stats()) {
                assertSum(seen);
                assertTrue(System.nanoTime() - begin < SOON.toNanos(), "no orphan: " + seen);
            }
            assertSum(seen);
            assertEquals(0, seen.total(), seen.toString());
            assertTrue(seen.toString().contains(" orphaned=1"), seen.toString());
            assertTrue(victim.join(SOON));
            // Takes the place as soon as it is free: it must not be counted as an orphan's and an opener's.
            Thread waiter = holder(db, "waiter", c -> null);
            while (db.primary().stats().orphaned() != 0) {
                assertSum(db.primary().stats());
            }
            link.heal();
            while (db.primary().stats().control() == 0) {
                assertSum(db.primary().stats());
            }
            assertTrue(db.primary().stats().toString().contains(" control=1"));
            assertTrue(waiter.join(SOON));
            db.withConnection(c -> c.isValid(1));
            assertSum(db.primary().stats());
        }
    }

    private static void assertSum(PoolStats stats) {
        assertTrue(stats.total() + stats.connecting() + stats.orphaned() <= stats.maxSize(), stats::toString);
    }

    @Test
    void whileOrphansHaveThePlacesTheRefusalSaysSo(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(1).build())) {
            Connection held = db.primary().acquire();
            link.refuse(true);
            held.abort(Runnable::run);
            held.close();
            AcquireException e =
                    assertThrows(AcquireException.class, () -> db.primary().acquire(Duration.ofMillis(1)));
            assertEquals(Reason.EXHAUSTED, e.reason(), e.getMessage());
            assertTrue(
                    e.getMessage()
                            .contains("all 1 places are taken, 1 of them until backends without a client are ended,"
                                    + " none is held by now"),
                    e.getMessage());
            link.heal();
        }
    }
}
