package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.cli.ForgeRun.Check;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import picocli.CommandLine.Help.Ansi;

/** The doctor and one server that is sound, dead or hung. */
@Tag("slow")
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class DoctorTest {

    @Test
    void soundServerPassesEveryCheck(TestDatabase database) {
        ForgeRun run = ForgeRun.doctor("--url", database.url(), "--pool-size", "10");

        Map<String, Check> checks = run.checks();
        assertEquals(
                List.of(
                        "url",
                        "connect",
                        "version",
                        "proxy",
                        "writable",
                        "privileges",
                        "connections",
                        "notify-queue",
                        "tls",
                        "settings"),
                List.copyOf(checks.keySet()));
        assertTrue(checks.values().stream().allMatch(Check::ok), run.out());
        assertEquals(0, run.exitCode());
        assertEquals("", run.err());
        assertTrue(checks.get("version").detail().startsWith("PostgreSQL 1"), run.out());
    }

    @Test
    void urlComesFromTheEnvironmentUnlessTheOptionIsGiven(TestDatabase database) {
        Map<String, String> environment = Map.of("DATABASE_URL", database.libpqUrl());

        ForgeRun variable = ForgeRun.withEnvironment(environment, ForgeRun.doctorArguments());
        assertTrue(variable.check("url").detail().contains("from DATABASE_URL"), variable.out());
        assertEquals(0, variable.exitCode());

        ForgeRun option =
                ForgeRun.withEnvironment(environment, ForgeRun.doctorArguments("--url", "postgres://127.0.0.1:1/app"));
        assertTrue(option.check("url").detail().contains("from --url"), option.out());
        assertEquals(1, option.exitCode());
    }

    @Test
    void textHasAMarkALineAndTheSummaryLast(TestDatabase database) {
        ForgeRun run = ForgeRun.of("doctor", "--url", database.url());

        assertEquals(0, run.exitCode());
        List<String> lines = run.out().lines().toList();
        assertEquals("primary", lines.getFirst());
        assertTrue(lines.contains("  ✓ writable     yes"), run.out());
        assertTrue(lines.getLast().matches("Sound: 10 checks, 0 problems, \\d notes?\\."), run.out());
    }

    @Test
    void withoutUnicodeOrColourOnlyPlainAsciiIsWritten() {
        String[] arguments = {"doctor", "--url", "postgres://127.0.0.1:1/app"};
        ForgeRun plain = ForgeRun.in(new Surroundings(Map.of(), false, () -> null, () -> 0), arguments);
        assertTrue(plain.out().chars().allMatch(c -> c == '\n' || c >= ' ' && c < 0x7f), plain.out());
        assertTrue(plain.out().contains("  x connect "), plain.out());

        ForgeRun coloured = ForgeRun.in(new Surroundings(Map.of(), true, () -> null, () -> 0), Ansi.ON, arguments);
        assertTrue(coloured.out().contains("\u001b[31m✗"), coloured.out());
    }

    @Test
    void deadPortIsAProblemAndNoStackTrace() {
        ForgeRun run = ForgeRun.doctor("--url", "postgres://app:hunter2@127.0.0.1:1/app");

        Check connect = run.check("connect");
        assertFalse(connect.ok());
        assertTrue(connect.detail().contains("refused"), run.out());
        assertTrue(connect.remedy().contains("host and port"), run.out());
        assertEquals(List.of("url", "connect"), List.copyOf(run.checks().keySet()));
        assertEquals("", run.err());
        assertFalse(run.out().contains("hunter2"), run.out());
    }

    @Test
    void verbosePrintsTheStackTraceToStandardErrorWithoutThePassword() {
        ForgeRun run = ForgeRun.doctor("--verbose", "--url", "postgres://app:hunter2@127.0.0.1:1/app");

        assertFalse(run.check("connect").ok());
        assertTrue(run.err().startsWith("connect: "), run.err());
        assertTrue(run.err().contains("\tat "), run.err());
        assertFalse((run.out() + run.err()).contains("hunter2"), run.err());
    }

    @Test
    void serverThatAcceptsAndNeverAnswersEndsAtTheTimeout(TestDatabase database) {
        try (FaultyLink link = FaultyLink.to(database)) {
            link.blackhole(false, true);
            long started = System.nanoTime();
            ForgeRun run = ForgeRun.doctor("--timeout", "2", "--url", link.url(), "--replica", database.url());
            Duration took = Duration.ofNanos(System.nanoTime() - started);

            assertTrue(run.check("connect").detail().contains("no session within 2 s"), run.out());
            assertEquals(1, run.exitCode());
            assertTrue(took.toMillis() >= 1990 && took.toSeconds() < 6, took::toString);
            // Side by side: the one that hangs takes no time from the other.
            assertTrue(run.check("replica-1.version").ok(), run.out());
        }
    }

    @Test
    void checkThatHangsEndsAtTheTimeoutAndKeepsWhatWasFound(TestDatabase database) throws SQLException {
        try (Connection holder = database.connect();
                Statement statement = holder.createStatement()) {
            holder.setAutoCommit(false);
            statement.execute("LOCK TABLE pg_catalog.pg_stat_ssl IN ACCESS EXCLUSIVE MODE");

            ForgeRun run = ForgeRun.doctor("--timeout", "2", "--url", database.url());

            assertTrue(run.check("version").fine(), run.out());
            assertTrue(run.check("tls").detail().contains("no answer by the end of the 2 s"), run.out());
            assertFalse(run.check("tls").ok());
            assertFalse(run.checks().containsKey("settings"), run.out());
            holder.rollback();
        }
    }

    @Test
    void timeoutsThatOverrideOursAreANote(TestDatabase database) throws SQLException {
        database.execute("ALTER DATABASE " + database.name() + " SET idle_session_timeout = '1h'");

        ForgeRun run = ForgeRun.doctor("--url", database.url() + "&options=-c%20statement_timeout%3D5s");

        Check settings = run.check("settings");
        assertTrue(settings.note(), run.out());
        assertTrue(settings.detail().contains("idle_session_timeout is 3600000 ms (set by database)"), run.out());
        assertTrue(settings.detail().contains("statement_timeout is 5000 ms"), run.out());
        assertFalse(settings.detail().contains("lock_timeout"), run.out());
    }

    @Test
    void readOnlyDefaultIsAProblem(TestDatabase database) throws SQLException {
        database.execute("ALTER DATABASE " + database.name() + " SET default_transaction_read_only = on");

        Check writable = ForgeRun.doctor("--url", database.url()).check("writable");

        assertFalse(writable.ok());
        assertTrue(writable.detail().contains("default_transaction_read_only"), writable.detail());
    }

    @Test
    void hostsOfThisMachineAreKnownWithoutALookUp() {
        for (String host : List.of("localhost:5432", "LOCALHOST:1", "127.0.0.1:5432", "127.1.2.3:1", "[::1]:5432")) {
            assertTrue(SessionChecks.isLoopback(host), host);
        }
        for (String host : List.of("db.example.com:5432", "10.0.0.1:5432", "127.0.0.1.example.com:1", "[::2]:5432")) {
            assertFalse(SessionChecks.isLoopback(host), host);
        }
    }
}
