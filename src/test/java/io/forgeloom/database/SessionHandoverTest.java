package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.postgresql.PGConnection;

/** That nothing of one user reaches the next, what it costs, and that other pools show that these tests can fail. */
@Tag("slow")
@Timeout(120)
@WithDatabase
class SessionHandoverTest {

    /** For tests that wait until cleaning gives up. */
    private static final Patience SHORT = new Patience(Patience.DEFAULTS.endedHolder(), Duration.ofMillis(500));

    private static Database open(TestDatabase server, SessionReset reset) {
        return Database.open(DatabaseConfig.builder(server.url())
                .poolSize(1)
                .sessionReset(reset)
                .build());
    }

    @Test
    void nothingThatCanBeSeenReachesTheNextUser(TestDatabase server) throws Exception {
        Contamination.prepare(server);
        List<Contamination> kinds = Contamination.visible();
        assertTrue(kinds.size() >= 25, kinds.size() + " kinds");
        try (Database db = open(server, SessionReset.whenTouched())) {
            assertEquals(List.of(), Contamination.reaching(kinds, db.primary()));
            // The two COPYs and the seed, which no statement takes back.
            assertEquals(4, db.primary().stats().opened());
        }
    }

    @Test
    void alwaysStopsWhatCannotBeSeen(TestDatabase server) throws Exception {
        Contamination.prepare(server);
        List<Contamination> kinds = new ArrayList<>(Contamination.visible());
        kinds.addAll(Contamination.invisible());
        try (Database db = open(server, SessionReset.always())) {
            assertEquals(List.of(), Contamination.reaching(kinds, db.primary()));
        }
    }

    /** As documented: the other half of the choice. */
    @Test
    void whatTriggersViewsRulesAndOperatorsDoIsNotSeen(TestDatabase server) throws Exception {
        Contamination.prepare(server);
        for (Contamination kind : Contamination.invisible()) {
            try (Database db = open(server, SessionReset.whenTouched())) {
                assertEquals(
                        1, Contamination.reaching(List.of(kind), db.primary()).size(), kind.name());
            }
        }
    }

    @Test
    void neverLeavesTheSessionAndStillEndsTheTransaction(TestDatabase server) throws Exception {
        Contamination.prepare(server);
        try (Database db = open(server, SessionReset.never())) {
            assertEquals(List.of(), Contamination.reaching(Contamination.transactions(), db.primary()));
            List<Contamination> listen = Contamination.objects().stream()
                    .filter(kind -> kind.name().equals("LISTEN"))
                    .toList();
            assertEquals(List.of("LISTEN: 0 became 1"), Contamination.reaching(listen, db.primary()));
        }
    }

    @Test
    void otherPoolsHandOverMostOfTheFirstKinds(TestDatabase server) throws Exception {
        // A half-done COPY hangs them, which takes its time to see: the long form has it.
        List<Contamination> some = Contamination.visible().stream()
                .filter(kind -> !kind.name().contains("COPY"))
                .limit(20)
                .toList();
        assertOthersHandOver(server, some, 15);
    }

    @Test
    @Tag("long")
    void otherPoolsHandOverMostOfIt(TestDatabase server) throws Exception {
        assertOthersHandOver(server, Contamination.visible(), 25);
    }

    private static void assertOthersHandOver(TestDatabase server, List<Contamination> kinds, int least)
            throws Exception {
        Contamination.prepare(server);
        List<String> hikari = new ArrayList<>();
        List<String> agroal = new ArrayList<>();
        for (Contamination kind : kinds) {
            if (reachesOnHikari(kind, server)) {
                hikari.add(kind.name());
            }
            endSessionsAndForget(server);
            if (reachesOnAgroal(kind, server)) {
                agroal.add(kind.name());
            }
            endSessionsAndForget(server);
        }
        String found = "HikariCP " + hikari.size() + " " + hikari + "\nAgroal " + agroal.size() + " " + agroal;
        System.out.println("figure: of " + kinds.size() + " kinds, " + hikari.size()
                + " reach the next user of HikariCP, " + agroal.size() + " that of Agroal");
        assertTrue(hikari.size() >= least, found);
        assertTrue(agroal.size() >= least, found);
    }

    /** A session in the middle of a COPY may outlive its pool, and its lock would have the next statement wait. */
    private static void endSessionsAndForget(TestDatabase server) throws SQLException {
        server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND pid <> pg_backend_pid(); TRUNCATE public.mark");
    }

    private static boolean reachesOnHikari(Contamination kind, TestDatabase server) throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(server.url());
        config.setMaximumPoolSize(1);
        config.setConnectionTimeout(2000);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            return kind.reaches(pool) != null;
        }
    }

    private static boolean reachesOnAgroal(Contamination kind, TestDatabase server) throws Exception {
        try (AgroalDataSource pool = AgroalDataSource.from(new AgroalDataSourceConfigurationSupplier()
                .connectionPoolConfiguration(c -> c.maxSize(1)
                        .acquisitionTimeout(Duration.ofSeconds(2))
                        .connectionFactoryConfiguration(f -> f.jdbcUrl(server.url()))))) {
            return kind.reaches(pool) != null;
        }
    }

    @Test
    void plainStatementsAndTransactionsCostNoRoundTripOnReturn(TestDatabase server) throws Exception {
        server.execute("CREATE TABLE elsewhere.item (id int PRIMARY KEY, name text)");
        List<String> texts = List.of(
                "SELECT count(*), max(name), now() FROM item WHERE id IN (SELECT generate_series(1, 3))",
                "INSERT INTO item (id, name) VALUES (1, lower('A')) ON CONFLICT (id) DO UPDATE SET name = 'b'",
                "UPDATE item SET name = coalesce(name, 'x') || random()",
                "DELETE FROM item WHERE id = 2",
                "BEGIN; INSERT INTO item (id) VALUES (9) ON CONFLICT DO NOTHING; COMMIT",
                "SET LOCAL lock_timeout = '3s'");
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(1).build())) {
            for (String text : texts) {
                assertEquals(0, bytesToReturn(db, link, c -> Contamination.run(c, text)), text);
                assertEquals(
                        0,
                        bytesToReturn(db, link, c -> {
                            try (PreparedStatement statement = c.prepareStatement(text)) {
                                statement.execute();
                            }
                        }),
                        text);
            }
            for (int i = 0; i < 20; i++) {
                // The last ones, when the driver has prepared BEGIN and COMMIT, are what counts.
                long before = link.bytesToServer();
                db.inTransaction(tx -> {
                    Contamination.run(tx.connection(), "SELECT 1");
                    return null;
                });
                long transaction = link.bytesToServer() - before;
                try (Connection held = db.primary().acquire()) {
                    held.setAutoCommit(false);
                    before = link.bytesToServer();
                    Contamination.run(held, "SELECT 1");
                    held.commit();
                    if (i == 19) {
                        assertEquals(transaction, link.bytesToServer() - before);
                    }
                }
            }
            // So that a link which counts nothing would be noticed.
            assertTrue(bytesToReturn(db, link, c -> Contamination.run(c, "SET a.b = 1")) > 0);
        }
    }

    private static long bytesToReturn(Database db, FaultyLink link, Contamination.Action use) throws Exception {
        Connection connection = db.primary().acquire();
        use.on(connection);
        // The answer may be here before the link has counted its own bytes; the ones to the server are older.
        long before = link.bytesToServer();
        connection.close();
        return link.bytesToServer() - before;
    }

    @Test
    void aResetIsOneMessageAndKeepsTheDriversPreparedStatements(TestDatabase server) throws Exception {
        String text = "SELECT 42 + ?";
        String plans = "SELECT string_agg(name, ',' ORDER BY name) FROM pg_prepared_statements"
                + " WHERE NOT from_sql AND statement LIKE 'SELECT 42%'";
        try (Database db = open(server, SessionReset.always())) {
            for (int i = 0; i < 10; i++) {
                db.withConnection(c -> {
                    try (PreparedStatement statement = c.prepareStatement(text)) {
                        statement.setInt(1, 1);
                        try (ResultSet row = statement.executeQuery()) {
                            row.next();
                            return row.getInt(1);
                        }
                    }
                });
            }
            String name = db.withConnection(c -> Contamination.ask(c, plans));
            assertTrue(name != null && name.startsWith("S_"), name);
            assertEquals(name, db.withConnection(c -> Contamination.ask(c, plans)));
            assertEquals(1, db.primary().stats().opened());
        }
    }

    @Test
    void whatTheServerReportsIsSeenWhoeverChangedIt(TestDatabase server) throws Exception {
        server.execute("""
                CREATE TABLE elsewhere.item (id int);
                CREATE FUNCTION elsewhere.zone() RETURNS trigger LANGUAGE plpgsql
                    AS $$ BEGIN PERFORM set_config('TimeZone', 'Antarctica/Troll', false); RETURN NEW; END $$;
                CREATE TRIGGER zone BEFORE INSERT ON elsewhere.item FOR EACH ROW EXECUTE FUNCTION elsewhere.zone();
                """);
        try (Database db = open(server, SessionReset.whenTouched())) {
            String zone = db.withConnection(c -> Contamination.ask(c, "SHOW TimeZone"));
            db.withConnection(c -> {
                Contamination.run(c, "INSERT INTO item VALUES (1)");
                assertEquals("Antarctica/Troll", Contamination.ask(c, "SHOW TimeZone"));
                return null;
            });
            assertEquals(zone, db.withConnection(c -> Contamination.ask(c, "SHOW TimeZone")));
        }
    }

    @Test
    @NeedsCluster
    void aReplicasSessionIsResetAsWell() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start();
                Database db =
                        Database.open(DatabaseConfig.builder(cluster.primary().url())
                                .replicaUrls(List.of(cluster.replicas().get(0).url()))
                                .readFromReplica(true)
                                .replicaPoolSize(1)
                                .build())) {
            for (int i = 0; i < 2; i++) {
                try (Connection connection = db.readPool().acquire()) {
                    assertEquals("t", Contamination.ask(connection, "SELECT pg_is_in_recovery()"));
                    assertEquals(
                            "0",
                            Contamination.ask(
                                    connection, "SELECT count(*) FROM pg_prepared_statements WHERE from_sql"));
                    Contamination.run(connection, "SET a.b = 1", "PREPARE leftover AS SELECT 1");
                }
            }
            assertEquals(1, db.readPool().stats().opened());
        }
    }

    private static void awaitActive(TestDatabase server, String query) throws Exception {
        Await.until(
                query + " in execution",
                () -> "1"
                        .equals(server.query("SELECT count(*) FROM pg_stat_activity WHERE query = '" + query
                                + "' AND datname = current_database() AND state = 'active'")));
    }

    @Test
    void aSessionThatIsStillExecutingIsEndedAtOnce(TestDatabase server) throws Exception {
        try (Database db = open(server, SessionReset.whenTouched())) {
            Connection connection = db.primary().acquire();
            CountDownLatch failed = new CountDownLatch(1);
            Thread other = Thread.ofVirtual().name("straggler").start(() -> {
                try {
                    Contamination.run(connection, "SELECT pg_sleep(30)");
                } catch (SQLException e) {
                    failed.countDown();
                }
            });
            awaitActive(server, "SELECT pg_sleep(30)");
            long start = System.nanoTime();
            connection.close();
            assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(2));
            assertTrue(failed.await(10, TimeUnit.SECONDS));
            assertEquals("1", db.withConnection(c -> Contamination.ask(c, "SELECT 1")));
            assertEquals(2, db.primary().stats().opened());
        }
    }

    @Test
    void aThreadThatHasTheDriversConnectionCannotHoldUpTheReturn(TestDatabase server) throws Exception {
        try (Database db =
                Database.open(DatabaseConfig.builder(server.url()).poolSize(1).build(), SHORT)) {
            Connection connection = db.primary().acquire();
            Connection drivers = (Connection) connection.unwrap(PGConnection.class);
            Thread other = Thread.ofVirtual().name("straggler").start(() -> {
                try {
                    Contamination.run(drivers, "SELECT pg_sleep(29)");
                } catch (SQLException e) {
                    // Expected: the session is ended.
                }
            });
            awaitActive(server, "SELECT pg_sleep(29)");
            long start = System.nanoTime();
            connection.close();
            long took = System.nanoTime() - start;
            assertTrue(took < SHORT.cleaning().plusSeconds(1).toNanos(), took + " ns");
            assertTrue(other.join(Duration.ofSeconds(5)));
            assertEquals("1", db.withConnection(c -> Contamination.ask(c, "SELECT 1")));
        }
    }

    @Test
    void aServerThatDoesNotAnswerTheResetCostsTheSessionAndTheTimeLimit(TestDatabase server) throws Exception {
        try (FaultyLink link = FaultyLink.to(server);
                Database db = Database.open(
                        DatabaseConfig.builder(link.url()).poolSize(1).build(), SHORT)) {
            Connection connection = db.primary().acquire();
            Contamination.run(connection, "SET a.b = 1");
            link.blackhole(true, false);
            long start = System.nanoTime();
            connection.close();
            long took = System.nanoTime() - start;
            assertTrue(took < SHORT.cleaning().plusSeconds(1).toNanos(), took + " ns");
            assertEquals("1", db.withConnection(c -> Contamination.ask(c, "SELECT 1")));
            assertEquals(2, db.primary().stats().opened());
        }
    }

    @Test
    void aResetThatFailsEndsTheSession(TestDatabase server) throws Exception {
        try (Database db = open(server, SessionReset.whenTouched())) {
            Connection connection = db.primary().acquire();
            String pid = Contamination.ask(connection, "SELECT pg_backend_pid()");
            Contamination.run(connection, "SET a.b = 1");
            assertEquals("t", server.query("SELECT pg_terminate_backend(" + pid + ", 5000)"));
            connection.close();
            assertNotEquals(pid, db.withConnection(c -> Contamination.ask(c, "SELECT pg_backend_pid()")));
            assertEquals(1, db.primary().stats().closed());
        }
    }
}
