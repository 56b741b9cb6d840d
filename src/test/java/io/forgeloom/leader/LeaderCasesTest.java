package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.row;
import static io.forgeloom.leader.Elections.terminate;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.TransactionOptions;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The cases that Forge tests of its own election, as far as they are not somewhere else. */
@ExtendWith(ThreadLeaks.class)
class LeaderCasesTest {

    /** Whose heartbeat comes late, so that something else is first. */
    private static final LeaderConfig RARE_HEARTBEAT = fast().leaseDuration(Duration.ofSeconds(12))
            .lockValidateInterval(Duration.ofSeconds(4))
            .keepaliveInterval(Duration.ofMillis(100))
            .build();

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

    /** Has the session itself give all of its locks back, once, behind the election's back. */
    private static void loseTheLocks(StatementLink link, String instead) {
        AtomicBoolean done = new AtomicBoolean();
        link.rewrite(sql -> sql.equals("SELECT 1") && done.compareAndSet(false, true) ? instead : sql);
    }

    private static final String UNLOCK = "SELECT pg_advisory_unlock_all()";

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void acquireWritesTheRow() throws Exception {
        LeaderRole role = LeaderRole.daemon("it's a \"role\"; --");
        LeaderConfig config = fast().nodeId("it's node\\7").build();
        try (Node a = Node.started(database, config, role)) {
            a.leads();
            String name = role.name().replace("'", "''");
            // The lease may be renewed between now() and the look, but not after it.
            assertEquals(
                    "it's node\\7|5000|1|1|true|true|true|true",
                    database.query("SELECT concat_ws('|', r.node_id, r.lease_millis, r.timeline, r.term, CASE WHEN"
                            + " r.resigned_at IS NULL AND r.acquired_at <= now() THEN 'true' END, CASE WHEN"
                            + " r.lease_until BETWEEN now() + interval '3 s' AND clock_timestamp() + interval '5 s' THEN"
                            + " 'true' END, CASE WHEN a.backend_start = r.backend_start THEN 'true' END,"
                            + " CASE WHEN l.granted THEN 'true' END)"
                            + " FROM forge_leaders AS r LEFT JOIN pg_stat_activity AS a ON a.pid ="
                            + " r.backend_pid LEFT JOIN pg_locks AS l ON l.pid = r.backend_pid AND l.locktype ="
                            + " 'advisory' WHERE role = '" + name + "'"));
            UUID unused = UUID.fromString(
                    database.query("SELECT incarnation FROM forge_leaders WHERE role = '" + name + "'"));
            LeaderStatus status = a.election.leader(role).orElseThrow();
            assertEquals(LeaderStatus.State.LEADING, status.state());
            assertEquals(role.name(), status.role());
        }
    }

    /** Others may write to the table as well; that must not hide who leads. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void rowsUnderNamesThatNoRoleCanHaveAreShownAsNobodys() throws Exception {
        LeaderRole role = LeaderRole.daemon("a role beside others' rows");
        TestDatabase own = Elections.migrated();
        try (Node a = Node.started(own, fast().build(), role)) {
            a.leads();
            own.execute("INSERT INTO forge_leaders SELECT (jsonb_populate_record(r, jsonb_build_object('role', n))).*"
                    + " FROM forge_leaders AS r, unnest(ARRAY['', E'a\\nb', repeat('x', 256)]) AS n");
            Map<String, LeaderStatus.State> states = LeaderElection.leaders(a.database, LeaderConfig.DEFAULTS).stream()
                    .collect(Collectors.toMap(LeaderStatus::role, LeaderStatus::state));
            LeaderStatus.State gone = LeaderStatus.State.GONE;
            assertEquals(
                    Map.of(role.name(), LeaderStatus.State.LEADING, "", gone, "a\nb", gone, "x".repeat(256), gone),
                    states);
        }
        Elections.drop(own);
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void leaseIsRefreshedThreeTimesAndNothingElseChanges() throws Exception {
        LeaderRole role = LeaderRole.daemon("refreshed");
        try (Node a = Node.started(database, fast().build(), role)) {
            a.leads();
            String what =
                    "concat_ws(' ', acquired_at, term, timeline, incarnation, backend_pid, backend_start, node_id,"
                            + " lease_millis, resigned_at)";
            String before = row(database, role, what);
            String until = row(database, role, "lease_until");
            for (int i = 0; i < 3; i++) {
                String last = until;
                Await.until(
                        "a refresh",
                        () -> row(database, role, "lease_until > '" + last + "'")
                                .equals("t"));
                until = row(database, role, "lease_until");
            }
            assertEquals(before, row(database, role, what));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void validateDetectsTheLossOfTheLockAndSaysItOnce() throws Exception {
        LeaderRole role = LeaderRole.daemon("validated");
        LeaderRole beside = LeaderRole.daemon("beside");
        try (StatementLink link = new StatementLink(database);
                Node a = Node.started(link, fast().build(), role, beside)) {
            Leadership first = a.leads();
            Await.until("both", () -> a.election.isLeader(beside));
            loseTheLocks(link, UNLOCK);
            Await.until("the loss", () -> !first.isValid());
            // One session has the locks of all roles: nobody may guess what is left of it.
            Leadership again = a.leads();
            assertEquals(first.term() + 1, again.term());
            Await.until("both again", () -> a.election.isLeader(beside));
            // Validated again and again.
            Thread.sleep(300);
            assertTrue(again.isValid());
            assertEquals(
                    2,
                    a.events.stream().filter(LeaderEvent.Lost.class::isInstance).count());
            assertEquals(
                    4,
                    a.events.stream()
                            .filter(LeaderEvent.Elected.class::isInstance)
                            .count());
            assertTrue(log.awaitWarning("lost: validated").contains("does not have the lock of"));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whatHappensIsRecordedAsTheListenersAreToldOfIt() throws Exception {
        LeaderRole role = LeaderRole.daemon("recorded");
        String name = "io.forgeloom.leader.Change";
        BlockingQueue<RecordedEvent> events = new LinkedBlockingQueue<>();
        try (RecordingStream stream = new RecordingStream()) {
            stream.setReuse(false);
            stream.enable(name);
            stream.onEvent(name, event -> {
                if (event.getString("role").equals(role.name())) {
                    events.add(event);
                }
            });
            stream.startAsync();
            String token;
            try (Node a = Node.started(database, fast().build(), role)) {
                token = a.leads().token().toString();
            }
            for (String what : List.of("elected", "resigned")) {
                RecordedEvent event = events.poll(10, TimeUnit.SECONDS);
                assertNotNull(event, what);
                assertEquals(what, event.getString("what"));
                assertEquals(token, event.getString("token"));
            }
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aFencedTransactionMayHaveLessTimeThanTheLeaseGivesIt() throws Exception {
        TransactionOptions brief =
                TransactionOptions.builder().timeout(Duration.ofMillis(200)).build();
        try (Node a = Node.started(database, fast().build(), LeaderRole.daemon("brief"))) {
            Leadership leads = a.leads();
            // Opens the session, which may take longer than the brief one has.
            leads.inTransaction(tx -> tx.connection().createStatement().execute("SELECT 1"));
            long begun = System.nanoTime();
            assertThrows(
                    DeadlineExceededException.class,
                    () -> leads.inTransaction(
                            brief, tx -> tx.connection().createStatement().execute("SELECT pg_sleep(20)")));
            Duration took = Duration.ofNanos(System.nanoTime() - begun);
            // Half a lease is 2.5 s.
            assertTrue(took.compareTo(Duration.ofSeconds(2)) < 0, took::toString);
        }
    }

    /** A key of two numbers that look the same is not the lock. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void keyOfTwoNumbersIsNotMistakenForTheLock() throws Exception {
        LeaderRole role = LeaderRole.METRICS_AGGREGATOR;
        String two = role.lockId().classId() + ", " + role.lockId().objId();
        try (StatementLink link = new StatementLink(database);
                Node a = Node.started(link, fast().build(), role)) {
            Leadership first = a.leads();
            loseTheLocks(link, UNLOCK + ", pg_advisory_lock(" + two + ")");
            Await.until("the loss", () -> !first.isValid());
            assertEquals(first.term() + 1, a.leads().term());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void refreshDetectsThatTheRowIsAnothers() throws Exception {
        LeaderRole role = LeaderRole.daemon("overwritten");
        try (Node a = Node.started(database, RARE_HEARTBEAT, role)) {
            Leadership first = a.leads();
            database.execute("UPDATE forge_leaders SET term = term + 1 WHERE role = '" + role.name() + "'");
            Await.until("the loss", () -> !first.isValid());
            assertTrue(log.awaitWarning("lost: overwritten").contains("names another leader"));
            assertEquals(first.term() + 2, a.leads().term());
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void refreshDetectsThatTheSessionIsGone() throws Exception {
        LeaderRole role = LeaderRole.daemon("gone");
        try (Node a = Node.started(
                database,
                fast().leaseDuration(Duration.ofSeconds(12))
                        .lockValidateInterval(Duration.ofSeconds(4))
                        .keepaliveInterval(Duration.ofSeconds(4))
                        .build(),
                role)) {
            Leadership first = a.leads();
            terminate(database, role);
            Await.until("the loss", () -> !first.isValid());
            assertTrue(log.awaitWarning("lost: gone").contains("lease: "));
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void releaseWithoutTheLockClearsAllThatIsBelieved() throws Exception {
        LeaderRole role = LeaderRole.daemon("unlocked");
        try (StatementLink link = new StatementLink(database);
                Node a = Node.started(link, RARE_HEARTBEAT, role)) {
            Leadership first = a.leads();
            String pid = row(database, role, "backend_pid");
            loseTheLocks(link, UNLOCK);
            Await.until("no lock", () -> holders(database, role) == 0);
            assertTrue(first.isValid(), "it has noticed, so this shows nothing");
            a.election.resign(role);
            assertFalse(first.isValid());
            assertFalse(a.election.leadership(role).filter(first::equals).isPresent());
            assertInstanceOf(LeaderEvent.Elected.class, a.event());
            assertInstanceOf(LeaderEvent.Resigned.class, a.event());
            // Of a session that had not what was thought nothing is kept.
            Await.until(
                    "its end",
                    () -> String.valueOf(database.query("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid))
                            .equals("0"));
            assertEquals(first.term() + 1, a.leads().term());
        }
    }

    // ---- who is ended as a zombie, and who is not ----

    /** A session that has a lock, and a row that says so: with a lease that is over since {@code over}. */
    private static void write(LeaderRole role, Connection holder, String over, String start) throws Exception {
        try (var statement = holder.createStatement();
                var row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            database.execute(("INSERT INTO forge_leaders (role, node_id, acquired_at, lease_until, lease_millis,"
                            + " resigned_at, timeline, term, incarnation, backend_pid, backend_start) SELECT '%s', 'z',"
                            + " now(), now() - interval '%s', 1000, NULL, 1, 1, gen_random_uuid(), pid, %s FROM"
                            + " pg_stat_activity WHERE pid = %d")
                    .formatted(role.name(), over, start, row.getInt(1)));
        }
    }

    private static void lock(Connection holder, String key) throws Exception {
        try (var statement = holder.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(" + key + ")");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void onlyWhoHoldsThisRolesLockInThisDatabaseAndIsSilentForTwoLeasesIsEnded() throws Exception {
        LeaderRole zombie = LeaderRole.daemon("zombie");
        LeaderRole once = LeaderRole.daemon("expired once");
        LeaderRole fresh = LeaderRole.daemon("fresh");
        LeaderRole resigned = LeaderRole.daemon("resigned");
        LeaderRole reused = LeaderRole.daemon("pid of another now");
        LeaderRole lockless = LeaderRole.daemon("without the lock");
        LeaderRole elsewhere = LeaderRole.daemon("in another database");
        LeaderRole two = LeaderRole.LOG_COMPACTOR;
        try (Connection holder = database.connect();
                Connection other = database.server().connect();
                Connection victim = database.connect();
                Database db = Database.open(
                        DatabaseConfig.builder(database.url()).poolSize(2).build())) {
            for (LeaderRole role : new LeaderRole[] {once, fresh, resigned, reused}) {
                lock(holder, role.lockId().toString());
            }
            lock(holder, two.lockId().classId() + ", " + two.lockId().objId());
            lock(other, elsewhere.lockId().toString());
            lock(victim, zombie.lockId().toString());
            write(once, holder, "900 ms", "backend_start");
            write(fresh, holder, "-1 h", "backend_start");
            write(resigned, holder, "1 h", "backend_start");
            database.execute("UPDATE forge_leaders SET resigned_at = now() WHERE role = 'resigned'");
            write(reused, holder, "1 h", "backend_start - interval '1 microsecond'");
            write(lockless, holder, "1 h", "backend_start");
            write(elsewhere, other, "1 h", "backend_start");
            write(two, holder, "1 h", "backend_start");
            write(zombie, victim, "1100 ms", "backend_start");
            // Over since a second, and not by its own length again for a minute.
            database.execute(
                    "UPDATE forge_leaders SET lease_millis = 60000, lease_until = now() - interval '1 s' WHERE role = '"
                            + once.name() + "'");
            var roles = List.of(once, fresh, resigned, reused, lockless, elsewhere, two, zombie);
            try (Connection connection = db.primary().acquire()) {
                var ended = LeaderTable.find(connection, null).endZombies(connection, roles);
                assertEquals(1, ended.size(), ended::toString);
                assertTrue(ended.getFirst().ended());
                assertTrue(ended.getFirst().who().startsWith("z, leader of zombie (process "), ended::toString);
                assertEquals(0, holders(database, zombie));
                assertTrue(LeaderTable.find(connection, null)
                        .endZombies(connection, roles)
                        .isEmpty());
            }
            assertTrue(holder.isValid(5) && other.isValid(5) && !victim.isValid(5));
        }
    }
}
