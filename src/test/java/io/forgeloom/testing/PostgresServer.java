package io.forgeloom.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One PostgreSQL server of a {@link PostgresCluster}: a real process that a test can stop, kill, pause and start again.
 *
 * <p>It keeps its port, and so its {@link #url()}, for life. What starts and ends it (start, stop, kill, pause, promote)
 * is for one thread at a time; all else is safe for use by many threads. Each of these returns when it is done, or
 * throws {@link IllegalStateException} with the end of the server's log after 30 s.
 */
public final class PostgresServer implements TestServer {

    static final String SUPERUSER = "postgres";

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int PORT_ATTEMPTS = 5;
    private static final int LOG_TAIL = 25;

    private final PostgresCluster cluster;
    private final PostgresBinaries binaries;
    private final String name;
    private final @Nullable String password;
    private final Path data;
    private final Path log;
    private final Map<String, String> settings = new LinkedHashMap<>();

    private volatile int port = Ports.free();
    private volatile @Nullable Process process;
    private volatile Set<Long> paused = Set.of();

    PostgresServer(
            PostgresCluster cluster,
            PostgresBinaries binaries,
            String name,
            @Nullable String password,
            boolean durable) {
        this.cluster = cluster;
        this.binaries = binaries;
        this.name = name;
        this.password = password;
        Path folder = durable ? ProcessGuard.newFolder(name) : ProcessGuard.newMemoryFolder(name);
        data = folder.resolve("data");
        log = folder.resolve("server.log");
    }

    /** {@code primary}, {@code replica-1}, …: the role it was started in. Its {@code cluster_name}, too. */
    public String name() {
        return name;
    }

    @Override
    public String host() {
        return "127.0.0.1";
    }

    @Override
    public int port() {
        return port;
    }

    @Override
    public String user() {
        return SUPERUSER;
    }

    @Override
    public @Nullable String password() {
        return password;
    }

    /** Process id of the postmaster; an error if the server does not run. */
    public long pid() {
        return runningProcess().pid();
    }

    /** Whether the postmaster is there: also true while it is paused. */
    public boolean running() {
        Process current = process;
        return current != null && current.isAlive();
    }

    /** Starts the server on the data it has and waits until it answers. */
    public void start() throws InterruptedException {
        launch();
        awaitReady(LIMIT);
    }

    /** {@link #stop()} if it runs, then {@link #start()}. */
    public void restart() throws InterruptedException {
        if (running()) {
            stop();
        }
        start();
    }

    /** Starts the server on the data it has, but as a standby that follows nobody, and waits until it answers. */
    public void startAsStandby() throws InterruptedException {
        try {
            Files.createFile(data.resolve("standby.signal"));
            ServerUser.give(data.getParent());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start();
    }

    /** Fast shutdown: open transactions are rolled back, sessions ended, a checkpoint written. */
    public void stop() throws InterruptedException {
        end("INT");
    }

    /** Immediate shutdown, as {@code pg_ctl stop -m immediate}: no checkpoint, the next start recovers from the log. */
    public void kill() throws InterruptedException {
        end("QUIT");
    }

    /** {@code SIGKILL} for the postmaster, as by the out-of-memory killer; returns when its children are gone, too. */
    public void sigkill() throws InterruptedException {
        Process current = runningProcess();
        List<ProcessHandle> children = current.children().toList();
        current.destroyForcibly();
        resume();
        await(current, "after SIGKILL");
        // Children notice the death of the postmaster when they next wait; one that computes may take for ever.
        long soft = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        long hard = System.nanoTime() + LIMIT.toNanos();
        for (ProcessHandle child : children) {
            while (ProcessGuard.alive(child)) {
                if (System.nanoTime() - soft > 0) {
                    child.destroyForcibly();
                }
                if (System.nanoTime() - hard > 0) {
                    throw failure("child " + child.pid() + " still there " + LIMIT.toSeconds() + " s after SIGKILL");
                }
                Thread.sleep(5);
            }
        }
    }

    /** {@code SIGSTOP} for the postmaster and all its children: sockets stay open, nothing answers. */
    public void pause() throws InterruptedException {
        Process current = runningProcess();
        ProcessGuard.pause(List.of(current.pid()));
        Set<Long> stopped = new LinkedHashSet<>(List.of(current.pid()));
        paused = stopped;
        // The postmaster forks no more; what it forked before the signal reached it shows in the next look.
        for (List<Long> more = children(current, stopped); !more.isEmpty(); more = children(current, stopped)) {
            ProcessGuard.pause(more);
            stopped.addAll(more);
        }
    }

    /** {@code SIGCONT} for all that {@link #pause()} stopped; nothing if it was not paused. */
    public void resume() throws InterruptedException {
        Collection<Long> stopped = paused;
        paused = Set.of();
        if (!stopped.isEmpty()) {
            ProcessGuard.resume(stopped);
        }
    }

    /**
     * Makes this replica a primary and waits until it takes writes. It becomes the cluster's {@link
     * PostgresCluster#primary()}; the old primary is left as it is, and other replicas still follow that one: see {@link
     * PostgresCluster#rejoin}.
     */
    public void promote() throws SQLException {
        String done = query("SELECT pg_promote(true, " + LIMIT.toSeconds() + ")");
        if (!"t".equals(done)) {
            throw failure("not promoted after " + LIMIT.toSeconds() + " s");
        }
        cluster.promoted(this);
    }

    /** Keeps a copy of the data as it is now, in the place of an earlier one. The server must be down. */
    public void keepCopy() {
        FileTrees.delete(copy());
        FileTrees.copy(dataOfStopped(), copy(), path -> true);
    }

    /** Puts the data back to what {@link #keepCopy()} kept. The server must be down. */
    public void restoreCopy() {
        FileTrees.delete(dataOfStopped());
        FileTrees.copy(copy(), data, path -> true);
        ServerUser.give(data.getParent());
    }

    private Path copy() {
        return data.resolveSibling("copy");
    }

    private Path dataOfStopped() {
        if (running()) {
            throw failure("still running");
        }
        return data;
    }

    /** Waits until the server takes a connection. */
    public void awaitReady(Duration timeout) throws InterruptedException {
        long started = System.nanoTime();
        while (true) {
            if (!running()) {
                throw failure("ended while starting");
            }
            try {
                connect().close();
                return;
            } catch (SQLException e) {
                if (System.nanoTime() - started > timeout.toNanos()) {
                    IllegalStateException late = failure("not ready after " + timeout.toMillis() + " ms");
                    late.initCause(e);
                    throw late;
                }
                Thread.sleep(10);
            }
        }
    }

    /** The last lines of the server's log. */
    public String logTail() {
        try {
            List<String> lines = Files.exists(log) ? Files.readAllLines(log) : List.of();
            return String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_TAIL), lines.size()));
        } catch (IOException e) {
            return "(cannot read " + log + ": " + e + ")";
        }
    }

    @Override
    public String toString() {
        return name + " on port " + port + (running() ? " (pid " + pid() + ")" : " (down)");
    }

    Path data() {
        return data;
    }

    /** What {@code postgresql.conf} shall say; later calls replace single values. */
    void configure(Map<String, String> values) {
        settings.putAll(values);
    }

    /** {@link #configure}, for a server that runs: for settings that a reload changes. */
    void reconfigure(Map<String, String> values) throws SQLException {
        configure(values);
        writeConfiguration();
        execute("SELECT pg_reload_conf()");
    }

    /** The first start: the data is there, the port may be taken by another process between the look and the bind. */
    void startFirst() throws InterruptedException {
        ServerUser.give(data.getParent());
        for (int attempt = 1; ; attempt++) {
            try {
                start();
                return;
            } catch (IllegalStateException e) {
                if (running()
                        || attempt == PORT_ATTEMPTS
                        || !logTail().contains("could not create any TCP/IP sockets")) {
                    throw e;
                }
                port = Ports.free();
            }
        }
    }

    /** Runs SQL in single-user mode, before the first start. */
    void bootstrap(String sql) throws InterruptedException {
        ServerUser.give(data.getParent());
        try {
            Path input = Files.writeString(data.resolveSibling("bootstrap.sql"), sql + "\n");
            String program = binaries.program("postgres").toString();
            String line = "exec " + String.join(" ", ServerUser.command(List.of("\"$0\"", "--single", "-D", "\"$1\"")))
                    + " postgres < \"$2\"";
            List<String> command = List.of("sh", "-c", line, program, data.toString(), input.toString());
            if (ProcessGuard.run(log.toFile(), command) != 0) {
                throw failure("single-user mode failed");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends the server without ceremony, because its data is about to go. */
    void discard() throws InterruptedException {
        if (running()) {
            kill();
        }
        FileTrees.delete(data);
    }

    /** {@link #discard()} for the end of a test: an interrupt does not keep the server alive. */
    void close() {
        boolean interrupted = Thread.interrupted();
        try {
            discard();
            FileTrees.delete(data.getParent());
        } catch (InterruptedException e) {
            interrupted = true;
            Process current = process;
            if (current != null) {
                // Its children see this and follow; the watchdog deletes the files.
                current.destroyForcibly();
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void launch() {
        if (running()) {
            throw failure("already running");
        }
        writeConfiguration();
        try {
            Files.writeString(
                    log, "---- start on port " + port + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<String> command =
                ServerUser.command(List.of(binaries.program("postgres").toString(), "-D", data.toString()));
        process = ProcessGuard.start(
                "QUIT",
                new ProcessBuilder(command)
                        .redirectInput(new File("/dev/null"))
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())));
    }

    /** In the file, not on the command line: ALTER SYSTEM and a reload shall work. */
    private void writeConfiguration() {
        StringBuilder file = new StringBuilder("port = " + port + "\ncluster_name = '" + name + "'\n");
        settings.forEach((key, value) -> file.append(key)
                .append(" = '")
                .append(value.replace("\\", "\\\\").replace("'", "''"))
                .append("'\n"));
        try {
            Files.writeString(data.resolve("postgresql.conf"), file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void end(String signal) throws InterruptedException {
        Process current = runningProcess();
        ProcessGuard.signal(signal, List.of(current.pid()));
        // A signal to a paused process waits until the process is woken.
        resume();
        await(current, "after SIG" + signal);
    }

    private void await(Process ending, String what) throws InterruptedException {
        if (!ending.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
            throw failure("still running " + LIMIT.toSeconds() + " s " + what);
        }
    }

    private static List<Long> children(Process parent, Set<Long> known) {
        return parent.children()
                .map(ProcessHandle::pid)
                .filter(pid -> !known.contains(pid))
                .toList();
    }

    private Process runningProcess() {
        Process current = process;
        if (current == null || !current.isAlive()) {
            throw failure("not running");
        }
        return current;
    }

    private IllegalStateException failure(String what) {
        return new IllegalStateException(name + " on port " + port + ": " + what + "; end of its log:\n" + logTail());
    }
}
