package io.forgeloom.testing.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.sql.SQLException;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The demo as its user starts it: a process of its own. */
@Tag("slow")
class DemoTest {

    private static final Pattern PORT = Pattern.compile("port (\\d+)");
    private static final Duration START = Duration.ofSeconds(60);
    private static final Duration RUN = Duration.ofSeconds(120);

    @Test
    @NeedsCluster
    void shortDemoSurvivesTheKillAndHoldsEveryInvariant() throws InterruptedException {
        try (TestProcess demo = start("--seconds", "5", "--threads", "100")) {
            int code = demo.awaitExit(RUN);
            String output = String.join("\n", demo.lines());
            assertEquals(0, code, output);
            assertTrue(output.contains("killing the server"), output);
            assertTrue(output.contains("from the kill to the first commit"), output);
            assertTrue(output.contains("reads go to replica-1 again"), output);
            assertTrue(output.contains("resuming the replay of replica-2"), output);
            assertTrue(output.matches("(?s).*after a commit's position +[1-9][0-9,]*  0 stale\n.*"), output);
            assertTrue(output.contains("the bus listens again"), output);
            assertTrue(
                    output.matches(
                            "(?s).*gaps that were told +[1-9].*missed by the slow one, and told +[1-9].*silent gaps +0\n.*"),
                    output);
            assertTrue(
                    output.matches(
                            "(?s).*kill -9, until another one leads +[0-9].*resign, until another one leads +[0-9].*"
                                    + "writes by earlier leaders, refused +[1-9].*writes by earlier leaders, accepted +0\n.*"),
                    output);
            assertTrue(output.matches("(?s).*rows of the copy that are different +0  0 times begun anew\n.*"), output);
            assertTrue(
                    output.matches("(?s).*asked for its health +[0-9,]+  [1-9][0-9,]* times not ready\n"
                            + ".*close +[0-9,]+  0 sessions and nodes left\n.*"),
                    output);
            assertTrue(output.matches("(?s).*lost +0\n.*leaked +0 .*Every invariant held\\..*"), output);
        }
    }

    @Test
    @NeedsCluster
    void signalEndsDemoAndItsServerAtOnce() throws InterruptedException {
        try (TestProcess demo = start("--seconds", "600")) {
            String described = demo.awaitLine(line -> line.contains("port "), START);
            demo.awaitLine(line -> line.contains("started 400 clients"), START);
            long signalled = System.nanoTime();
            demo.sigterm();
            assertEquals(143, demo.awaitExit(RUN), () -> String.join("\n", demo.errorLines()));
            Duration took = Duration.ofNanos(System.nanoTime() - signalled);
            assertTrue(demo.lines().getLast().contains("everything is closed"), () -> String.join("\n", demo.lines()));
            assertTrue(took.compareTo(Duration.ofSeconds(8)) < 0, () -> "took " + took);
            Matcher port = PORT.matcher(described);
            assertTrue(port.find());
            assertThrows(
                    IOException.class,
                    () -> new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(port.group(1))).close());
        }
    }

    @Test
    @WithDatabase(expectNoConnections = true)
    void userServerIsLeftAsItWas(TestDatabase database) throws InterruptedException, SQLException {
        try (TestProcess demo =
                start("--seconds", "5", "--threads", "50", "--pool", "5", "--json", "--url", database.url())) {
            int code = demo.awaitExit(RUN);
            String human = String.join("\n", demo.errorLines());
            assertEquals(0, code, human);
            assertTrue(human.contains("no kill, no recovery"), human);
            String output = String.join("\n", demo.lines());
            assertTrue(
                    output.matches("(?s)\\{\"verdict\":\"held\",\"seconds\":[0-9.]+,\"invariants\":\\["
                            + "(\n  \\{\"name\":\"[^\"]+\",\"ok\":true,\"figure\":\"[^\"]+\"},?){10,}\n]}"),
                    output);
        }
        assertEquals("0", database.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'forge_demo%'"));
    }

    @Test
    void wrongOptionExitsWithTwo() throws InterruptedException {
        try (TestProcess demo = TestProcess.start(Demo.class, "--seconds", "1")) {
            assertEquals(2, demo.awaitExit(START));
            assertTrue(demo.errorLines().getFirst().contains("not a whole number from 5 to 3600"));
        }
    }

    private static TestProcess start(String... arguments) {
        return TestProcess.of(Demo.class)
                .jvmOptions("--enable-preview")
                .arguments(arguments)
                .start();
    }
}
