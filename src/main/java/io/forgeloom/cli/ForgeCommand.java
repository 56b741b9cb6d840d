package io.forgeloom.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command `forge`. Placeholder. */
@Command(name = "forge", mixinStandardHelpOptions = true, description = "Commands for operators of Forgeloom.")
public final class ForgeCommand {
    private ForgeCommand() {}

    /**
     * Runs the command line.
     *
     * @param args as typed
     */
    public static void main(String[] args) {
        System.exit(new CommandLine(new ForgeCommand()).execute(args));
    }
}
