package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.notify.Lagged;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code forge listen} as a process of its own, and {@code forge notify}. */
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ListenCommandTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final String HARD = "two\nlines, a \"quote\", \t\\ and \u65e5\ud83d\ude00";

    @Test
    void jsonHasOneObjectALineAndSigtermEndsItWithZero(TestDatabase database) throws Exception {
        try (TestProcess listen = listen(database, "--json", "orders", "Odd \"name\"")) {
            String gap = listen.awaitLine(line -> true, PATIENCE);
            assertEquals(Map.of("type", "gap", "generation", 1L, "cause", "subscribed"), object(gap));

            assertEquals("", notify(database, 0, "orders", "42"));
            assertEquals("", notify(database, 0, "Odd \"name\"", HARD));
            assertEquals("", notify(database, 0, "orders", ""));
            listen.awaitLine(line -> line.contains("\"payload\":\"\""), PATIENCE);
            List<Object> sent = listen.lines().stream()
                    .skip(1)
                    .map(ListenCommandTest::object)
                    .toList();
            assertEquals(
                    List.of(
                            Map.of("type", "notification", "channel", "orders", "payload", "42"),
                            Map.of("type", "notification", "channel", "Odd \"name\"", "payload", HARD),
                            Map.of("type", "notification", "channel", "orders", "payload", "")),
                    sent);

            database.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    + " WHERE application_name = 'forge listen' AND query LIKE '%pg_listening_channels%'");
            String second = listen.awaitLine(line -> line.contains("\"generation\":2"), PATIENCE);
            assertTrue(second.startsWith("{\"type\":\"gap\",\"generation\":2,\"cause\":\""), second);

            listen.sigterm();
            assertEquals(0, listen.awaitExit(PATIENCE), () -> String.join("\n", listen.errorLines()));
            assertFalse(String.join("\n", listen.errorLines()).contains("\tat "));
        }
        Await.until("no session", () -> sessions(database).equals("0"));
    }

    @Test
    void sigintEndsItWithZeroAndTextIsOneLineAnElement(TestDatabase database) throws Exception {
        try (TestProcess listen = listen(database, "orders")) {
            assertEquals("(gap: generation 1, subscribed)", listen.awaitLine(line -> true, PATIENCE));
            notify(database, 0, "orders", "a\n\u001b[2Jb");
            assertEquals("orders: a\\n\\u001b[2Jb", listen.awaitLine(line -> line.startsWith("orders"), PATIENCE));
            listen.sigint();
            assertEquals(0, listen.awaitExit(PATIENCE));
            assertEquals(List.of(), listen.errorLines());
        }
        Await.until("no session", () -> sessions(database).equals("0"));
    }

    @Test
    void outputThatNobodyReadsAnyMoreEndsIt(TestDatabase database) throws Exception {
        try (TestProcess listen = process(database, "orders").readLines(1).start()) {
            listen.awaitLine(line -> true, PATIENCE);
            // The first line after it has nobody to go to, unless the pipe is still being closed.
            while (listen.running()) {
                database.execute("SELECT pg_notify('orders', '1')");
                Thread.sleep(20);
            }
            assertEquals(0, listen.awaitExit(PATIENCE));
            assertEquals(1, listen.lines().size());
            assertEquals(List.of(), listen.errorLines());
        }
    }

    @Test
    void signalWhileItConnectsEndsItWithZero(TestDatabase database) throws Exception {
        try (FaultyLink link = FaultyLink.to(database)) {
            link.blackhole(false, true);
            try (TestProcess listen =
                    TestProcess.start(ForgeCommand.class, "listen", "--timeout", "60", "--url", link.url(), "orders")) {
                link.awaitConnections(1, PATIENCE);
                listen.sigterm();
                assertEquals(0, listen.awaitExit(PATIENCE), () -> String.join("\n", listen.errorLines()));
                assertEquals(List.of(), listen.lines());
            }
        }
    }

    /** Before any server is asked: there is none. */
    @Test
    void whatPostgresWouldRefuseIsAUsageErrorWithoutAServer() {
        String longName = "c".repeat(64);
        String nowhere = "postgres://127.0.0.1:1/app";
        String tooLong = "64 bytes of UTF-8, more than PostgreSQL's 63";
        assertUsageError(tooLong, "notify", "--url", nowhere, longName, "1");
        assertUsageError("8001 bytes", "notify", "--url", nowhere, "orders", "\u20ac".repeat(2667));
        assertUsageError(tooLong, "listen", "--url", nowhere, "orders", longName);
    }

    private static void assertUsageError(String message, String... arguments) {
        ForgeRun run = ForgeRun.of(arguments);
        assertEquals(2, run.exitCode(), run.err());
        assertTrue(run.err().contains(message), run.err());
        assertEquals("", run.out());
    }

    @Test
    void serverThatIsNotThereIsAFailure() {
        for (String[] arguments : new String[][] {
            {"listen", "--url", "postgres://127.0.0.1:1/app", "--timeout", "1", "orders"},
            {"notify", "--url", "postgres://127.0.0.1:1/app", "--timeout", "1", "orders", "42"}
        }) {
            ForgeRun run = ForgeRun.of(arguments);
            assertEquals(1, run.exitCode());
            assertTrue(run.err().startsWith("forge: "), run.err());
            assertFalse(run.err().contains("\tat "), run.err());
        }
    }

    @Test
    void laggedIsALineOfItsOwn() {
        assertEquals("{\"type\":\"lagged\",\"missed\":3}", DeliveryLine.json(new Lagged(3)));
        assertEquals("(lagged: 3 missed)", DeliveryLine.text(new Lagged(3)));
    }

    private static TestProcess listen(TestDatabase database, String... arguments) {
        return process(database, arguments).start();
    }

    private static TestProcess.Builder process(TestDatabase database, String... arguments) {
        return TestProcess.of(ForgeCommand.class)
                .jvmOptions("-XX:TieredStopAtLevel=1")
                .arguments("listen", "--url", database.url())
                .arguments(arguments);
    }

    /** What it said, which must be on standard error. */
    private static String notify(TestDatabase database, int exitCode, String channel, String payload) {
        ForgeRun run = ForgeRun.of("notify", "--url", database.url(), channel, payload);
        assertEquals(exitCode, run.exitCode(), run.err());
        assertEquals("", run.out());
        return run.err();
    }

    private static Object object(String line) {
        return JsonText.read(line);
    }

    private static String sessions(TestDatabase database) throws SQLException {
        return database.query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'forge %'"
                + " AND datname = current_database()");
    }
}
