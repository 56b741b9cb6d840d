package io.forgeloom.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Starts processes that cannot outlive this JVM, and signals them. Safe for use by many threads.
 *
 * <p>A shutdown hook does not run when a JVM is killed with {@code SIGKILL}, so there is none. Instead a small shell, the
 * watchdog, reads a pipe that nobody ever writes to: it sees the end of the file when this JVM is gone, for whatever
 * reason, ends the processes listed in the folder {@code pids} and deletes this JVM's folders. Each process enters itself
 * there before it becomes the program asked for, so that there is no moment in which the watchdog does not know it. A
 * name there is {@code pid.SIGNAL}: {@code QUIT} is PostgreSQL's immediate shutdown, which also frees its shared memory,
 * {@code KILL} ends anything else, {@code CONT} wakes what was paused.
 */
final class ProcessGuard {

    private static final String WATCHDOG = """
            trap '' HUP INT TERM QUIT
            cat > /dev/null
            cd "$1/pids" || exit 1
            for f in *.QUIT *.KILL *.CONT; do
                [ -e "$f" ] && kill -"${f##*.}" "${f%.*}" && kill -CONT "${f%.*}"
            done
            for second in 1 2 3 4 5; do
                for tenth in 1 2 3 4 5 6 7 8 9 10; do
                    alive=
                    for f in *.QUIT *.KILL; do [ -e "$f" ] && kill -0 "${f%.*}" && alive="$alive ${f%.*}"; done
                    [ -z "$alive" ] && break 2
                    sleep 0.1
                done
            done
            [ -n "$alive" ] && kill -KILL $alive
            rm -rf "$1" "$2"
            """;

    private static final String ENTER = ": > \"$0/$$.$1\" || exit 1; shift; exec \"$@\"";

    private static final Path MEMORY = Path.of("/dev/shm");
    private static final long AMPLE = 8L << 30;

    private static final ProcessGuard GUARD = new ProcessGuard();

    private final Path cache;
    private final Path folder;
    private final Path memory;
    private final Path pids;
    private final AtomicInteger folders = new AtomicInteger();

    // Held for its standard input: when the last reference to the pipe goes, the watchdog acts.
    private final Process watchdog;

    private ProcessGuard() {
        String user = System.getProperty("user.name", "").replaceAll("[^A-Za-z0-9_-]", "_");
        try {
            cache = Files.createDirectories(Path.of(System.getProperty("java.io.tmpdir"), "forgeloom-" + user));
            folder = newRun(cache);
            memory = memoryIsAmple() ? newRun(MEMORY) : folder;
            pids = Files.createDirectory(folder.resolve("pids"));
            watchdog = new ProcessBuilder(inOwnSession(
                            "sh", "-c", WATCHDOG, "forgeloom-watchdog", folder.toString(), memory.toString()))
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot prepare the folder and the watchdog of test processes", e);
        }
    }

    private static boolean memoryIsAmple() throws IOException {
        if (!Files.isWritable(MEMORY)) {
            return false;
        }
        FileStore store = Files.getFileStore(MEMORY);
        return store.type().equals("tmpfs") && store.getUsableSpace() >= AMPLE;
    }

    private static Path newRun(Path parent) throws IOException {
        Path run = Files.createTempDirectory(
                parent, "forgeloom-run-" + ProcessHandle.current().pid() + "-");
        // For the case that servers run as another user.
        return Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** What outlives this JVM: unpacked binaries. */
    static Path cache() {
        return GUARD.cache;
    }

    /** A new folder beside {@link #cache()}, deleted when this JVM ends at the latest. */
    static Path newFolder(String name) {
        return newFolder(GUARD.folder, name);
    }

    /**
     * A new folder in memory where there is plenty of it, else on disk. A data folder is a thousand small files, and a
     * disk may take a second to create them; what is on no disk is not durable.
     */
    static Path newMemoryFolder(String name) {
        return newFolder(GUARD.memory, name);
    }

    private static Path newFolder(Path parent, String name) {
        try {
            return Files.createDirectory(parent.resolve(name + "-" + GUARD.folders.incrementAndGet()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Starts a process that ends with this JVM.
     *
     * @param endSignal QUIT or KILL
     * @param process with command and redirections; its command is changed
     */
    static Process start(String endSignal, ProcessBuilder process) {
        List<String> command = new ArrayList<>(List.of("sh", "-c", ENTER, GUARD.pids.toString(), endSignal));
        command.addAll(process.command());
        try {
            Process started = process.command(inOwnSession(command.toArray(String[]::new)))
                    .start();
            Path entry = GUARD.pids.resolve(started.pid() + "." + endSignal);
            started.onExit().thenRun(() -> delete(entry));
            return started;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start " + command, e);
        }
    }

    /** Runs a short program to its end, at most 60 s, and returns its exit code; output goes to the file. */
    static int run(File output, List<String> command) throws InterruptedException {
        ProcessBuilder process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(output))
                .redirectInput(new File("/dev/null"));
        Process running = start("KILL", process);
        try {
            if (!running.waitFor(60, TimeUnit.SECONDS)) {
                throw new IllegalStateException("still running after 60 s: " + command);
            }
            return running.exitValue();
        } finally {
            running.destroyForcibly();
        }
    }

    /** Sends a signal, named without SIG, to processes; one that is gone is passed over. */
    static void signal(String signal, Collection<Long> targets) throws InterruptedException {
        List<String> command = new ArrayList<>(List.of("sh", "-c", "for p; do kill -$0 $p; done; true", signal));
        targets.forEach(pid -> command.add(Long.toString(pid)));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new IllegalStateException("kill -" + signal + " " + targets + " still running after 10 s");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether processes that this JVM starts ignore a signal that would end them. */
    static boolean isIgnored(String signal) throws InterruptedException {
        try {
            Process process = new ProcessBuilder("sh", "-c", "kill -" + signal + " $$").start();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new IllegalStateException("kill -" + signal + " by a shell of itself still running after 10 s");
            }
            return process.exitValue() == 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Stops processes where they are; the watchdog knows that it has to wake them. */
    static void pause(Collection<Long> targets) throws InterruptedException {
        for (long pid : targets) {
            try {
                Files.write(GUARD.pids.resolve(pid + ".CONT"), new byte[0]);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        signal("STOP", targets);
    }

    /** Wakes what {@link #pause} stopped. */
    static void resume(Collection<Long> targets) throws InterruptedException {
        signal("CONT", targets);
        targets.forEach(pid -> delete(GUARD.pids.resolve(pid + ".CONT")));
    }

    /** Whether a process is there and not merely waiting for a parent that never collects it, as in some containers. */
    static boolean alive(ProcessHandle process) {
        if (!process.isAlive()) {
            return false;
        }
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
            return lines.noneMatch(line -> line.startsWith("State:\tZ"));
        } catch (IOException | RuntimeException e) {
            // No such folder on macOS; on Linux it went between the two looks, and the next look says so.
            return process.isAlive();
        }
    }

    /** Ctrl-C in a terminal signals the whole foreground group: servers are ended by us, not by the terminal. */
    private static List<String> inOwnSession(String... command) {
        List<String> all = new ArrayList<>();
        if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
            all.add("/usr/bin/setsid");
        }
        all.addAll(List.of(command));
        return all;
    }

    private static void delete(Path entry) {
        try {
            Files.deleteIfExists(entry);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
