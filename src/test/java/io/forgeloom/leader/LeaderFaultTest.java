package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.millisLed;
import static io.forgeloom.leader.Elections.terminate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.PgBouncerServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** One process whose network, pool, bus or table is not as it should be. */
@ExtendWith(ThreadLeaks.class)
class LeaderFaultTest {

    private static final Duration LEASE = Duration.ofMillis(1_500);
    private static final LeaderConfig CONFIG =
            fast().leaseDuration(LEASE).bodyTimeout(Duration.ofMillis(700)).build();

    private static Elections.Log log;
    private static TestDatabase database;

    @BeforeAll
    static void open() throws Exception {
        log = new Elections.Log();
        database = Elections.migrated();
    }

    @AfterAll
    static void close() throws Exception {
        log.close();
        Elections.drop(database);
    }

    /** Whose loss is noticed in time, by a clock and no more; and that of the network is over, this one leads again. */
    private static void survives(String what, FaultyLink link, Runnable fault) throws Exception {
        LeaderRole role = LeaderRole.daemon(what);
        try (Node a = Node.started(link, CONFIG, role)) {
            Leadership first = a.leads();
            fault.run();
            long millis = millisLed(System.nanoTime(), () -> a.election.isLeader(role));
            System.out.println("figure: " + what + ": stepped down after " + millis + " ms");
            // Trust is five sixths of a lease since the last answer; the rest is for the machine.
            assertTrue(millis <= LEASE.toMillis(), millis + " ms");
            assertFalse(first.isValid());
            assertThrows(LeadershipLostException.class, first::checkpoint);
            link.heal();
            assertTrue(a.leads().token().compareTo(first.token()) > 0);
            assertEquals(1, holders(database, role));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void resetIsSurvived() throws Exception {
        try (FaultyLink link = FaultyLink.to(database)) {
            survives("reset", link, link::cut);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void blackholeIsSurvived() throws Exception {
        try (FaultyLink link = FaultyLink.to(database)) {
            survives("blackhole", link, () -> link.blackhole(true, true));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void answerThatStopsInTheMiddleIsSurvived() throws Exception {
        try (FaultyLink link = FaultyLink.to(database)) {
            survives("stall", link, () -> link.stallInsideMessage(20));
        }
    }

    /** With the network as it is, the process learns it at its next word. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void sessionThatTheServerEndsIsNoticedAtTheNextHeartbeat() throws Exception {
        LeaderRole role = LeaderRole.daemon("ended");
        try (Node a = Node.started(database, CONFIG, role)) {
            Leadership first = a.leads();
            terminate(database, role);
            long begun = System.nanoTime();
            Await.until("the loss", () -> !first.isValid());
            long millis = (System.nanoTime() - begun) / 1_000_000;
            System.out.println("figure: ended by the server: stepped down after " + millis + " ms");
            assertTrue(millis < 1_000, millis + " ms");
            assertEquals(2, a.leads().term());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void exhaustedPoolIsWaitedFor() throws Exception {
        LeaderRole role = LeaderRole.daemon("exhausted");
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(2).build());
                NotifyBus bus = NotifyBus.of(db);
                LeaderElection election = LeaderElection.of(db, bus, CONFIG, role)) {
            List<Connection> all = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                all.add(db.primary().acquire());
            }
            election.start();
            Await.until("it waits", () -> db.primary().stats().waiting() == 1);
            all.getFirst().close();
            assertTrue(election.awaitLeadership(role, Node.PATIENCE).isPresent());
            all.getLast().close();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void databaseThatIsClosedUnderItEndsIt() throws Exception {
        LeaderRole role = LeaderRole.daemon("closed under it");
        Database db = Database.open(DatabaseConfig.builder(database.url())
                .poolSize(3)
                .closeTimeout(Duration.ofMillis(100))
                .build());
        try (NotifyBus bus = NotifyBus.of(db);
                LeaderElection election = LeaderElection.of(db, bus, CONFIG, role)) {
            election.start();
            Leadership first = election.awaitLeadership(role, Node.PATIENCE).orElseThrow();
            db.close();
            Await.until("the loss", () -> !first.isValid());
            log.awaitWarning("the election ends: ");
            assertFalse(election.isLeader(role));
        }
    }

    // ---- the bus ----

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    @SuppressWarnings("try") // closed before its time is what is tried
    void withoutABusThePollsGoOn() throws Exception {
        LeaderRole role = LeaderRole.daemon("no bus");
        try (Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(4).build());
                NotifyBus never = NotifyBus.of(db);
                NotifyBus closed = NotifyBus.of(db);
                LeaderElection a = LeaderElection.of(db, never, CONFIG, role);
                LeaderElection b = LeaderElection.of(db, closed, CONFIG, role)) {
            closed.start();
            a.start();
            assertEquals(1, a.awaitLeadership(role, Node.PATIENCE).orElseThrow().term());
            closed.close();
            b.start();
            assertTrue(b.awaitLeadership(role, Duration.ofMillis(300)).isEmpty());
            a.stop();
            Leadership second = b.awaitLeadership(role, Node.PATIENCE).orElseThrow();
            assertEquals(2, second.term());
            a.start();
            b.stop();
            Leadership third = a.awaitLeadership(role, Node.PATIENCE).orElseThrow();
            assertEquals(3, third.term());
            Thread.sleep(LEASE.toMillis() / 2);
            assertTrue(third.isValid());
        }
    }

    // ---- the table ----

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void tableThatIsMissingIsSaidAndFoundOnceItIsThere() throws Exception {
        LeaderRole role = LeaderRole.daemon("too early");
        try (TestDatabase empty = TestDatabase.on(database.server());
                Node a = Node.started(empty, CONFIG, role)) {
            String warning = log.awaitWarning("no table forge_leaders");
            assertTrue(warning.contains("run the migrations first"), warning);
            assertThrows(ConfigurationException.class, () -> a.election.leader(role));
            Node.migrate(empty);
            assertEquals(1, a.leads().term());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void tableOfAnotherSchemaIsNamedByTheConfig() throws Exception {
        LeaderRole role = LeaderRole.daemon("schema");
        database.execute("CREATE SCHEMA \"its \"\"own\"; CREATE TABLE \"its \"\"own\".forge_leaders"
                + " (LIKE elsewhere.forge_leaders INCLUDING ALL)");
        LeaderConfig config = fast().schema(new Identifier("its \"own")).build();
        try (Node a = Node.started(database, config, role);
                Node wrong = Node.started(
                        database, fast().schema(new Identifier("nowhere")).build(), role)) {
            assertEquals(1, a.leads().term());
            assertEquals(1, a.leads().<Integer, RuntimeException>inTransaction(tx -> 1));
            assertEquals("1", database.query("SELECT term FROM \"its \"\"own\".forge_leaders"));
            assertEquals("0", database.query("SELECT count(*) FROM forge_leaders WHERE role = 'schema'"));
            assertEquals(1, LeaderElection.leaders(a.database, config).size());
            log.awaitWarning("no table forge_leaders in schema \"nowhere\"");
            assertFalse(wrong.election.isLeader(role));
        }
    }

    // ---- poolers ----

    /** Where the pool lets them pass at all; in session mode the settings are the session's own. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void poolerThatKeepsSessionsIsNoHindrance() throws Exception {
        PgBouncerServer.assumeAvailable();
        LeaderRole role = LeaderRole.daemon("pooled");
        try (PgBouncerServer bouncer = PgBouncerServer.session(database);
                Database db = Database.open(DatabaseConfig.builder(bouncer.url())
                        .poolSize(4)
                        .requireDirectConnection(false)
                        .build());
                NotifyBus bus = NotifyBus.of(db);
                LeaderElection election = LeaderElection.of(db, bus, CONFIG, role)) {
            election.start();
            Leadership leadership =
                    election.awaitLeadership(role, Node.PATIENCE).orElseThrow();
            assertEquals(1, leadership.term());
            Thread.sleep(LEASE.toMillis());
            assertTrue(leadership.isValid());
            assertTrue(log.warnings("idle_session_timeout", LEASE.toMillis() + " was set")
                    .isEmpty());
        }
    }

    /** Each transaction may have another session, so no lock is this one's: nobody leads, and the reason is said. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void poolerThatSharesSessionsIsRefusedWithTheReason() throws Exception {
        PgBouncerServer.assumeAvailable();
        LeaderRole role = LeaderRole.daemon("shared");
        try (PgBouncerServer bouncer = PgBouncerServer.transaction(database);
                Database db = Database.open(DatabaseConfig.builder(bouncer.url())
                        .poolSize(4)
                        .requireDirectConnection(false)
                        .build());
                NotifyBus bus = NotifyBus.of(db);
                LeaderElection election = LeaderElection.of(db, bus, CONFIG, role)) {
            election.start();
            log.awaitWarning("the election has no session", "a pooler in between gives each statement another session");
            assertFalse(election.isLeader(role));
            assertEquals(0, holders(database, role));
        }
    }
}
