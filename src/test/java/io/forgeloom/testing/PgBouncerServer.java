package io.forgeloom.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A real PgBouncer in front of a server, as root too. Safe for use by many threads.
 *
 * <p>It comes from the operating system, so a test calls {@link #assumeAvailable()} first. It lets the start-up parameters
 * through that PgJDBC sends and it does not know, as anyone who runs Java behind it must configure it.
 */
public final class PgBouncerServer implements TestServer, AutoCloseable {

    private static final int ATTEMPTS = 5;
    private static final long START_SECONDS = 10;

    private final TestServer target;
    private final Path folder;
    private final int port;
    private final Process process;

    private PgBouncerServer(TestServer target, Path folder, int port, Process process) {
        this.target = target;
        this.folder = folder;
        this.port = port;
        this.process = process;
    }

    /** Whether there is a pgbouncer on the PATH or in {@code /usr/sbin}. */
    public static boolean isAvailable() {
        return program().isPresent();
    }

    /** Ends the current test as skipped, with a line that says so, where there is none. */
    public static void assumeAvailable() {
        Skips.unless(isAvailable(), "skipped: no pgbouncer");
    }

    /** Keeps a server connection for a client until it leaves. */
    public static PgBouncerServer session(TestServer target) throws InterruptedException {
        return start(target, "session");
    }

    /** Gives a client a server connection for one transaction at a time. */
    public static PgBouncerServer transaction(TestServer target) throws InterruptedException {
        return start(target, "transaction");
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
        return target.user();
    }

    @Override
    public @Nullable String password() {
        return target.password();
    }

    @Override
    public String database() {
        return target.database();
    }

    /** Ends it at once, with the connections that it holds. */
    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
        FileTrees.delete(folder);
    }

    @Override
    public String toString() {
        return "pgbouncer on port " + port + " to " + target;
    }

    private static PgBouncerServer start(TestServer target, String mode) throws InterruptedException {
        Path program = program().orElseThrow(() -> new IllegalStateException("no pgbouncer on the PATH"));
        Path folder = ProcessGuard.newFolder("pgbouncer");
        for (int attempt = 1; ; attempt++) {
            int port = Ports.free();
            Path log = folder.resolve("pgbouncer-" + attempt + ".log");
            configure(folder, target, mode, port);
            List<String> command = ServerUser.command(
                    List.of(program.toString(), folder.resolve("pgbouncer.ini").toString()));
            Process process = ProcessGuard.start(
                    "KILL",
                    new ProcessBuilder(command)
                            .redirectInput(new File("/dev/null"))
                            .redirectErrorStream(true)
                            .redirectOutput(log.toFile()));
            PgBouncerServer started = new PgBouncerServer(target, folder, port, process);
            try {
                started.awaitReady(log);
                return started;
            } catch (IllegalStateException e) {
                // The port may be taken since the look; what else is wrong will be wrong again.
                process.destroyForcibly().waitFor(START_SECONDS, TimeUnit.SECONDS);
                if (attempt == ATTEMPTS) {
                    started.close();
                    throw e;
                }
            }
        }
    }

    private void awaitReady(Path log) throws InterruptedException {
        long started = System.nanoTime();
        while (true) {
            try {
                connect().close();
                return;
            } catch (SQLException e) {
                boolean late = System.nanoTime() - started > TimeUnit.SECONDS.toNanos(START_SECONDS);
                if (late || !process.isAlive()) {
                    throw new IllegalStateException(
                            this + (late ? ": not ready after " + START_SECONDS + " s" : ": ended") + "; its log:\n"
                                    + read(log),
                            e);
                }
                Thread.sleep(10);
            }
        }
    }

    private static void configure(Path folder, TestServer target, String mode, int port) {
        String password = target.password() == null ? "" : target.password();
        try {
            Files.writeString(
                    folder.resolve("users.txt"),
                    "\"" + target.user() + "\" \"" + password.replace("\"", "\"\"") + "\"\n");
            Files.writeString(folder.resolve("pgbouncer.ini"), """
                    [databases]
                    * = host=%s port=%d
                    [pgbouncer]
                    pool_mode = %s
                    listen_addr = 127.0.0.1
                    listen_port = %d
                    unix_socket_dir =
                    auth_type = %s
                    auth_file = %s
                    ignore_startup_parameters = extra_float_digits,options
                    """.formatted(
                            target.host(),
                            target.port(),
                            mode,
                            port,
                            password.isEmpty() ? "trust" : "scram-sha-256",
                            folder.resolve("users.txt")));
            ServerUser.give(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(Path log) {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return "(cannot read it: " + e + ")";
        }
    }

    private static Optional<Path> program() {
        String path = System.getenv().getOrDefault("PATH", "") + File.pathSeparator + "/usr/sbin";
        return Stream.of(path.split(File.pathSeparator))
                .map(folder -> Path.of(folder, "pgbouncer"))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
