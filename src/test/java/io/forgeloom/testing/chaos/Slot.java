package io.forgeloom.testing.chaos;

import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.TestProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The place of a node: its links, and its process, of which there is a new one after each kill. One thread at a time. */
final class Slot implements AutoCloseable {

    private static final Duration START = Duration.ofSeconds(90);

    /** What a server does with sessions that are silent, it has done by then. */
    private static final long KEEP_LOST_NANOS = Duration.ofSeconds(8).toNanos();

    private final String name;
    private final Path folder;
    private final @Nullable Path clockLibrary;
    private final List<FaultyLink> links = new ArrayList<>();
    private final Consumer<Line> history;
    private int started;
    private TestProcess process;
    private volatile long lostNanos;

    Slot(String name, Path folder, @Nullable Path clockLibrary, List<PostgresServer> servers, Consumer<Line> history) {
        this.name = name;
        this.folder = folder;
        this.clockLibrary = clockLibrary;
        this.history = history;
        servers.forEach(server -> links.add(FaultyLink.to(server)));
        setClock(0);
        process = launch();
    }

    private TestProcess launch() {
        started++;
        history.accept(Line.now(Line.DRIVER, "start", "name", node()));
        List<String> arguments = new ArrayList<>(List.of(node(), commands().toString()));
        links.forEach(link -> arguments.add(link.libpqUrl()));
        TestProcess.Builder builder = TestProcess.of(ChaosNode.class)
                .jvmOptions(
                        "--enable-preview",
                        "-Xmx192m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:FlightRecorderOptions=repository=" + folder.resolve("jfr"),
                        "--add-exports=java.base/jdk.internal.vm=ALL-UNNAMED")
                .arguments(arguments.toArray(String[]::new));
        if (clockLibrary != null) {
            builder.environment("LD_PRELOAD", clockLibrary.toString())
                    .environment(ClockSkew.VARIABLE, clock().toString());
        }
        return builder.start();
    }

    /** The name of its process now. */
    String node() {
        return name + "-" + started;
    }

    String name() {
        return name;
    }

    TestProcess process() {
        return process;
    }

    private Path commands() {
        return folder.resolve(node() + ".commands");
    }

    private Path clock() {
        return folder.resolve(name + ".clock");
    }

    /** How far off its wall clock is. */
    void setClock(long seconds) {
        ClockSkew.set(clock(), seconds);
    }

    void command(String line) {
        write(commands(), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private static void write(Path file, String text, StandardOpenOption... how) {
        try {
            Path unused = Files.writeString(file, text, how);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    void awaitReady() throws InterruptedException {
        String unused = process.awaitLine(line -> line.endsWith(" ready"), START);
    }

    void awaitDone(String command) throws InterruptedException {
        String unused = process.awaitLine(line -> line.endsWith(" did command=" + command), START);
    }

    void kill() throws InterruptedException {
        process.sigkill();
        history.accept(Line.now(Line.DRIVER, "killed", "name", node()));
        collect();
        process = launch();
    }

    /** Takes over what the process has told, which must have ended. */
    void collect() {
        for (String line : process.lines()) {
            history.accept(Line.parse(node(), line));
        }
        try {
            Path unused = Files.write(folder.resolve(node() + ".log"), process.errorLines());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    void reset() {
        links.forEach(FaultyLink::cut);
    }

    void blackhole(boolean newConnectionsToo) {
        links.forEach(link -> link.blackhole(true, newConnectionsToo));
    }

    void heal() {
        links.forEach(FaultyLink::heal);
        lostNanos = System.nanoTime();
    }

    /** Ends, at the servers, what nobody will ever hear of again. */
    void cutLost() {
        long lost = lostNanos;
        if (lost != 0 && System.nanoTime() - lost > KEEP_LOST_NANOS) {
            lostNanos = 0;
            links.forEach(FaultyLink::cutLost);
        }
    }

    @Override
    public void close() {
        process.close();
        links.forEach(FaultyLink::close);
    }
}
