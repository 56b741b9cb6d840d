package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.SocketTimeoutException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@NeedsCluster
@Tag("slow")
class PostgresClusterTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final String BUSY =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'";

    @Test
    void replicasShowWhatThePrimaryCommitted() throws Exception {
        List<Double> fractions = new ArrayList<>();
        try (PostgresCluster cluster = PostgresCluster.builder()
                .replicas(2)
                .setting("work_mem", "7MB")
                .progress((step, fraction) -> fractions.add(fraction))
                .start()) {
            cluster.primary().execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)");
            cluster.awaitReplayed(PATIENCE);
            assertEquals(2, cluster.replicas().size());
            for (PostgresServer replica : cluster.replicas()) {
                assertEquals("2", replica.query("SELECT count(*) FROM t"));
                assertEquals("t", replica.query("SELECT pg_is_in_recovery()"));
                assertEquals("7MB", replica.query("SHOW work_mem"));
            }
        }
        assertEquals(1.0, fractions.getLast());
        assertEquals(fractions.stream().sorted().toList(), fractions);
    }

    @Test
    void serverComesBackOnItsPortWithWhatItCommitted() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start()) {
            PostgresServer server = cluster.primary();
            String url = server.url();
            server.execute("CREATE TABLE t (id int)");

            server.kill();
            assertFalse(server.running());
            assertThrows(SQLException.class, server::connect);
            server.start();
            server.execute("INSERT INTO t VALUES (1)");

            long before = server.pid();
            server.sigkill();
            server.start();
            assertNotEquals(before, server.pid());
            server.execute("INSERT INTO t VALUES (2)");

            server.restart();
            assertEquals("2", server.query("SELECT count(*) FROM t"));
            assertEquals(url, server.url());
        }
    }

    @Test
    void durableServerIsOnDiskAndWaitsForIt() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().durable(true).start()) {
            assertEquals("on", cluster.primary().query("SHOW fsync"));
            assertFalse(cluster.primary().data().startsWith("/dev/shm"));
        }
    }

    @Test
    void sigkillLeavesNoBackendBehind() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                Connection busy = cluster.primary().connect();
                Statement statement = busy.createStatement()) {
            // Never waits, so it does not notice the death of the postmaster by itself.
            Thread endless = Thread.ofVirtual()
                    .start(() -> assertThrows(
                            SQLException.class,
                            () -> statement.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")));
            while (cluster.primary().query(BUSY).equals("0")) {
                Thread.sleep(5);
            }
            List<ProcessHandle> children = ProcessHandle.of(cluster.primary().pid())
                    .orElseThrow()
                    .children()
                    .toList();
            cluster.primary().sigkill();
            assertTrue(children.stream().noneMatch(ProcessGuard::alive), children.toString());
            endless.join();
        }
    }

    @Test
    void pausedServerKeepsItsSocketsAndAnswersNothing() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().start();
                Connection impatient = cluster.primary().connect();
                Connection patient = cluster.primary().connect();
                Statement statement = patient.createStatement()) {
            PostgresServer server = cluster.primary();
            server.pause();
            assertTrue(server.running());
            impatient.setNetworkTimeout(Runnable::run, 100);
            assertTimedOut(() -> impatient.createStatement().execute("SELECT 1"));
            String options = "&socketTimeout=1&sslmode=disable&gssEncMode=disable";
            assertTimedOut(() -> DriverManager.getConnection(server.url() + options));
            server.resume();
            statement.execute("SELECT 1");

            server.pause();
            server.kill();
            assertFalse(server.running());
        }
    }

    @Test
    void promotedReplicaTakesWritesAndTheOldPrimaryRejoins() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(2).start()) {
            PostgresServer old = cluster.primary();
            old.execute("CREATE TABLE t (id int)");
            cluster.awaitReplayed(PATIENCE);
            old.sigkill();

            PostgresServer promoted = cluster.replicas().getFirst();
            promoted.promote();
            assertSame(promoted, cluster.primary());
            promoted.execute("INSERT INTO t VALUES (1)");

            cluster.rejoin(old);
            for (PostgresServer left : cluster.replicas()) {
                if (left != old) {
                    cluster.rejoin(left);
                }
            }
            PostgresServer added = cluster.addReplica();
            promoted.execute("INSERT INTO t VALUES (2)");
            cluster.awaitReplayed(PATIENCE);
            assertEquals(3, cluster.replicas().size());
            for (PostgresServer replica : cluster.replicas()) {
                assertEquals("2", replica.query("SELECT count(*) FROM t"), replica.toString());
            }
            assertTrue(cluster.replicas().contains(added));
        }
    }

    @Test
    void passwordIsAskedForAndSurvivesEveryUrl() throws Exception {
        try (PostgresCluster cluster =
                PostgresCluster.builder().requirePassword().replicas(1).start()) {
            PostgresServer server = cluster.primary();
            assertEquals("1", server.query("SELECT 1"));
            assertEquals("1", ExternalServer.parse(server.libpqUrl()).query("SELECT 1"));
            String without = server.url().replaceFirst("&password=.*", "&password=wrong");
            SQLException refused = assertThrows(SQLException.class, () -> DriverManager.getConnection(without));
            assertEquals("28P01", refused.getSQLState());
        }
    }

    @Test
    void failedStartShowsTheLogAndLeavesNothing() {
        List<String> before = postmasters();
        IllegalStateException error = assertThrows(
                IllegalStateException.class,
                () -> PostgresCluster.builder()
                        .setting("max_connections", "many")
                        .start());
        assertTrue(error.getMessage().contains("invalid value for parameter \"max_connections\""), error.getMessage());
        assertEquals(before, postmasters());
    }

    @Test
    void olderServerIsPostgres17() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.older().start()) {
            assertEquals("17", cluster.primary().query("SELECT current_setting('server_version_num')::int / 10000"));
        }
    }

    private static void assertTimedOut(Executable attempt) {
        SQLException silent = assertThrows(SQLException.class, attempt);
        assertTrue(silent.getCause() instanceof SocketTimeoutException, silent.toString());
    }

    private static List<String> postmasters() {
        return ProcessHandle.current()
                .children()
                .filter(process -> process.info().command().orElse("").endsWith("/postgres"))
                .map(process -> Long.toString(process.pid()))
                .sorted()
                .toList();
    }
}
