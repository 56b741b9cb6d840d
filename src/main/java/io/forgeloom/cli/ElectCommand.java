package io.forgeloom.cli;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.leader.Takeover;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code forge elect}: campaigns for a role, and runs a command while it leads. */
@Command(
        name = "elect",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        showEndOfOptionsDelimiterInUsageHelp = true,
        header = "Campaigns for a role, and runs a command while it leads.",
        description = "%nOne process of all that campaign for a role leads; when it ends, another does.%n",
        footerHeading = "%nLines:%n",
        footer = {
            "  standby                    campaigns; another leads, or nobody yet",
            "  elected term=N token=T     leads",
            "  lost cause=...             does not any more; the command is ended",
            "  resigned                   gave the role up; the next one leads at once",
            "",
            "The command inherits standard input and output, and has FORGE_ROLE, FORGE_TERM",
            "and FORGE_TOKEN in its environment; the lines go to standard error then. It is",
            "ended, with all that it started, by SIGTERM, and after --grace by SIGKILL. When",
            "the role is lost the lease bounds that: SIGKILL comes before another one leads",
            "whose --takeover is after-lease. If forge itself is killed, so is the command;",
            "if it alone is frozen, the command goes on until it wakes.",
            "",
            "--takeover immediate is for effects that are fenced by the token, after-lease",
            "for others; the one who takes over decides, so give all the same.",
            "",
            "Exit code: 0 stopped by SIGINT or SIGTERM, or nobody reads the output any more;",
            "that of the command when it ends by itself, 127 if it cannot be started; 1 the",
            "server cannot be worked with; 2 the command line or a URL cannot be used.",
            "",
            "JSON: {\"type\":\"standby\",\"role\":...}, {\"type\":\"elected\",\"role\":...,",
            "\"term\":...,\"token\":...}; lost, with \"cause\", and resigned likewise."
        })
final class ElectCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final StayOptions stay = new StayOptions();

    @Option(
            names = "--role",
            required = true,
            paramLabel = "ROLE",
            description = "What to campaign for: a name of yours, 1 to 255 bytes; or scheduler, metrics_aggregator,"
                    + " log_compactor.")
    private String role = "";

    @Option(
            names = "--lease",
            paramLabel = "TIME",
            description = "How long a silent leader keeps the role: 500ms to 1h. Defaults to 3s.")
    private String lease = "3s";

    @Option(
            names = "--takeover",
            paramLabel = "immediate|after-lease",
            description = "Whether to lead at once when a leader was lost, or after its lease. Defaults to after-lease"
                    + " with a command, to immediate without.")
    private @Nullable String takeover;

    @Option(
            names = "--grace",
            paramLabel = "TIME",
            description = "How long the command may take to end, 0s to 30m. Defaults to 10s.")
    private String grace = "10s";

    @Option(
            names = "--node",
            paramLabel = "NAME",
            description = "What forge leaders shows. Defaults to \"forge elect\" and the process id.")
    private @Nullable String node;

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(names = "--no-migrate", description = "Expects Forgeloom's tables instead of making them.")
    private boolean noMigrate;

    @Option(names = "--json", description = "Prints one JSON object a line.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    @Parameters(arity = "0..*", paramLabel = "COMMAND", description = "What to run while leading.")
    private List<String> command = new ArrayList<>();

    ElectCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        requireDashes(common.commandLine().getParseResult().originalArgs());
        PrintWriter err = common.err();
        Duration graceTime = TimeText.parse("--grace", grace, Duration.ZERO, Duration.ofMinutes(30));
        LeaderConfig leaderConfig = leaderConfig(graceTime);
        @Nullable
        ElectBody body =
                command.isEmpty() ? null : new ElectBody(command, graceTime, leaderConfig.leaseDuration(), err);
        ElectTask task = new ElectTask(
                config(),
                leaderConfig,
                role(),
                !noMigrate,
                new ElectLine(json),
                body == null ? common.out() : err,
                body);
        Duration ending = leaderConfig.bodyTimeout().plus(leaderConfig.leaseDuration());
        try (StoppableTask running = StoppableTask.start("forgeloom-elect", task, ending)) {
            running.await(() -> {});
            int exitCode = task.exitCode();
            running.signalIsSuccess();
            return exitCode;
        }
    }

    /** Without them an option of the command would be taken for ours, and a role without its option for a command. */
    private void requireDashes(List<String> arguments) {
        if (!command.isEmpty() && arguments.indexOf("--") != arguments.size() - command.size() - 1) {
            throw new ConfigurationException(
                    "COMMAND", "comes after --; the role needs --role, and a URL --url (not repeated here)");
        }
    }

    /** The session of the election and that of the bus, and one to spare for whatever must be asked beside them. */
    private DatabaseConfig config() {
        return stay.config(surroundings, "forge elect").poolSize(3).build();
    }

    /** What depends on the lease goes with it; by the defaults it is the library's. */
    private LeaderConfig leaderConfig(Duration graceTime) {
        Duration leaseTime = TimeText.parse("--lease", lease, Duration.ofMillis(500), Duration.ofHours(1));
        LeaderConfig.Builder config = LeaderConfig.builder()
                .leaseDuration(leaseTime)
                .lockValidateInterval(shorter(LeaderConfig.DEFAULTS.lockValidateInterval(), leaseTime.dividedBy(6)))
                .checkInterval(shorter(LeaderConfig.DEFAULTS.checkInterval(), leaseTime.dividedBy(3)))
                .bodyTimeout(graceTime.plus(ElectBody.AFTER_GRACE))
                .takeover(takeover());
        @Nullable Identifier home = schema.identifier();
        if (home != null) {
            config.schema(home);
        }
        try {
            return node == null ? config.build() : config.nodeId(node).build();
        } catch (ConfigurationException e) {
            throw e.option().equals("nodeId") ? MigrateCommand.renamed("--node", e) : e;
        }
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private Takeover takeover() {
        if (takeover == null) {
            // What a command does is rarely in this database, where the term would fence it.
            return command.isEmpty() ? Takeover.IMMEDIATE : Takeover.AFTER_LEASE;
        }
        return switch (takeover) {
            case "immediate" -> Takeover.IMMEDIATE;
            case "after-lease" -> Takeover.AFTER_LEASE;
            default -> throw new ConfigurationException("--takeover", "is immediate or after-lease");
        };
    }

    private LeaderRole role() {
        NotifyCommand.requireNoUrl("--role", role);
        try {
            return LeaderRole.of(role);
        } catch (ConfigurationException e) {
            throw MigrateCommand.renamed("--role", e);
        }
    }
}
