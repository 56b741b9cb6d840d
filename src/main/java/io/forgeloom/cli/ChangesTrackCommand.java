package io.forgeloom.cli;

import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.error.ConfigurationException;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code forge changes track}: logs what is written to a table from now on. */
@Command(
        name = "track",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Logs what is written to a table from now on.",
        description = "%nMakes triggers on it; if they are there, renews them where that is needed. The first time"
                + " waits for writers of the table, 5 s at most.%n",
        footerHeading = "%n",
        footer = {
            "TABLE is as SQL spells it: orders, 'shop.\"Order Items\"'. It has a primary",
            "key, or a unique index on columns that are NOT NULL, or --mode statement.",
            "",
            "Exit code: 0 tracked; 1 the server refused it, saying why, or cannot be",
            "reached; 2 the command line or a URL cannot be used, or forge_change_log is",
            "not there."
        })
final class ChangesTrackCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Parameters(index = "0", paramLabel = "TABLE", description = "The table; with its schema, if need be.")
    private String table = "";

    @Option(
            names = "--mode",
            paramLabel = "row|statement",
            description = "Whether a row of the log is a row that changed, or a statement. Defaults to row.")
    private String mode = "row";

    @Option(
            names = "--no-changed-columns",
            description = "Does not log which columns an update changed; costs writers less.")
    private boolean noChangedColumns;

    /** Read by picocli alone. */
    @Mixin
    @SuppressWarnings("UnusedVariable")
    private final CommonOptions common = new CommonOptions();

    ChangesTrackCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        NotifyCommand.requireNoUrl("TABLE", table);
        TrackOptions options = new TrackOptions(
                switch (mode) {
                    case "row" -> TrackOptions.Mode.ROW;
                    case "statement" -> TrackOptions.Mode.STATEMENT;
                    default -> throw new ConfigurationException("--mode", "is row or statement");
                },
                !noChangedColumns);
        OpenLog.call(call.config(surroundings, "forge changes").build(), schema.identifier(), open -> {
            open.log().track(table, options);
            return open;
        });
        return CommandLine.ExitCode.OK;
    }
}
