package io.forgeloom.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command has: where it writes to, and the option by which its failure says more. One thread at a time. */
final class CommonOptions {

    static final String VERBOSE = "--verbose";

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec spec;

    @Option(names = VERBOSE, description = "Prints the stack trace of a failure to standard error.")
    private boolean verbose;

    boolean verbose() {
        return verbose;
    }

    CommandLine commandLine() {
        CommandSpec current = spec;
        if (current == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        return current.commandLine();
    }

    PrintWriter out() {
        return commandLine().getOut();
    }

    PrintWriter err() {
        return commandLine().getErr();
    }
}
