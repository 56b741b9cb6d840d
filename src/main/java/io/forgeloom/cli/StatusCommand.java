package io.forgeloom.cli;

import io.forgeloom.internal.concurrent.Deadline;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code forge status}: how a primary and its replicas are now. Changes nothing. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows a primary and its replicas: role, state, position, lag.",
        description = "%nAsks each server once, over a session of its own, and changes nothing.%n",
        footerHeading = "%nColumns:%n",
        footer = {
            "  ROLE         what the server is, whatever the command line calls it",
            "  STATE        writable, read-only; streaming, receiving, cut off, paused",
            "  POSITION     in the log: written by a primary, replayed by a replica",
            "  LAG BYTES    what the primary had written when it was asked, and the",
            "               replica had not replayed then",
            "  LAG TIME     how long it took the replica to replay that, on this machine's",
            "               clock; after 1 s it is no longer waited for (> 1000 ms)",
            "  CONNECTIONS  in use by clients, of max_connections",
            "",
            "Exit code: 0 all answer and are what they are called, 1 one does not or is",
            "not, 2 the command line or a URL cannot be read. Lag is no failure.",
            "",
            "JSON: {\"ok\":...,\"servers\":[{\"name\":...,\"address\":...,\"role\":...,",
            "\"state\":...,\"version\":...,\"position\":...,\"lagBytes\":...,\"lagMillis\":...,",
            "\"lagIsAtLeast\":...,\"connections\":...,\"maxConnections\":...,\"problem\":...}]}",
            "with null for what is not known."
        })
final class StatusCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final ServerOptions servers = new ServerOptions();

    @Option(names = "--json", description = "Prints one JSON object instead of a table.")
    private boolean json;

    @Option(names = "--verbose", description = "Prints the stack trace of each failure to standard error.")
    private boolean verbose;

    StatusCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        CommandSpec current = spec;
        if (current == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        PrintWriter err = current.commandLine().getErr();
        Duration timeout = servers.timeout();
        PrimaryMark mark = new PrimaryMark();
        List<ServerStatus> looks = servers.targets(surroundings).stream()
                .map(target -> new ServerStatus(target, mark, timeout))
                .toList();
        try {
            SideBySide.run("status", looks, Deadline.after(timeout));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            err.println("forge: interrupted");
            return CommandLine.ExitCode.SOFTWARE;
        }
        PrintWriter out = current.commandLine().getOut();
        if (json) {
            out.println(StatusReport.json(looks));
        } else {
            StatusReport.print(looks, out);
        }
        if (verbose) {
            printCauses(looks, err);
        }
        return StatusReport.ok(looks) ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private static void printCauses(List<ServerStatus> looks, PrintWriter err) {
        for (ServerStatus look : looks) {
            Throwable cause = look.cause();
            if (cause != null) {
                err.print(look.role() + ": ");
                cause.printStackTrace(err);
            }
        }
        err.flush();
    }
}
