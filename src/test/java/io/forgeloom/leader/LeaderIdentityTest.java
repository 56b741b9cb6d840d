package io.forgeloom.leader;

import static io.forgeloom.leader.Elections.fast;
import static io.forgeloom.leader.Elections.holders;
import static io.forgeloom.leader.Elections.row;
import static io.forgeloom.leader.Node.PATIENCE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Who is meant: by the lock's number, the node's name, the clock, and the term of a transaction. */
@ExtendWith(ThreadLeaks.class)
class LeaderIdentityTest {

    /** Debian has it in the package faketime. */
    private static final Path FAKETIME = Path.of("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1");

    private static TestDatabase database;

    @BeforeAll
    static void open() throws Exception {
        database = Elections.migrated();
    }

    @AfterAll
    static void close() throws Exception {
        Elections.drop(database);
    }

    private static void lock(Connection connection, String key) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_advisory_lock(" + key + ")");
        }
    }

    // ---- the lock ----

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void sameNumberInAnotherDatabaseAndAsTwoNumbersKeepNobodyOut() throws Exception {
        LeaderRole role = LeaderRole.SCHEDULER;
        try (Connection elsewhere = database.server().connect();
                Connection two = database.connect()) {
            lock(elsewhere, role.lockId().toString());
            lock(two, role.lockId().classId() + ", " + role.lockId().objId());
            // Often enough for a look at zombies, of which there is none.
            LeaderConfig config = fast().leaseDuration(Duration.ofMillis(500))
                    .bodyTimeout(Duration.ZERO)
                    .build();
            try (Node a = Node.started(database, config, role);
                    Node b = Node.started(database, config, role)) {
                a.election.awaitLeadership(role, Duration.ofMillis(200));
                Await.until("a leader", () -> a.election.isLeader(role) || b.election.isLeader(role));
                // A machine that stands still for a lease costs the leader its session, and there is another.
                Await.until("one holder", () -> holders(database, role) == 1);
                Thread.sleep(1_300);
            }
            assertEquals(0, holders(database, role));
            assertTrue(elsewhere.isValid(5) && two.isValid(5));
        }
    }

    // ---- the name ----

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void equalNodeIdsChangeNothing() throws Exception {
        LeaderRole role = LeaderRole.daemon("same names");
        LeaderConfig config = fast().nodeId("host-1").build();
        try (Node a = Node.started(database, config, role);
                Node b = Node.of(database, config, role)) {
            Leadership first = a.leads();
            String incarnation = row(database, role, "incarnation");
            b.election.start();
            assertTrue(b.election.awaitLeadership(role, Duration.ofMillis(300)).isEmpty());
            // Resigned, it would stand back for a moment only, and the other may be slow.
            a.election.stop();
            Leadership second = b.leads();
            assertEquals("host-1", row(database, role, "node_id"));
            assertNotEquals(incarnation, row(database, role, "incarnation"));
            assertThrows(LeadershipLostException.class, () -> first.inTransaction(tx -> "never"));
            assertEquals("done", second.<String, RuntimeException>inTransaction(tx -> "done"));
        }
    }

    // ---- the clock ----

    /** Of the library's own code; the server's clock is asked by {@code now()} alone. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void noClassOfTheElectionAsksTheWallClock() throws IOException {
        Path folder = Path.of(URI.create(LeaderElection.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toString()))
                .resolve("io/forgeloom/leader");
        List<String> arguments = new ArrayList<>(List.of("-c", "-p"));
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(file -> file.toString().endsWith(".class")).forEach(file -> arguments.add(file.toString()));
        }
        StringWriter output = new StringWriter();
        ToolProvider.findFirst("javap")
                .orElseThrow()
                .run(new PrintWriter(output), new PrintWriter(output), arguments.toArray(String[]::new));
        List<String> clocks = output.toString()
                .lines()
                .filter(line -> line.contains("// Method") || line.contains("// InterfaceMethod"))
                .filter(line -> line.contains("java/lang/System.") || line.contains("java/time/"))
                .toList();
        // Against a test that has looked at nothing.
        assertTrue(clocks.stream().anyMatch(line -> line.contains("System.nanoTime")));
        assertEquals(
                List.of(),
                clocks.stream()
                        .filter(line -> line.contains("currentTimeMillis")
                                || line.contains(".now:")
                                || line.contains("java/time/Clock"))
                        .toList());
    }

    /** A process that thinks it is an hour later, or earlier, leads and loses as any other. */
    @Test
    @Tag("slow")
    @Execution(ExecutionMode.CONCURRENT)
    void clocksAnHourOffChangeNothing() throws Exception {
        if (!Files.exists(FAKETIME)) {
            System.out.println("skipped: no " + FAKETIME);
            Assumptions.abort("no libfaketime");
        }
        LeaderRole role = LeaderRole.daemon("clocks");
        LeaderConfig config = fast().leaseDuration(Duration.ofSeconds(2)).build();
        String offset = ThreadLocalRandom.current().nextBoolean() ? "+1h" : "-1h";
        try (TestProcess process = TestProcess.of(Candidate.class)
                        .arguments(database.url(), role.name())
                        .environment("LD_PRELOAD", FAKETIME.toString())
                        .environment("FAKETIME", offset)
                        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                        .environment("FAKETIME_FORCE_MONOTONIC_FIX", "0")
                        .start();
                Node b = Node.of(database, config, role)) {
            String line = process.awaitLine(text -> text.startsWith("leads "), Duration.ofSeconds(60));
            long off = Instant.parse(line.substring("leads ".length())).getEpochSecond()
                    - Instant.now().getEpochSecond();
            assertTrue(Math.abs(off) > 3_500, line);
            // The lease may be renewed between now() and the look, but not after it.
            assertEquals("t", row(database, role, "lease_until BETWEEN now() AND clock_timestamp() + interval '2 s'"));
            b.election.start();
            assertTrue(
                    b.election.awaitLeadership(role, Duration.ofMillis(2_500)).isEmpty());
            process.sigkill();
            assertTrue(b.leads().term() > 1);
        }
    }

    /** Leads until it is killed. */
    static final class Candidate {

        private Candidate() {}

        /** The program. */
        public static void main(String[] arguments) throws Exception {
            LeaderRole role = LeaderRole.of(arguments[1]);
            try (Database db =
                            Database.open(DatabaseConfig.builder(arguments[0]).build());
                    NotifyBus bus = NotifyBus.of(db);
                    LeaderElection election = LeaderElection.of(
                            db, bus, fast().leaseDuration(Duration.ofSeconds(2)).build(), role)) {
                election.start();
                election.awaitLeadership(role, PATIENCE).orElseThrow();
                System.out.println("leads " + Instant.now());
                Thread.sleep(Duration.ofMinutes(2));
            }
        }
    }

    // ---- the term ----

    /** Half a lease; one after the other for more than a whole one, and the row is refreshed meanwhile. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void fencedTransactionThatRunsAsLongAsItMayDoesNotCostTheSeat() throws Exception {
        LeaderRole role = LeaderRole.daemon("long transaction");
        LeaderConfig config = fast().leaseDuration(Duration.ofMillis(1_600)).build();
        try (Node a = Node.started(database, config, role)) {
            Leadership leadership = a.leads();
            for (int i = 0; i < 3; i++) {
                String until = row(database, role, "lease_until");
                try {
                    leadership.inTransaction(tx -> {
                        try (Statement statement = tx.connection().createStatement()) {
                            return statement.execute("SELECT pg_sleep(0.7)");
                        }
                    });
                } catch (DeadlineExceededException | CommitOutcomeUnknownException e) {
                    // On a slow machine; then it ran for as long as it might, and more, and the server may end it at
                    // its COMMIT.
                    System.out.println("figure: " + e.getMessage());
                }
                assertEquals("t", row(database, role, "lease_until > '" + until + "'"));
                assertTrue(leadership.isValid());
            }
            // One that would take longer is ended, and costs nothing either.
            assertThrows(
                    ForgeException.class,
                    () -> leadership.inTransaction(tx -> {
                        try (Statement statement = tx.connection().createStatement()) {
                            return statement.execute("SELECT pg_sleep(3)");
                        }
                    }));
            assertTrue(leadership.isValid());
            assertEquals(1, a.leads().term());
            assertFalse(a.events.stream().anyMatch(LeaderEvent.Lost.class::isInstance));
        }
    }
}
