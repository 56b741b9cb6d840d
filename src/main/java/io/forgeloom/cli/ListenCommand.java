package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.DatabaseConfig;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code forge listen}: what is sent to channels, and where something is missing, until it is stopped. */
@Command(
        name = "listen",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows what is sent to channels, one line an element, until it is stopped.",
        description = "%nIt reconnects by itself, and says where notifications may be missing.%n",
        footerHeading = "%nLines:%n",
        footer = {
            "  CHANNEL: PAYLOAD           control characters escaped",
            "  (gap: generation N, CAUSE) here some may be missing; the first line is one",
            "  (lagged: N missed)         the reader of the output was too slow",
            "",
            "JSON: {\"type\":\"notification\",\"channel\":...,\"payload\":...},",
            "{\"type\":\"gap\",\"generation\":...,\"cause\":...}, {\"type\":\"lagged\",\"missed\":...}",
            "",
            "Exit code: 0 stopped by SIGINT or SIGTERM, or nobody reads the output any",
            "more; 1 the server cannot be listened to; 2 the command line, a URL or a",
            "channel cannot be used. A channel that begins with a dash comes after --."
        })
final class ListenCommand implements Callable<Integer>, ForgeCommand.Verbose {

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final PrimaryOptions primary = new PrimaryOptions();

    @Parameters(arity = "1..*", paramLabel = "CHANNEL", description = "What to listen to, 1 to 63 bytes each.")
    private List<String> channels = new ArrayList<>();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long the first connect may take, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    @Option(names = "--json", description = "Prints one JSON object a line.")
    private boolean json;

    @Option(names = "--verbose", description = "Prints the stack trace of a failure to standard error.")
    private boolean verbose;

    ListenCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public boolean verbose() {
        return verbose;
    }

    @Override
    public Integer call() {
        CommandSpec current = spec;
        if (current == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        PrintWriter out = current.commandLine().getOut();
        Duration timeout = Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
        channels.forEach(channel -> NotifyCommand.requireNoUrl("CHANNEL", channel));
        channels.forEach(channel -> NotifyCommand.requireSendable("CHANNEL", channel, ""));
        // One session listens, and one is to spare for whatever must be asked beside it.
        DatabaseConfig config = primary.config(surroundings)
                .poolSize(2)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .serviceName("forge listen")
                .build();
        ListenTask task = new ListenTask(config, channels, json ? DeliveryLine::json : DeliveryLine::text, out);
        try (StoppableTask running = StoppableTask.start("forgeloom-listen", task)) {
            running.await(() -> {});
            task.requireSuccess();
            running.signalIsSuccess();
            return CommandLine.ExitCode.OK;
        }
    }
}
