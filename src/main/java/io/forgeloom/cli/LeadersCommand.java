package io.forgeloom.cli;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderStatus;
import java.io.PrintWriter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
final class LeadersCommand implements Callable<Integer> {

    private static final List<String> HEAD =
            List.of("ROLE", "STATE", "NODE", "TERM", "TOKEN", "SINCE", "LEASE UNTIL", "PID");

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(names = "--json", description = "Prints one JSON object instead of a table.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    LeadersCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        LeaderConfig.Builder leaderConfig = LeaderConfig.builder();
        @Nullable Identifier home = schema.identifier();
        if (home != null) {
            leaderConfig.schema(home);
        }
        DatabaseConfig config = call.config(surroundings, "forge leaders").build();
        List<LeaderStatus> leaders;
        try (Database database = Database.open(config)) {
            leaders = LeaderElection.leaders(database, leaderConfig.build());
        }
        PrintWriter out = common.out();
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
