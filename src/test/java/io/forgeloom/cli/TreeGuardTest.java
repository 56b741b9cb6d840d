package io.forgeloom.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What becomes of a command whose starter is killed. */
@Timeout(30)
class TreeGuardTest {

    private static final String STUBBORN = "trap '' TERM HUP; sleep 300 & echo ready; wait";

    private final List<ProcessHandle> started = new ArrayList<>();

    @Test
    @EnabledOnOs(OS.LINUX)
    void commandEndsThoughItsStarterWasKilledBeforeItSaidWhich() throws Exception {
        try (TreeGuard guard = TreeGuard.start();
                TreeGuard other = TreeGuard.start()) {
            Process marked = stubborn(guard);
            Process others = stubborn(other);
            ProcessHandle child = marked.children().findFirst().orElseThrow();
            guard.abandon();
            assertTrue(marked.waitFor(10, TimeUnit.SECONDS), "the command goes on");
            assertEquals(137, marked.exitValue());
            child.onExit().get(10, TimeUnit.SECONDS);
            assertTrue(others.isAlive(), "another's command was ended");
            other.watch(others.pid());
            other.abandon();
            assertTrue(others.waitFor(10, TimeUnit.SECONDS), "the command that was told of goes on");
        } finally {
            // Whatever a failure leaves.
            started.forEach(ProcessHandle::destroyForcibly);
        }
    }

    private Process stubborn(TreeGuard guard) throws Exception {
        ProcessBuilder command = new ProcessBuilder("sh", "-c", STUBBORN);
        guard.mark(command);
        Process process = command.start();
        started.add(process.toHandle());
        assertEquals("ready", process.inputReader().readLine());
        process.children().forEach(started::add);
        return process;
    }
}
