package io.forgeloom.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * A process with all that it started, and what those started, as far as parents tell: whoever cut itself loose from its
 * parents is not found. Confined to one thread.
 */
final class ProcessTree {

    private static final Duration LOOK = Duration.ofMillis(10);

    /** For the kernel, which takes away what was killed; only a process within a broken file system stays longer. */
    private static final Duration KILL_LIMIT = Duration.ofSeconds(2);

    /** Kept, since a process whose parent has ended belongs to nobody whom one could ask. Parents first. */
    private final Set<ProcessHandle> found = new LinkedHashSet<>();

    ProcessTree(ProcessHandle root) {
        found.add(root);
    }

    /** SIGTERM to all: to the root first, so that a shell does not go on with its next line. */
    void terminate() {
        find();
        found.forEach(ProcessHandle::destroy);
    }

    /**
     * Waits for the end of all.
     *
     * @param due by {@link System#nanoTime()}
     * @return whether they have ended
     */
    boolean awaitEnd(long due) throws InterruptedException {
        while (isRunning()) {
            if (System.nanoTime() - due >= 0) {
                return false;
            }
            Thread.sleep(LOOK);
        }
        return true;
    }

    /**
     * SIGKILL to all, also to those that come into being meanwhile. No interrupt ends this.
     *
     * @return whether they have ended
     */
    boolean kill() {
        boolean interrupted = Thread.interrupted();
        long due = System.nanoTime() + KILL_LIMIT.toNanos();
        boolean running = true;
        while (running && System.nanoTime() - due < 0) {
            find();
            found.forEach(ProcessHandle::destroyForcibly);
            running = isRunning();
            if (running) {
                LockSupport.parkNanos(LOOK.toNanos());
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !running;
    }

    private void find() {
        for (ProcessHandle known : List.copyOf(found)) {
            known.descendants().forEach(found::add);
        }
    }

    private boolean isRunning() {
        return found.stream().anyMatch(ProcessTree::isRunning);
    }

    /** Not one that is over and merely waits for a parent to notice, which in some containers none does. */
    static boolean isRunning(ProcessHandle process) {
        if (!process.isAlive()) {
            return false;
        }
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException | IndexOutOfBoundsException e) {
            // There is no such file on macOS; on Linux the process went between the two looks.
            return process.isAlive();
        }
    }
}
