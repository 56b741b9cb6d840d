package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PgBouncerServer;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What opening a database refuses, and that a refusal at any step leaves no thread and no connection. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class DatabaseStartTest {

    private static ServerCheckException refused(DatabaseConfig config) {
        return assertThrows(ServerCheckException.class, () -> Database.open(config));
    }

    @Test
    void aBadUrlIsRefusedBeforeAnythingIsOpened() {
        assertThrows(
                ConfigurationException.class, () -> DatabaseConfig.builder("").build());
    }

    @Test
    @NeedsCluster
    void aWrongPasswordIsRefusedAndPrintedNowhere() throws Exception {
        try (PostgresCluster cluster =
                        PostgresCluster.builder().requirePassword().start();
                TestDatabase primary = TestDatabase.on(cluster.primary())) {
            DatabaseException e = assertThrows(
                    DatabaseException.class,
                    () -> Database.open(DatabaseConfig.builder(primary.url())
                            .password("s3cret")
                            .build()));
            assertEquals("28P01", e.sqlState());
            assertTrue(e.getMessage().startsWith("primary "), e.getMessage());
            assertFalse(e.getMessage().contains("s3cret"), e.getMessage());
            try (Database db =
                    Database.open(DatabaseConfig.builder(primary.libpqUrl()).build())) {
                assertTrue(db.health().isReady());
            }
            primary.assertNoConnections(Duration.ofSeconds(5));
        }
    }

    @Test
    @NeedsCluster
    void anOlderServerIsRefusedByBothVersions() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.older().start();
                TestDatabase old = TestDatabase.on(cluster.primary())) {
            ServerCheckException e = refused(DatabaseConfig.builder(old.url()).build());
            assertEquals(ServerCheckException.Check.VERSION, e.check());
            assertEquals("primary", e.role());
            assertTrue(e.found().startsWith("PostgreSQL 17."), e.found());
            assertEquals("PostgreSQL 18 or later", e.required());
            old.assertNoConnections(Duration.ofSeconds(5));
        }
    }

    @Test
    void anUnreachableReplicaEndsTheStart(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            link.refuse(true);
            DatabaseException e = assertThrows(
                    DatabaseException.class,
                    () -> Database.open(DatabaseConfig.builder(server.url())
                            .replicaUrls(List.of(server.url(), link.url()))
                            .build()));
            assertTrue(e.getMessage().startsWith("replica-2 "), e.getMessage());
        }
    }

    @Test
    void aServerThatSaysNothingEndsTheStartInTime(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            link.blackhole(false, true);
            long begin = System.nanoTime();
            ForgeException e = assertThrows(
                    ForgeException.class,
                    () -> Database.open(DatabaseConfig.builder(server.url())
                            .replicaUrls(List.of(link.url()))
                            .connectTimeout(Duration.ofMillis(1_500))
                            .build()));
            assertTrue(System.nanoTime() - begin < 6_000_000_000L);
            assertTrue(e.getMessage().contains("replica-1"), e.getMessage());
        }
    }

    @Test
    void aServerThatFallsSilentAfterTheLoginEndsTheStartInTime(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            // Slow enough that the login ends and the first query does not.
            link.delay(Duration.ofMillis(150));
            assertThrows(
                    ForgeException.class,
                    () -> Database.open(DatabaseConfig.builder(link.url())
                            .connectTimeout(Duration.ofMillis(500))
                            .build()));
        }
    }

    @Test
    void anInterruptEndsTheStart(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server)) {
            link.blackhole(false, true);
            Thread starter = Thread.ofVirtual().name("starter").start(() -> {
                assertThrows(
                        CancellationException.class,
                        () -> Database.open(DatabaseConfig.builder(link.url()).build()));
                assertTrue(Thread.currentThread().isInterrupted());
            });
            link.awaitConnections(1, Duration.ofSeconds(5));
            starter.interrupt();
            assertTrue(starter.join(Duration.ofSeconds(5)));
        }
    }

    @Test
    @NeedsCluster
    void aStandbyIsNoPrimaryButAReplicaToReadFrom() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            TestServer standby = cluster.replicas().get(0);
            ServerCheckException e =
                    refused(DatabaseConfig.builder(standby.url()).build());
            assertEquals(ServerCheckException.Check.WRITABLE, e.check());
            DatabaseConfig.Builder config =
                    DatabaseConfig.builder(cluster.primary().url()).replicaUrls(List.of(standby.url()));
            try (Database db = Database.open(config.build())) {
                assertSame(db.primary(), db.readPool());
            }
            try (Database db = Database.open(config.readFromReplica(true).build());
                    Connection c = db.readPool().getConnection();
                    Statement statement = c.createStatement();
                    ResultSet row = statement.executeQuery("SELECT pg_is_in_recovery()")) {
                row.next();
                assertTrue(row.getBoolean(1));
                assertEquals(2, db.health().servers().size());
            }
        }
    }

    @Test
    void aPoolerInSessionModeIsRefusedUnlessAllowed(TestDatabase server) throws Exception {
        assumeTrue(PgBouncerServer.isAvailable(), "skipped: no pgbouncer");
        try (PgBouncerServer pooler = PgBouncerServer.session(server)) {
            assertPooled(pooler);
            try (Database db = Database.open(DatabaseConfig.builder(pooler.url())
                    .requireDirectConnection(false)
                    .statementTimeout(Duration.ZERO)
                    .build())) {
                assertTrue(db.health().isReady());
            }
        }
    }

    @Test
    void aPoolerInTransactionModeIsRefused(TestDatabase server) throws Exception {
        assumeTrue(PgBouncerServer.isAvailable(), "skipped: no pgbouncer");
        try (PgBouncerServer pooler = PgBouncerServer.transaction(server)) {
            assertPooled(pooler);
        }
    }

    private static void assertPooled(PgBouncerServer pooler) {
        // With start-up options PgBouncer refuses the login; without, only the process id gives it away.
        for (Duration statementTimeout : List.of(Duration.ofSeconds(30), Duration.ZERO)) {
            ServerCheckException e = refused(DatabaseConfig.builder(pooler.url())
                    .statementTimeout(statementTimeout)
                    .build());
            assertEquals(ServerCheckException.Check.DIRECT_CONNECTION, e.check());
            assertTrue(e.getMessage().contains("requireDirectConnection(false)"), e.getMessage());
        }
    }
}
