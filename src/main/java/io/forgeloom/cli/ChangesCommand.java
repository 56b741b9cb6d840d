package io.forgeloom.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code forge changes}: the commands on the change log. */
@Command(
        name = "changes",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        synopsisSubcommandLabel = "COMMAND",
        header = "The change log: tracks tables, follows their changes.",
        footer = {"", "forge changes COMMAND --help says more."})
final class ChangesCommand {

    private ChangesCommand() {}

    static CommandLine commandLine(Surroundings surroundings) {
        return new CommandLine(new ChangesCommand())
                .addSubcommand(new ChangesTrackCommand(surroundings))
                .addSubcommand(new ChangesUntrackCommand(surroundings))
                .addSubcommand(new ChangesFollowCommand(surroundings))
                .addSubcommand(new ChangesStatsCommand(surroundings))
                .addSubcommand(new ChangesTrimCommand(surroundings))
                .addSubcommand(new ChangesDropConsumerCommand(surroundings));
    }
}
