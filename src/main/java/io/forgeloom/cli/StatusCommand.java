package io.forgeloom.cli;

import io.forgeloom.database.AcquireException;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.ForgeException;
import io.forgeloom.internal.concurrent.Deadline;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
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
        header = "Shows servers and what runs on them: lag, sessions, nodes, leaders, consumers.",
        description = "%nAsks each server once, over a session of its own, and changes nothing.%n",
        footerHeading = "%nColumns:%n",
        footer = {
            "  ROLE         what the server is, whatever the command line calls it",
            "  STATE        writable, read-only; streaming, receiving, cut off, paused",
            "  POSITION     in the log: written by a primary, replayed by a replica",
            "  BEHIND       bytes that the primary had written when it was asked, and the",
            "               replica had not replayed then",
            "  LAG          how long it took the replica to replay that, on this machine's",
            "               clock; after 1 s it is no longer waited for (> 1000 ms)",
            "  PG           the server's version",
            "  SESSIONS     of clients, of max_connections",
            "Below them, of the primary: sessions by application_name, and where a runtime",
            "has made its tables the nodes, the leaders, the consumers and the change log.",
            "",
            "Exit code: 0 all answer and are what they are called, 1 one does not or is",
            "not, 2 the command line or a URL cannot be read. Lag is no failure.",
            "",
            "JSON: {\"ok\":...,\"servers\":[{\"name\":...,\"address\":...,\"role\":...,",
            "\"state\":...,\"version\":...,\"position\":...,\"lagBytes\":...,\"lagMillis\":...,",
            "\"lagIsAtLeast\":...,\"connections\":...,\"maxConnections\":...,\"problem\":...}],",
            "\"runtime\":{\"queuePercent\":...,\"pools\":[...],\"nodes\":[...],\"leaders\":[...],",
            "\"consumers\":[...],\"changeLog\":{...}}} with null for what is not known."
        })
final class StatusCommand implements Callable<Integer> {

    private static final Duration EVERY = Duration.ofSeconds(2);

    /** Of a terminal: to the upper left corner; what is left of a line, and of the screen. */
    private static final String HOME = "\033[H";

    private static final String CLEAR_LINE = "\033[K";
    private static final String CLEAR_BELOW = "\033[J";

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final ServerOptions servers = new ServerOptions();

    @Option(names = "--json", description = "Prints one JSON object instead of tables.")
    private boolean json;

    @Option(names = "--watch", description = "Asks again every two seconds, until SIGINT or SIGTERM.")
    private boolean watch;

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
        PrintWriter out = current.commandLine().getOut();
        PrintWriter err = current.commandLine().getErr();
        if (!watch) {
            try {
                return show(out, err) ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                err.println("forge: interrupted");
                return CommandLine.ExitCode.SOFTWARE;
            }
        }
        boolean redraw = !json && CommandLine.Help.Ansi.AUTO.enabled();
        AtomicInteger code = new AtomicInteger(CommandLine.ExitCode.OK);
        try (StoppableTask task = StoppableTask.start("forge-status", () -> watch(out, err, redraw, code))) {
            task.await(() -> {});
            task.signalIsSuccess();
        }
        return code.get();
    }

    /** Until a signal, or until the reader has gone. */
    private void watch(PrintWriter out, PrintWriter err, boolean redraw, AtomicInteger code) {
        try {
            while (!out.checkError()) {
                // One write a screen, so that none is seen half made.
                StringWriter screen = new StringWriter();
                boolean ok = show(new PrintWriter(screen), err);
                code.set(ok ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE);
                out.print(
                        redraw
                                ? HOME + screen.toString().replace("\n", CLEAR_LINE + "\n") + CLEAR_BELOW
                                : screen + "\n");
                Thread.sleep(EVERY);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ForgeException e) {
            err.println("forge: " + e.getMessage());
            code.set(CommandLine.ExitCode.SOFTWARE);
        }
    }

    /** Asks and prints once; whether all is in order. */
    private boolean show(PrintWriter out, PrintWriter err) throws InterruptedException {
        Duration timeout = servers.timeout();
        PrimaryMark mark = new PrimaryMark();
        List<ServerStatus> looks = servers.targets(surroundings).stream()
                .map(target -> new ServerStatus(target, mark, timeout))
                .toList();
        SideBySide.run("status", looks, Deadline.after(timeout));
        String problem = null;
        RuntimeLook runtime = null;
        if (looks.getFirst().problem() == null) {
            try {
                runtime = RuntimeLook.ask(servers.primaryConfig(surroundings, "forge status"));
            } catch (DatabaseException | AcquireException e) {
                problem = String.valueOf(e.getMessage());
            }
        }
        if (json) {
            out.println(StatusReport.json(looks, runtime));
        } else {
            StatusReport.print(looks, out);
            if (runtime != null) {
                RuntimeReport.print(runtime, out);
            }
        }
        out.flush();
        if (problem != null) {
            err.println("forge: the runtime's tables could not be read: " + problem);
        }
        if (verbose) {
            printCauses(looks, err);
        }
        return problem == null && StatusReport.ok(looks);
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
