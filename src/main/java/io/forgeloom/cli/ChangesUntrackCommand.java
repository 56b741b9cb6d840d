package io.forgeloom.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code forge changes untrack}: logs no more of a table. */
@Command(
        name = "untrack",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Logs no more of a table; what was logged stays.",
        description = "%nDrops the triggers. Waits for writers of the table, 5 s at most.%n",
        footerHeading = "%n",
        footer = {
            "Exit code: 0 not tracked any more; 1 it was not, or the server refused it or",
            "cannot be reached; 2 the command line or a URL cannot be used, or",
            "forge_change_log is not there."
        })
final class ChangesUntrackCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Parameters(index = "0", paramLabel = "TABLE", description = "The table; with its schema, if need be.")
    private String table = "";

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ChangesUntrackCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        NotifyCommand.requireNoUrl("TABLE", table);
        boolean was = OpenLog.call(
                call.config(surroundings, "forge changes").build(),
                schema.identifier(),
                open -> open.log().untrack(table));
        if (!was) {
            common.err().println("forge: " + DeliveryLine.visible(table) + " was not tracked");
            return CommandLine.ExitCode.SOFTWARE;
        }
        return CommandLine.ExitCode.OK;
    }
}
