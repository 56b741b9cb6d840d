package io.forgeloom.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code forge changes drop-consumer}: forgets a consumer. */
@Command(
        name = "drop-consumer",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Forgets a consumer, which then holds nothing back.",
        description = "%nIf it is running it fails with its next commit.%n",
        footerHeading = "%n",
        footer = {
            "Exit code: 0 forgotten; 1 there was none of that name, or the server cannot be",
            "asked; 2 the command line or a URL cannot be used, or forge_change_log is not",
            "there."
        })
final class ChangesDropConsumerCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Parameters(index = "0", paramLabel = "NAME", description = "As forge changes stats shows it.")
    private String name = "";

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ChangesDropConsumerCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        NotifyCommand.requireNoUrl("NAME", name);
        boolean was = OpenLog.call(
                call.config(surroundings, "forge changes").build(),
                schema.identifier(),
                open -> open.log().dropConsumer(name));
        if (!was) {
            common.err().println("forge: there is no consumer " + DeliveryLine.visible(name));
            return CommandLine.ExitCode.SOFTWARE;
        }
        return CommandLine.ExitCode.OK;
    }
}
