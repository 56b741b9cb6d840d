package io.forgeloom.cli;

import io.forgeloom.changelog.TrimResult;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code forge changes trim}: takes old rows out of the log. */
@Command(
        name = "trim",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Takes old rows out of the log.",
        description = "%nA slot at a time: what shares one with younger rows stays, and so do 1,000 rows, and what a"
                + " consumer that holds has not read. A reader that has not seen what went is told so.%n",
        footerHeading = "%n",
        footer = {
            "Exit code: 0 done, or nothing could go, saying why; 1 the server cannot be",
            "asked or refused it; 2 the command line or a URL cannot be used, or",
            "forge_change_log is not there.",
            "",
            "JSON: {\"ok\":true,\"rows\":...,\"refused\":[...]}"
        })
final class ChangesTrimCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(
            names = "--older-than",
            paramLabel = "TIME",
            description = "How old a row must be to go, 0s to 8760h, by the server's clock. Defaults to 1h.")
    private String olderThan = "1h";

    @Option(names = "--json", description = "Prints one JSON object instead of text.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ChangesTrimCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        Duration age = TimeText.parse("--older-than", olderThan, Duration.ZERO, Duration.ofDays(365));
        TrimResult result = OpenLog.call(
                call.config(surroundings, "forge changes").build(),
                schema.identifier(),
                open -> open.log().trim(open.now().minus(age)));
        PrintWriter out = common.out();
        if (json) {
            StringBuilder line = new StringBuilder("{\"ok\":true,\"rows\":")
                    .append(result.rows())
                    .append(",\"refused\":");
            JsonReport.appendStrings(line, result.refused());
            out.println(line.append('}'));
        } else {
            out.println("trimmed " + result.rows() + " rows at most, by their numbers");
            result.refused().forEach(why -> out.println("the rest stays: " + DeliveryLine.visible(why)));
        }
        return CommandLine.ExitCode.OK;
    }
}
