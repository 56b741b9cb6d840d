package io.forgeloom.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow")
class TestProcessTest {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** Says what it is told, then waits to be ended. */
    static final class Talker {
        public static void main(String[] arguments) throws InterruptedException {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("bye"), "talker-hook"));
            System.err.println("warned");
            System.out.println("said " + arguments[0] + " " + System.getenv("TALKER"));
            Thread.sleep(Duration.ofMinutes(5));
        }
    }

    /** Starts servers, says which, and waits to be ended. */
    static final class Owner {
        public static void main(String[] arguments) throws Exception {
            PostgresCluster cluster = PostgresCluster.builder().replicas(1).start();
            PostgresServer replica = cluster.replicas().getFirst();
            System.out.println("folder " + cluster.primary().data());
            System.out.println("pid " + cluster.primary().pid());
            System.out.println("pid " + replica.pid());
            // Its postmaster's children are stopped, too, and must be woken to see that they are to end.
            replica.pause();
            System.out.println("ready");
            Thread.sleep(Duration.ofMinutes(5));
        }
    }

    @Test
    void linesAndExitCodeAreSeen() throws InterruptedException {
        try (TestProcess process = TestProcess.of(Talker.class)
                .arguments("hello")
                .environment("TALKER", "there")
                .start()) {
            assertEquals("said hello there", process.awaitLine(line -> line.startsWith("said"), PATIENCE));
            process.sigterm();
            assertEquals(128 + 15, process.awaitExit(PATIENCE));
            assertTrue(process.lines().contains("bye"), process.lines().toString());
            assertTrue(
                    process.errorLines().contains("warned"),
                    process.errorLines().toString());
            assertThrows(AssertionError.class, () -> process.awaitLine(line -> line.equals("more"), PATIENCE));
        }
    }

    @Test
    void stoppedProcessIsKilledAllTheSame() throws InterruptedException {
        try (TestProcess process = TestProcess.start(Talker.class, "hello")) {
            process.awaitLine(line -> line.startsWith("said"), PATIENCE);
            process.sigstop();
            process.sigterm();
            assertThrows(AssertionError.class, () -> process.awaitExit(Duration.ofMillis(200)));
            process.sigkill();
            assertEquals(128 + 9, process.awaitExit(PATIENCE));
            assertFalse(process.lines().contains("bye"));
        }
    }

    @Test
    @NeedsCluster
    void killedOwnerLeavesNoServerAndNoFiles() throws InterruptedException {
        try (TestProcess owner = TestProcess.start(Owner.class)) {
            owner.awaitLine("ready"::equals, PATIENCE);
            List<ProcessHandle> servers = new ArrayList<>();
            for (String line : owner.lines()) {
                if (line.startsWith("pid ")) {
                    ProcessHandle postmaster =
                            ProcessHandle.of(Long.parseLong(line.substring(4))).orElseThrow();
                    servers.add(postmaster);
                    servers.addAll(postmaster.children().toList());
                }
            }
            assertTrue(servers.size() > 6, servers.toString());
            Path folder = Path.of(owner.awaitLine(line -> line.startsWith("folder "), PATIENCE)
                    .substring(7));

            owner.sigkill();

            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (servers.stream().anyMatch(ProcessGuard::alive) || Files.exists(folder)) {
                assertTrue(
                        deadline - System.nanoTime() > 0,
                        () -> "left: "
                                + Stream.concat(servers.stream().filter(ProcessGuard::alive), Stream.of(folder))
                                        .toList());
                Thread.sleep(20);
            }
        }
    }
}
