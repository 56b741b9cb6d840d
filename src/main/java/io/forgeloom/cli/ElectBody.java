package io.forgeloom.cli;

import io.forgeloom.leader.LeaderBody;
import io.forgeloom.leader.Leadership;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Runs a command while this process leads. Asked to stop, it ends the command while the lock is still held, so that the next
 * leader's command begins after that; an interrupt is a leadership that was lost, and there the lease bounds how long the
 * command may take to end. Safe for use by many threads.
 */
final class ElectBody implements LeaderBody {

    /** What shells say of a command that cannot be started. */
    static final int NOT_STARTED = 127;

    /** Beyond the grace: for SIGKILL to work. */
    static final Duration AFTER_GRACE = Duration.ofSeconds(3);

    private final List<String> command;
    private final Duration grace;
    private final Duration lease;
    private final PrintWriter err;

    private final CompletableFuture<Integer> exited = new CompletableFuture<>();
    private final CompletableFuture<Integer> stopRequested = new CompletableFuture<>();

    /** Held while there is a command, and for good once this was stopped. */
    private final Semaphore idle = new Semaphore(1);

    ElectBody(List<String> command, Duration grace, Duration lease, PrintWriter err) {
        this.command = List.copyOf(command);
        this.grace = grace;
        this.lease = lease;
        this.err = err;
    }

    /** Completed with its exit code when the command has ended by itself, or could not be started. */
    CompletableFuture<Integer> exited() {
        return exited;
    }

    /** Ends the command, and starts none any more. Waits for that, as long as the grace is. */
    void stop() throws InterruptedException {
        stopRequested.complete(0);
        if (!idle.tryAcquire(grace.plus(AFTER_GRACE).toNanos(), TimeUnit.NANOSECONDS)) {
            say("the command has not ended by SIGKILL");
        }
    }

    @Override
    public void run(Leadership leadership) {
        if (!idle.tryAcquire()) {
            return;
        }
        try {
            if (!stopRequested.isDone() && !exited.isDone()) {
                work(leadership);
            }
        } finally {
            idle.release();
        }
    }

    private void work(Leadership leadership) {
        try (TreeGuard guard = TreeGuard.start()) {
            Process process = start(leadership, guard);
            ProcessTree tree = new ProcessTree(process.toHandle());
            try {
                guard.watch(process.pid());
                attend(process, tree, leadership);
            } finally {
                if (!tree.kill()) {
                    say("the command has not ended by SIGKILL");
                }
            }
        } catch (IOException e) {
            // In the words of the operating system alone: a command may have a password in it.
            Throwable reason = e.getCause() == null ? e : e.getCause();
            say("the command cannot be started: " + reason.getMessage());
            exited.complete(NOT_STARTED);
        }
    }

    /** Returns when the command has ended, or its time for that has. */
    private void attend(Process process, ProcessTree tree, Leadership leadership) {
        try {
            CompletableFuture.anyOf(process.onExit(), stopRequested).get();
            if (process.isAlive()) {
                tree.terminate();
                boolean unused = tree.awaitEnd(System.nanoTime() + grace.toNanos());
            } else {
                exited.complete(process.exitValue());
            }
        } catch (InterruptedException lost) {
            // It is told, and spent: the command must be ended in any case.
            endInLease(tree, leadership);
        } catch (ExecutionException e) {
            throw new IllegalStateException("neither of the two fails", e);
        }
    }

    /**
     * A whole lease after the server last confirmed this leader, another may lead, where takeovers wait at all; trust ends
     * a sixth of it before. The rest is for SIGKILL.
     */
    private void endInLease(ProcessTree tree, Leadership leadership) {
        tree.terminate();
        long now = System.nanoTime();
        long left = leadership.trustedUntil() + lease.dividedBy(12).toNanos() - now;
        try {
            boolean unused = tree.awaitEnd(now + Math.min(grace.toNanos(), left));
        } catch (InterruptedException e) {
            // Whoever is in such a hurry gets the SIGKILL that follows.
            Thread.currentThread().interrupt();
        }
    }

    private Process start(Leadership leadership, TreeGuard guard) throws IOException {
        ProcessBuilder process = new ProcessBuilder(command).inheritIO();
        process.environment()
                .putAll(Map.of(
                        "FORGE_ROLE", leadership.role().name(),
                        "FORGE_TERM", Long.toString(leadership.term()),
                        "FORGE_TOKEN", leadership.token().toString()));
        guard.mark(process);
        return process.start();
    }

    private void say(String text) {
        err.println("forge: " + text);
    }
}
