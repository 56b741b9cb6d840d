package io.forgeloom.leader;

import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.leader.NodeLog.Reign;
import io.forgeloom.testing.TestProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An {@link ElectionNode} from outside. What changes it is for one thread at a time, all else for many. */
public final class NodeProcess implements AutoCloseable {

    private static final Duration START_LIMIT = Duration.ofSeconds(60);

    private final String name;
    private final Path file;
    private final NodeLog log;
    private final TestProcess process;
    private volatile boolean paused;

    private NodeProcess(String name, Path file, NodeLog log, TestProcess process) {
        this.name = name;
        this.file = file;
        this.log = log;
        this.process = process;
    }

    /**
     * Starts one; see {@link #awaitReady}.
     *
     * @param options {@code url=…}, once or for each server; {@code takeover=AFTER_LEASE}; in ms {@code lease=},
     *     {@code check=}, {@code validate=}, {@code poll=}, and {@code pause=} between two writes; {@code roles=} how many;
     *     {@code elector=flag} for a broken one, {@code elector=none} for one that does not campaign
     */
    public static NodeProcess start(String name, List<String> options) {
        try {
            Path file = Files.createTempFile("forgeloom-node-", ".log");
            NodeLog log = NodeLog.at(file);
            List<String> arguments = new ArrayList<>(options);
            arguments.add("log=" + file);
            TestProcess process = TestProcess.of(ElectionNode.class)
                    .jvmOptions("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
                    .arguments(arguments.toArray(new String[0]))
                    .start();
            return new NodeProcess(name, file, log, process);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public NodeProcess awaitReady() throws InterruptedException {
        String unused = process.awaitLine("ready"::equals, START_LIMIT);
        return this;
    }

    public String name() {
        return name;
    }

    public NodeLog log() {
        return log;
    }

    public TestProcess process() {
        return process;
    }

    public List<Reign> reigns() {
        return log.reigns(name);
    }

    /** Null before the first. */
    public @Nullable Reign latest() {
        List<Reign> reigns = reigns();
        return reigns.isEmpty() ? null : reigns.getLast();
    }

    /** Whether it said that it leads within the last so many milliseconds. */
    public boolean led(Duration within) {
        Reign latest = latest();
        return latest != null && System.nanoTime() - latest.last() < within.toNanos();
    }

    /** Asks it to give the role up. */
    public void resign() {
        log.add(Cell.RESIGN_ASKED, 1);
    }

    /** Ends it without a word. */
    public void kill() throws InterruptedException {
        process.sigkill();
    }

    /** Stops it where it is. */
    public void pause() throws InterruptedException {
        paused = true;
        process.sigstop();
    }

    public void resume() throws InterruptedException {
        paused = false;
        process.sigcont();
    }

    public boolean isPaused() {
        return paused;
    }

    /** Also its log is gone then. */
    @Override
    public void close() {
        process.close();
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
