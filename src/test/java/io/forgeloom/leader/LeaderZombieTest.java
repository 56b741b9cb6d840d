package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.millisLed;
import static io.forgeloom.leader.Elections.row;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * A leader that is gone while its session stays: a pooler in between has turned its timeout off and keeps it alive. It says
 * so at its start.
 */
@ExtendWith(ThreadLeaks.class)
class LeaderZombieTest {

    private static final Duration LEASE = Duration.ofMillis(600);

    private static Elections.Log log;
    private static TestDatabase database;
    private static Stranger stranger;

    @BeforeAll
    static void open() throws Exception {
        log = new Elections.Log();
        database = Elections.migrated();
        stranger = new Stranger(database);
    }

    @AfterAll
    static void close() throws Exception {
        log.close();
        database.execute("DROP OWNED BY " + stranger.name + "; DROP ROLE " + stranger.name);
        Elections.drop(database);
    }

    /** The same server for a role without rights but to lead. */
    private record Stranger(TestDatabase server, String name) implements TestServer {

        Stranger(TestDatabase server) throws Exception {
            this(server, "stranger_" + Long.toString(System.nanoTime(), 36));
            server.execute("CREATE ROLE " + name + " LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA elsewhere TO " + name
                    + "; GRANT SELECT, INSERT, UPDATE ON forge_leaders TO " + name);
        }

        @Override
        public String host() {
            return server.host();
        }

        @Override
        public int port() {
            return server.port();
        }

        @Override
        public String user() {
            return name;
        }

        @Override
        public @Nullable String password() {
            return "x";
        }

        @Override
        public String database() {
            return server.database();
        }
    }

    private static LeaderConfig config(boolean endZombies) {
        return fast().leaseDuration(LEASE)
                .bodyTimeout(Duration.ofMillis(300))
                .endZombies(endZombies)
                .build();
    }

    /** Somebody who leads, and never hears of the server again, nor it of him. */
    private static Node zombie(StatementLink link, LeaderRole role) throws Exception {
        link.rewrite(sql -> sql.replace("idle_session_timeout = 600", "idle_session_timeout = 0")
                .replace("tcp_user_timeout = 600", "tcp_user_timeout = 0"));
        Node a = Node.started(link, config(true), role);
        Leadership leadership = a.leads();
        link.freeze("to_regclass");
        long frozen = System.nanoTime();
        // Nor can its pool end the session, over another one.
        link.refuse();
        long millis = millisLed(frozen, leadership::isValid);
        assertTrue(millis < LEASE.toMillis(), millis + " ms");
        return a;
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void isEndedWhenItsLeaseHasExpiredTwiceOver() throws Exception {
        LeaderRole role = LeaderRole.daemon("ended");
        try (StatementLink link = new StatementLink(database);
                Node a = zombie(link, role);
                Node b = Node.of(database, config(true), role)) {
            assertFalse(log.warnings("idle_session_timeout = 0 ms where 600 was set")
                    .isEmpty());
            b.election.start();
            assertTrue(b.leads().term() > 1);
            log.awaitWarning(
                    "ended the session of", "leader of ended (process ", "silent for more than twice its lease");
            // A machine that stands still for a lease costs the new one its session, and it comes again.
            Await.until("one holder", () -> holders(database, role) == 1);
            assertFalse(a.election.isLeader(role));
        }
    }

    @Test
    @Tag("slow")
    @Execution(ExecutionMode.CONCURRENT)
    void staysWhereNobodyIsToEndIt() throws Exception {
        LeaderRole role = LeaderRole.daemon("kept");
        try (StatementLink link = new StatementLink(database);
                Node a = zombie(link, role);
                Node b = Node.started(database, config(false), role)) {
            String pid = row(database, role, "backend_pid");
            assertTrue(b.election.awaitLeadership(role, LEASE.multipliedBy(4)).isEmpty());
            assertEquals(
                    LeaderStatus.State.SILENT,
                    b.election.leader(role).orElseThrow().state());
            database.execute("SELECT pg_terminate_backend(" + pid + ", 5000)");
            assertTrue(b.leads().term() > 1);
            assertFalse(a.election.isLeader(role));
        }
    }

    /** Which may not see when a session of another role began: it is told what to grant, and then it works. */
    @Test
    @Tag("slow")
    @Execution(ExecutionMode.CONCURRENT)
    void isLeftAloneByARoleWithoutRightsWhichIsToldWhatToGrant() throws Exception {
        LeaderRole role = LeaderRole.daemon("foreign");
        try (StatementLink link = new StatementLink(database);
                Node a = zombie(link, role);
                Node b = Node.started(stranger, config(true), role)) {
            log.awaitWarning(
                    "leader of foreign", "GRANT pg_signal_backend, pg_read_all_stats", "start of that session");
            assertFalse(b.election.isLeader(role));
            database.execute("GRANT pg_read_all_stats TO " + stranger.name);
            b.election.stop();
            b.election.start();
            log.awaitWarning("foreign", "GRANT pg_signal_backend, pg_read_all_stats", "ermission denied to terminate");
            assertFalse(b.election.isLeader(role));
            assertEquals(1, holders(database, role));
            assertFalse(a.election.isLeader(role));
            database.execute("SELECT pg_terminate_backend(" + row(database, role, "backend_pid") + ", 5000)");
            assertTrue(b.leads().term() > 1);
        }
    }
}
