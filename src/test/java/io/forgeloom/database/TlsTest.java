package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sessions over TLS: who is trusted, who is refused and what is said about it, and that deadlines and aborts reach through
 * TLS, whose own closing may wait for the other side.
 */
@Tag("slow")
@NeedsCluster
@Timeout(60)
@ExtendWith(ThreadLeaks.class)
class TlsTest {

    private static final String STORE_PASSWORD = "changeit";

    @TempDir
    static Path folder;

    private static PostgresCluster cluster;
    private TestDatabase database;

    @BeforeAll
    static void startServerWithItsOwnAuthority() throws Exception {
        authority("ours");
        authority("theirs");
        keytool("ours", "server", "-ext SAN=dns:localhost -dname CN=localhost -signer ours");
        cluster = PostgresCluster.builder().requirePassword().start();
        // Through the server, so that the files belong to whom it runs as.
        putIntoDataFolder(
                "server.crt",
                pem("CERTIFICATE", store("ours").getCertificate("server").getEncoded()));
        putIntoDataFolder("server.key", pem("PRIVATE KEY", privateKeyOf("ours", "server")));
        cluster.primary().execute("ALTER SYSTEM SET ssl = on");
        cluster.primary().execute("SELECT pg_reload_conf()");
        Await.until("TLS", () -> "on".equals(cluster.primary().query("SHOW ssl")));
    }

    @AfterAll
    static void stopServer() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void create() throws Exception {
        database = TestDatabase.on(cluster.primary());
    }

    @AfterEach
    void leavesNoSession() throws Exception {
        database.assertNoConnections(Duration.ofSeconds(5));
        database.close();
    }

    private static void authority(String name) throws Exception {
        keytool(name, name, "-ext bc:c -dname CN=Authority-" + name);
        Files.writeString(
                folder.resolve(name + ".pem"),
                pem("CERTIFICATE", store(name).getCertificate(name).getEncoded()));
    }

    /** Makes a key in a store with the JDK's keytool; nothing else that makes certificates is in every JDK. */
    private static void keytool(String store, String alias, String arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
        // A second less for each start.
        command.addAll(List.of("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"));
        command.addAll(List.of("-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2"));
        command.addAll(List.of(arguments.split(" ")));
        command.addAll(List.of("-alias", alias, "-storetype", "PKCS12", "-storepass", STORE_PASSWORD));
        command.addAll(List.of("-keystore", folder.resolve(store + ".p12").toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
    }

    private static KeyStore store(String name) throws Exception {
        return KeyStore.getInstance(folder.resolve(name + ".p12").toFile(), STORE_PASSWORD.toCharArray());
    }

    private static byte[] privateKeyOf(String store, String alias) throws Exception {
        return store(store).getKey(alias, STORE_PASSWORD.toCharArray()).getEncoded();
    }

    private static String pem(String what, byte[] content) {
        String lines = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
        return "-----BEGIN " + what + "-----\n" + lines + "\n-----END " + what + "-----\n";
    }

    private static void putIntoDataFolder(String name, String pem) throws SQLException {
        cluster.primary()
                .execute("COPY (SELECT line FROM regexp_split_to_table('" + pem.strip() + "', '\\r?\\n') AS line)"
                        + " TO PROGRAM 'umask 077; cat > " + name + "'");
    }

    private String jdbcUrl(String host, String authority) {
        return database.url().replace("//127.0.0.1:", "//" + host + ":") + "&" + verified(authority);
    }

    private String libpqUrl(String host, String authority) {
        return database.libpqUrl().replace("@127.0.0.1:", "@" + host + ":") + "?" + verified(authority);
    }

    private static String verified(String authority) {
        String file = folder.resolve(authority + ".pem").toString();
        return "sslmode=verify-full&sslrootcert=" + URLEncoder.encode(file, StandardCharsets.UTF_8);
    }

    private static Database open(String url) {
        return Database.open(DatabaseConfig.builder(url)
                .poolSize(2)
                .closeTimeout(Duration.ofMillis(300))
                .build());
    }

    private static String query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            assertTrue(row.next(), sql);
            return row.getString(1);
        }
    }

    private static final String VERSION = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

    // ---- trust ----

    @Test
    void verifyFullWorksWithEitherFormOfUrl() throws Exception {
        for (String url : List.of(jdbcUrl("localhost", "ours"), libpqUrl("localhost", "ours"))) {
            try (Database db = open(url)) {
                assertEquals("TLSv1.3", db.withConnection(c -> query(c, VERSION)));
                // A second session, which the pool itself opens.
                try (Connection first = db.primary().acquire();
                        Connection second = db.primary().acquire()) {
                    assertEquals("TLSv1.3", query(first, VERSION));
                    assertEquals("TLSv1.3", query(second, VERSION));
                }
            }
        }
    }

    @Test
    void aServerOfAnotherAuthorityIsRefused() {
        for (String url : List.of(jdbcUrl("localhost", "theirs"), libpqUrl("localhost", "theirs"))) {
            DatabaseException e =
                    assertThrows(DatabaseException.class, () -> open(url).close());
            assertTrue(e.getMessage().startsWith("primary localhost:"), e.getMessage());
            assertTrue(e.getMessage().contains("unable to find valid certification path"), e.getMessage());
            assertNoPassword(e);
        }
    }

    @Test
    void aCertificateForAnotherHostNameIsRefused() {
        for (String url : List.of(jdbcUrl("127.0.0.1", "ours"), libpqUrl("127.0.0.1", "ours"))) {
            DatabaseException e =
                    assertThrows(DatabaseException.class, () -> open(url).close());
            assertTrue(e.getMessage().startsWith("primary 127.0.0.1:"), e.getMessage());
            assertTrue(e.getMessage().contains("hostname 127.0.0.1 could not be verified"), e.getMessage());
            assertNoPassword(e);
        }
    }

    @Test
    void aMissingAuthorityFileIsNamed() {
        DatabaseException e = assertThrows(
                DatabaseException.class,
                () -> open(jdbcUrl("localhost", "nobodys")).close());
        assertTrue(e.getMessage().contains("nobodys.pem"), e.getMessage());
    }

    private static void assertNoPassword(Throwable failure) {
        for (Throwable e = failure; e != null; e = e.getCause()) {
            assertFalse(
                    String.valueOf(e.getMessage()).contains(cluster.primary().password()), e.getMessage());
        }
    }

    // ---- deadlines and aborts through TLS ----

    @Test
    void aHandshakeThatNeverEndsIsCutAtTheConnectTimeout() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            CountDownLatch cut = new CountDownLatch(1);
            Thread server = Thread.ofVirtual().name("silent-server").start(() -> agreeAndFallSilent(silent, cut));
            DatabaseConfig config = DatabaseConfig.builder(
                            "jdbc:postgresql://127.0.0.1:" + silent.getLocalPort() + "/db?user=u&sslmode=require")
                    .connectTimeout(Duration.ofMillis(400))
                    .build();
            long begin = System.nanoTime();
            DatabaseException e = assertThrows(
                    DatabaseException.class, () -> Database.open(config).close());
            long tookMillis = (System.nanoTime() - begin) / 1_000_000;
            assertTrue(e.getMessage().contains("within 400 ms"), e.getMessage());
            assertTrue(tookMillis >= 390 && tookMillis < 2_000, tookMillis + " ms");
            cut.await();
            server.join();
        }
    }

    /** Says yes to TLS, takes the client's hello, never answers it. */
    private static void agreeAndFallSilent(ServerSocket listener, CountDownLatch cut) {
        try (Socket client = listener.accept()) {
            InputStream in = client.getInputStream();
            in.readNBytes(8);
            client.getOutputStream().write('S');
            client.getOutputStream().flush();
            in.transferTo(OutputStream.nullOutputStream());
            cut.countDown();
        } catch (IOException e) {
            // Reset instead of closed: cut off all the same.
            cut.countDown();
        }
    }

    @Test
    void closingCutsAQueryThatRunsOverTls() throws Exception {
        Database db = open(jdbcUrl("localhost", "ours"));
        AtomicReference<Throwable> outcome = new AtomicReference<>();
        CountDownLatch connected = new CountDownLatch(1);
        Thread user = Thread.ofVirtual().name("user-of-tls").start(() -> {
            try {
                db.withConnection(c -> {
                    connected.countDown();
                    return query(c, "SELECT pg_sleep(30)");
                });
            } catch (RuntimeException e) {
                outcome.set(e);
            }
        });
        connected.await();
        awaitActiveQuery();
        long begin = System.nanoTime();
        db.close();
        long tookMillis = (System.nanoTime() - begin) / 1_000_000;
        assertTrue(tookMillis < 2_000, tookMillis + " ms");
        assertTrue(user.join(Duration.ofSeconds(5)), "the query did not end");
        assertTrue(outcome.get() instanceof DatabaseException, String.valueOf(outcome.get()));
        cancelWhatRuns();
    }

    @Test
    void anInterruptedQueryOverTlsCostsItsSessionOnly() throws Exception {
        try (Database db = open(jdbcUrl("localhost", "ours"))) {
            AtomicReference<Throwable> outcome = new AtomicReference<>();
            Thread user = Thread.ofVirtual().name("user-of-tls").start(() -> {
                try {
                    db.withConnection(c -> query(c, "SELECT pg_sleep(30)"));
                } catch (RuntimeException e) {
                    outcome.set(e);
                }
            });
            awaitActiveQuery();
            user.interrupt();
            assertTrue(user.join(Duration.ofSeconds(5)), "the query did not end");
            assertTrue(outcome.get() instanceof DatabaseException, String.valueOf(outcome.get()));
            cancelWhatRuns();
            try (Connection first = db.primary().acquire();
                    Connection second = db.primary().acquire()) {
                assertEquals("TLSv1.3", query(first, VERSION));
                assertEquals("TLSv1.3", query(second, VERSION));
            }
        }
    }

    private void awaitActiveQuery() throws Exception {
        Await.until(
                "the sleeping query",
                () -> database.connections().stream().anyMatch(line -> line.contains("active: SELECT pg_sleep")));
    }

    /** The server notices a client that is gone only when it has something to say. */
    private void cancelWhatRuns() throws SQLException {
        cluster.primary()
                .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'");
    }
}
