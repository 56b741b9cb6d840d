package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderStatus;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code forge leaders}: who leads. Changes nothing. */
@Command(
        name = "leaders",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows the leader of each role.",
        description = "%nOf each role that ever had one. Asks once, and changes nothing.%n",
        footerHeading = "%nColumns:%n",
        footer = {
            "  STATE        leading; silent: it has the lock, but its lease has expired;",
            "               resigned; gone: without a word",
            "  NODE         by the name that it gave itself",
            "  TERM, TOKEN  which leadership of the role; a later one has a greater token",
            "  SINCE        when it was elected, by the server's clock",
            "  LEASE UNTIL  as it last wrote it",
            "  PID          the server's process behind its session",
            "",
            "Exit code: 0 shown, whoever leads or not; 1 the server cannot be asked; 2 the",
            "command line or a URL cannot be used, or forge_leaders is not there.",
            "",
            "JSON: {\"ok\":true,\"leaders\":[{\"role\":...,\"state\":...,\"node\":...,\"term\":...,",
            "\"token\":...,\"since\":...,\"leaseUntil\":...,\"pid\":...}]}"
        })
final class LeadersCommand implements Callable<Integer>, ForgeCommand.Verbose {

    private static final List<String> HEAD =
            List.of("ROLE", "STATE", "NODE", "TERM", "TOKEN", "SINCE", "LEASE UNTIL", "PID");

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final PrimaryOptions primary = new PrimaryOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long it may take, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    @Option(
            names = "--schema",
            paramLabel = "SCHEMA",
            description = "Where Forgeloom's tables are. Defaults to where the session finds them.")
    private @Nullable String schema;

    @Option(names = "--json", description = "Prints one JSON object instead of a table.")
    private boolean json;

    @Option(names = "--verbose", description = "Prints the stack trace of a failure to standard error.")
    private boolean verbose;

    LeadersCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public boolean verbose() {
        return verbose;
    }

    @Override
    public Integer call() {
        CommandSpec current = spec;
        if (current == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        Duration timeout = Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
        LeaderConfig.Builder leaderConfig = LeaderConfig.builder();
        if (schema != null) {
            leaderConfig.schema(MigrateCommand.identifier("--schema", schema));
        }
        DatabaseConfig config = primary.config(surroundings)
                .poolSize(1)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .statementTimeout(timeout)
                .serviceName("forge leaders")
                .build();
        List<LeaderStatus> leaders;
        try (Database database = Database.open(config)) {
            leaders = LeaderElection.leaders(database, leaderConfig.build());
        }
        PrintWriter out = current.commandLine().getOut();
        if (json) {
            out.println(json(leaders));
        } else if (leaders.isEmpty()) {
            out.println("no role has had a leader yet");
        } else {
            TextTable.print(table(leaders), out);
        }
        return CommandLine.ExitCode.OK;
    }

    private static List<List<String>> table(List<LeaderStatus> leaders) {
        List<List<String>> rows = new ArrayList<>(List.of(HEAD));
        for (LeaderStatus leader : leaders) {
            rows.add(List.of(
                    DeliveryLine.visible(leader.role()),
                    state(leader),
                    DeliveryLine.visible(leader.nodeId()),
                    Long.toString(leader.token().term()),
                    leader.token().toString(),
                    leader.since().truncatedTo(ChronoUnit.MILLIS).toString(),
                    leader.until().truncatedTo(ChronoUnit.MILLIS).toString(),
                    Integer.toString(leader.backendPid())));
        }
        return rows;
    }

    private static String state(LeaderStatus leader) {
        return leader.state().name().toLowerCase(Locale.ROOT);
    }

    private static String json(List<LeaderStatus> leaders) {
        StringBuilder json = new StringBuilder("{\"ok\":true,\"leaders\":[");
        String separator = "\n  ";
        for (LeaderStatus leader : leaders) {
            json.append(separator).append("{\"role\":");
            JsonReport.appendString(json, leader.role());
            json.append(",\"state\":\"").append(state(leader)).append("\",\"node\":");
            JsonReport.appendString(json, leader.nodeId());
            json.append(",\"term\":").append(leader.token().term());
            json.append(",\"token\":\"").append(leader.token());
            json.append("\",\"since\":\"").append(leader.since());
            json.append("\",\"leaseUntil\":\"").append(leader.until());
            json.append("\",\"pid\":").append(leader.backendPid()).append('}');
            separator = ",\n  ";
        }
        return json.append("\n]}").toString();
    }
}
