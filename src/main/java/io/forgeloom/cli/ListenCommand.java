package io.forgeloom.cli;

import io.forgeloom.database.DatabaseConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

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
final class ListenCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final StayOptions stay = new StayOptions();

    @Parameters(arity = "1..*", paramLabel = "CHANNEL", description = "What to listen to, 1 to 63 bytes each.")
    private List<String> channels = new ArrayList<>();

    @Option(names = "--json", description = "Prints one JSON object a line.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ListenCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        channels.forEach(channel -> NotifyCommand.requireNoUrl("CHANNEL", channel));
        channels.forEach(channel -> NotifyCommand.requireSendable("CHANNEL", channel, ""));
        // One session listens, and one is to spare for whatever must be asked beside it.
        DatabaseConfig config =
                stay.config(surroundings, "forge listen").poolSize(2).build();
        ListenTask task =
                new ListenTask(config, channels, json ? DeliveryLine::json : DeliveryLine::text, common.out());
        try (StoppableTask running = StoppableTask.start("forgeloom-listen", task)) {
            running.await(() -> {});
            task.requireSuccess();
            running.signalIsSuccess();
            return CommandLine.ExitCode.OK;
        }
    }
}
