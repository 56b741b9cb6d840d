package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.forgeloom.cli.ForgeRun.Check;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PgBouncerServer;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.TestServer;
import io.forgeloom.testing.ThreadLeaks;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The doctor, the status, and servers that ask for a password, follow another, are too old, or sit behind a pooler. */
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class DoctorClusterTest {

    private static PostgresCluster cluster;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.builder()
                .requirePassword()
                .replicas(1)
                .setting("max_notify_queue_pages", "64")
                .start();
    }

    @AfterAll
    static void close() {
        cluster.close();
    }

    @Test
    void libpqUrlWithAPasswordIsSoundAndThePasswordIsNowhere() {
        for (String mode : List.of("--json", "--verbose")) {
            ForgeRun run =
                    ForgeRun.of("doctor", mode, "--url", cluster.primary().libpqUrl());

            assertEquals(0, run.exitCode(), run.out());
            assertNoPassword(run);
        }
    }

    @Test
    void wrongPasswordIsAProblemAndNowhere() {
        TestServer primary = cluster.primary();
        String url = "postgres://postgres:hunter2@127.0.0.1:" + primary.port() + "/postgres";

        ForgeRun run = ForgeRun.doctor("--verbose", "--url", url);

        Check connect = run.check("connect");
        assertFalse(connect.ok());
        assertTrue(connect.detail().contains("28P01"), run.out());
        assertTrue(connect.remedy().contains("password"), run.out());
        assertFalse((run.out() + run.err()).contains("hunter2"), run.err());
    }

    @Test
    void passwordComesFromTheEnvironmentOrThePrompt() {
        String url = "postgres://postgres@127.0.0.1:" + cluster.primary().port() + "/postgres";
        String password = cluster.primary().password();

        ForgeRun none = ForgeRun.doctor("--url", url);
        assertFalse(none.check("connect").ok(), none.out());
        assertTrue(none.check("connect").remedy().contains("PGPASSWORD"), none.out());

        ForgeRun variable =
                ForgeRun.withEnvironment(Map.of("PGPASSWORD", password), ForgeRun.doctorArguments("--url", url));
        assertEquals(0, variable.exitCode(), variable.out());
        assertTrue(variable.check("url").detail().contains("password from PGPASSWORD"), variable.out());
        assertNoPassword(variable);

        Surroundings typing = new Surroundings(Map.of("PGPASSWORD", "wrong"), true, password::toCharArray, () -> 0);
        ForgeRun prompt = ForgeRun.in(typing, ForgeRun.doctorArguments("--password", "--url", url));
        assertEquals(0, prompt.exitCode(), prompt.out());
        assertNoPassword(prompt);
    }

    @Test
    void processReadsUrlAndPasswordFileByItself(@TempDir Path folder) throws Exception {
        PostgresServer primary = cluster.primary();
        Path file = Files.writeString(
                folder.resolve("pgpass"),
                "*:" + primary.port() + ":*:postgres:"
                        + primary.password().replace("\\", "\\\\").replace(":", "\\:") + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        try (TestProcess process = TestProcess.of(ForgeCommand.class)
                .jvmOptions("-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dstdout.encoding=US-ASCII")
                .environment("DATABASE_URL", "postgres://postgres@127.0.0.1:" + primary.port() + "/postgres")
                .environment("PGPASSFILE", file.toString())
                .arguments("doctor")
                .start()) {

            assertEquals(
                    0, process.awaitExit(Duration.ofSeconds(30)), () -> process.lines() + "\n" + process.errorLines());
            assertTrue(process.lines().getLast().startsWith("Sound: 10 checks"), process.lines()::toString);
            assertTrue(process.lines().contains("  + writable     yes"), process.lines()::toString);
            assertEquals(List.of(), process.errorLines());
        }
    }

    @Test
    void replicasAreLookedAtByTheirOwnRules() {
        PostgresServer replica = cluster.replicas().getFirst();
        // Without user and password: it has the primary's.
        String replicaUrl = "postgres://127.0.0.1:" + replica.port() + "/postgres";

        ForgeRun sound = ForgeRun.doctor("--url", cluster.primary().url(), "--replica", replicaUrl);
        assertEquals(0, sound.exitCode(), sound.out());
        assertTrue(sound.check("replica-1.recovery").fine(), sound.out());
        assertTrue(sound.check("replica-1.version").fine(), sound.out());
        assertTrue(sound.check("replica-1.lag").fine(), sound.out());

        ForgeRun swapped = ForgeRun.doctor(
                "--url", replica.url(), "--replica", cluster.primary().url());
        assertEquals(1, swapped.exitCode());
        assertTrue(swapped.check("writable").detail().contains("in recovery"), swapped.out());
        assertFalse(swapped.check("replica-1.recovery").ok(), swapped.out());
    }

    @Test
    void lagOfAReplicaIsANoteWithBytesAndTime() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        replica.execute("SELECT pg_wal_replay_pause()");
        try {
            cluster.primary().execute("CREATE TABLE lag AS SELECT generate_series(1, 1000) AS i");
            ForgeRun run = ForgeRun.doctor("--url", cluster.primary().url(), "--replica", replica.url());

            Check lag = run.check("replica-1.lag");
            assertTrue(lag.note(), run.out());
            assertTrue(lag.detail().matches("\\d{5,} bytes behind the primary, not replayed within 1\\d{3} ms"));
        } finally {
            replica.execute("SELECT pg_wal_replay_resume()");
            cluster.primary().execute("DROP TABLE lag");
        }
    }

    @Test
    void lagIsNotKnownWithoutThePrimary() {
        ForgeRun run = ForgeRun.doctor(
                "--url",
                "postgres://127.0.0.1:1/postgres",
                "--replica",
                cluster.replicas().getFirst().url());

        assertTrue(run.check("replica-1.lag").detail().startsWith("not known"), run.out());
    }

    @Test
    void statusShowsRolePositionAndLagOfEachServer() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        String replicaUrl = "postgres://127.0.0.1:" + replica.port() + "/postgres";
        cluster.awaitReplayed(Duration.ofSeconds(10));

        Map<?, ?> idle = status(0, "--url", cluster.primary().url(), "--replica", replicaUrl);
        Map<?, ?> primary = server(idle, 0);
        Map<?, ?> standby = server(idle, 1);
        assertEquals("primary writable 200", words(primary, "role", "state", "maxConnections"));
        assertEquals("null null null", words(primary, "lagBytes", "lagMillis", "problem"));
        assertEquals("replica streaming", words(standby, "role", "state"));
        assertEquals("0 0 false", words(standby, "lagBytes", "lagMillis", "lagIsAtLeast"));
        assertTrue(words(standby, "position").matches("[0-9A-F]+/[0-9A-F]+"), idle.toString());
        assertTrue(words(standby, "version").startsWith("18."), idle.toString());

        replica.execute("SELECT pg_wal_replay_pause()");
        try {
            cluster.primary().execute("CREATE TABLE lag AS SELECT generate_series(1, 1000) AS i");
            Map<?, ?> paused = status(0, "--url", cluster.primary().url(), "--replica", replicaUrl);
            assertEquals("paused true", words(server(paused, 1), "state", "lagIsAtLeast"));
            assertTrue(((Number) server(paused, 1).get("lagBytes")).longValue() > 10_000, paused.toString());
            assertTrue(((Number) server(paused, 1).get("lagMillis")).longValue() >= 1000, paused.toString());
        } finally {
            replica.execute("SELECT pg_wal_replay_resume()");
            cluster.primary().execute("DROP TABLE lag");
        }
    }

    @Test
    void statusOfWrongRolesAndDeadServersFailsAndSaysWhy() {
        PostgresServer replica = cluster.replicas().getFirst();
        ForgeRun swapped = ForgeRun.of(
                "status", "--url", replica.url(), "--replica", cluster.primary().url());
        assertEquals(1, swapped.exitCode());
        assertTrue(swapped.out().contains("name the primary by --url"), swapped.out());
        assertTrue(swapped.out().contains("it is in no recovery"), swapped.out());
        assertNoPassword(swapped);

        ForgeRun dead =
                ForgeRun.of("status", "--url", cluster.primary().url(), "--replica", "postgres://127.0.0.1:1/postgres");
        assertEquals(1, dead.exitCode());
        assertTrue(dead.out().lines().findFirst().orElseThrow().startsWith("SERVER "), dead.out());
        assertTrue(dead.out().contains("no answer") && dead.out().contains("refused"), dead.out());
        assertNoPassword(dead);
    }

    private static Map<?, ?> status(int exitCode, String... arguments) {
        List<String> all = new ArrayList<>(List.of("status", "--json"));
        all.addAll(List.of(arguments));
        ForgeRun run = ForgeRun.of(all.toArray(String[]::new));
        assertEquals(exitCode, run.exitCode(), run.out() + run.err());
        assertNoPassword(run);
        Map<?, ?> report = (Map<?, ?>) JsonText.read(run.out());
        assertEquals(exitCode == 0, report.get("ok"));
        return report;
    }

    private static Map<?, ?> server(Map<?, ?> report, int index) {
        return (Map<?, ?>) ((List<?>) report.get("servers")).get(index);
    }

    private static String words(Map<?, ?> server, String... keys) {
        return String.join(
                " ",
                Arrays.stream(keys).map(key -> String.valueOf(server.get(key))).toList());
    }

    @Test
    void poorRoleGetsNotesWithTheGrantsAndItsLimit() throws Exception {
        cluster.primary().execute("CREATE ROLE \"Poor\" LOGIN PASSWORD 'p' CONNECTION LIMIT 7");
        String url = "postgres://Poor:p@127.0.0.1:" + cluster.primary().port() + "/postgres";

        ForgeRun run = ForgeRun.doctor("--url", url, "--pool-size", "7");

        Check privileges = run.check("privileges");
        assertTrue(privileges.note(), run.out());
        assertTrue(privileges.remedy().contains("GRANT pg_signal_backend TO \"Poor\""), run.out());
        assertTrue(privileges.remedy().contains("GRANT CREATE ON SCHEMA public TO \"Poor\""), run.out());
        assertFalse(run.check("connections").ok(), run.out());
        assertTrue(run.check("connections").detail().contains("the role's limit 7"), run.out());

        cluster.primary().execute("GRANT pg_signal_backend TO \"Poor\"");
        cluster.primary().execute("GRANT CREATE ON SCHEMA public TO \"Poor\"");
        ForgeRun granted = ForgeRun.doctor("--url", url, "--pool-size", "6");
        assertEquals(0, granted.exitCode(), granted.out());
        assertTrue(granted.check("privileges").fine(), granted.out());
    }

    @Test
    void sessionsOfOthersAreCountedAlsoByARoleThatMayNotSeeThem() throws Exception {
        cluster.primary().execute("CREATE ROLE counting LOGIN PASSWORD 'p'");
        String url = "postgres://counting:p@127.0.0.1:" + cluster.primary().port() + "/postgres";
        int free = free(ForgeRun.doctor("--url", url));

        try (Connection one = cluster.primary().connect();
                Connection two = cluster.primary().connect()) {
            assertTrue(one.isValid(5) && two.isValid(5));
            // Sessions of earlier tests may still have been ending at the first look.
            assertTrue(free(ForgeRun.doctor("--url", url)) >= free - 2);
            assertTrue(free(ForgeRun.doctor("--url", url)) <= 200 - 3 - 2);
        }
    }

    @Test
    void notifyQueueMoreThanHalfFullIsAProblem() throws Exception {
        try (Connection listener = cluster.primary().connect();
                Connection notifier = cluster.primary().connect();
                Statement listen = listener.createStatement();
                Statement notify = notifier.createStatement()) {
            listen.execute("LISTEN slow");
            listener.setAutoCommit(false);
            listen.execute("SELECT 1");
            // 64 pages of 8 KiB: 45 messages of 7.9 kB, one to a page.
            notify.execute("SELECT pg_notify('slow', i || repeat('x', 7900)) FROM generate_series(1, 45) i");

            Check queue = ForgeRun.doctor("--url", cluster.primary().url()).check("notify-queue");

            assertFalse(queue.ok(), queue.detail());
            assertTrue(queue.detail().matches("(6|7)\\d % full.*"), queue.detail());
            listener.rollback();
        }
    }

    @Test
    void olderServerIsAProblemThatNamesBothVersions() throws Exception {
        try (PostgresCluster older = PostgresCluster.older().start()) {
            ForgeRun run = ForgeRun.doctor("--url", older.primary().url());

            Check version = run.check("version");
            assertFalse(version.ok());
            assertTrue(version.detail().contains("PostgreSQL 17."), version.detail());
            assertTrue(version.detail().contains("PostgreSQL 18"), version.detail());
            assertEquals(1, run.exitCode());
            assertTrue(run.check("settings").ok(), run.out());
        }
    }

    @Test
    void poolerInEitherModeIsAProblemAndSaysWhy() throws Exception {
        assumeTrue(PgBouncerServer.isAvailable(), "skipped: no pgbouncer on the PATH");
        try (PgBouncerServer session = PgBouncerServer.session(cluster.primary());
                PgBouncerServer transaction = PgBouncerServer.transaction(cluster.primary())) {
            for (PgBouncerServer pooler : List.of(session, transaction)) {
                ForgeRun run = ForgeRun.doctor("--url", pooler.url());

                Check proxy = run.check("proxy");
                assertFalse(proxy.ok(), run.out());
                assertTrue(proxy.detail().contains("a pooler in between"), run.out());
                assertTrue(proxy.remedy().contains("point the URL at the server itself"), run.out());
                assertTrue(run.check("tls").note(), run.out());
                assertEquals(1, run.exitCode());
                assertNoPassword(run);
            }
        }
    }

    @Test
    void poolerThatRefusesAStartUpOptionIsNamedAsTheCause() throws Exception {
        assumeTrue(PgBouncerServer.isAvailable(), "skipped: no pgbouncer on the PATH");
        try (PgBouncerServer pooler = PgBouncerServer.session(cluster.primary())) {
            ForgeRun run = ForgeRun.doctor("--url", pooler.url() + "&currentSchema=public");

            assertFalse(run.check("connect").ok(), run.out());
            assertTrue(run.check("proxy").detail().contains("a pooler that refuses"), run.out());
            assertTrue(run.check("proxy").remedy().contains("point the URL at the server itself"), run.out());
        }
    }

    private static int free(ForgeRun run) {
        return Integer.parseInt(run.check("connections").detail().replaceAll(".*, (\\d+) free now.*", "$1"));
    }

    /** Neither as it is, nor as a URL has it, nor its first part. */
    private static void assertNoPassword(ForgeRun run) {
        String password = cluster.primary().password();
        String all = run.out() + run.err();
        for (String form : List.of(
                password, URLEncoder.encode(password, StandardCharsets.UTF_8), "pa ss", "pa%20ss", "w@rd", "w%40rd")) {
            assertFalse(all.contains(form), all);
        }
    }
}
