package io.forgeloom.cli;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.error.ForgeException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command {@code forge}: the operator's commands. {@link #main} is the program; there is no other use for it.
 *
 * <p>Exit codes: 0 success, 1 failure, 2 a command line that cannot be read. Arguments are never repeated in an error
 * message, since one that stands in the wrong place may be a password, or a URL with one in it.
 */
@Command(
        name = "forge",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        synopsisSubcommandLabel = "COMMAND",
        description = "Commands for operators of Forgeloom.",
        footer = {"", "forge COMMAND --help says more."})
public final class ForgeCommand {

    /** Held, because the logging of the JDK forgets what nobody holds. */
    private static final Logger LOGGER = Logger.getLogger("io.forgeloom");

    private static final Logger MIGRATE_LOGGER = Logger.getLogger("io.forgeloom.migrate");

    private ForgeCommand() {}

    /**
     * Runs the command line and ends the JVM with its exit code.
     *
     * @param args as typed
     */
    public static void main(String[] args) {
        // What the library tells a service's log at start is of no interest here.
        LOGGER.setLevel(Level.WARNING);
        // Its warnings reach the command as events, which it shows beside its bar.
        MIGRATE_LOGGER.setLevel(Level.SEVERE);
        CommandLine commandLine = commandLine(Surroundings.ofThisProcess());
        commandLine.setOut(writer(FileDescriptor.out, System.out.charset()));
        commandLine.setErr(writer(FileDescriptor.err, System.err.charset()));
        System.exit(commandLine.execute(args));
    }

    static CommandLine commandLine(Surroundings surroundings) {
        return new CommandLine(new ForgeCommand())
                .addSubcommand(new DoctorCommand(surroundings))
                .addSubcommand(new StatusCommand(surroundings))
                .addSubcommand(new MigrateCommand(surroundings))
                .addSubcommand(new ListenCommand(surroundings))
                .addSubcommand(new NotifyCommand(surroundings))
                .addSubcommand(new ElectCommand(surroundings))
                .addSubcommand(new LeadersCommand(surroundings))
                .addSubcommand(new NodesCommand(surroundings))
                .addSubcommand(ChangesCommand.commandLine(surroundings))
                .setCaseInsensitiveEnumValuesAllowed(true)
                // A password may begin with an @.
                .setExpandAtFiles(false)
                .setParameterExceptionHandler(ForgeCommand::refuse)
                .setExecutionExceptionHandler((failure, command, parsed) -> fail(failure, command));
    }

    private static int refuse(ParameterException problem, String[] args) {
        CommandLine command = problem.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("forge: " + describe(problem));
        err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
        return ExitCode.USAGE;
    }

    /** What is wrong, in words of ours: picocli's messages quote arguments. */
    private static String describe(ParameterException problem) {
        if (problem instanceof UnmatchedArgumentException unmatched) {
            List<String> options = unmatched.getUnmatched().stream()
                    .filter(argument -> argument.matches("--?[a-z][a-z-]*(=.*)?"))
                    .map(argument -> argument.replaceFirst("=.*", ""))
                    .toList();
            return options.isEmpty()
                    ? unexpectedArgument(problem.getCommandLine())
                    : "unknown option " + String.join(", ", options);
        }
        if (problem instanceof MissingParameterException missing
                && !missing.getMissing().isEmpty()) {
            return names(missing.getMissing()) + " needs a value";
        }
        if (problem instanceof OverwrittenOptionException twice) {
            return names(List.of(twice.getOverwritten())) + " is given twice";
        }
        ArgSpec argument = problem.getArgSpec();
        if (argument == null) {
            return unexpectedArgument(problem.getCommandLine());
        }
        String name = names(List.of(argument));
        return name + (argument.arity().max() == 0 ? " takes no value" : " cannot have this value");
    }

    private static String names(List<ArgSpec> arguments) {
        return arguments.stream()
                .map(argument -> argument instanceof OptionSpec option
                        ? option.longestName() + (option.arity().max() == 0 ? "" : "=" + option.paramLabel())
                        : argument.paramLabel())
                .collect(Collectors.joining(", "));
    }

    private static String unexpectedArgument(CommandLine command) {
        String commands = command.getSubcommands().keySet().stream().sorted().collect(Collectors.joining(", "));
        return commands.isEmpty()
                ? "an argument without an option (not repeated here, it may be a secret); a URL needs --url"
                : "no such command; there is: " + commands;
    }

    private static int fail(Exception failure, CommandLine command) {
        PrintWriter err = command.getErr();
        if (failure instanceof ConfigurationException) {
            err.println("forge: " + failure.getMessage());
            err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
            return ExitCode.USAGE;
        }
        err.println("forge: " + (failure instanceof ForgeException ? failure.getMessage() : failure.toString()));
        if (command.getParseResult().matchedOptionValue(CommonOptions.VERBOSE, false)) {
            failure.printStackTrace(err);
        } else {
            err.println("--verbose shows where it failed.");
        }
        return ExitCode.SOFTWARE;
    }

    /** Not by {@link System#out}, which keeps to itself that nobody reads any more. */
    private static PrintWriter writer(FileDescriptor file, Charset charset) {
        return new PrintWriter(new OutputStreamWriter(new FileOutputStream(file), charset), true);
    }
}
