package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeInfo;
import io.forgeloom.node.NodeRegistry;
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

/** {@code forge nodes}: which processes there are. Changes nothing. */
@Command(
        name = "nodes",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows the processes that are registered.",
        description = "%nAnd those that went silent less than a day ago. Asks once, and changes nothing.%n",
        footerHeading = "%nColumns:%n",
        footer = {
            "  NODE     by its own name",
            "  STATUS   joining, active or draining, as it said last; dead: silent for so long",
            "           that by its own word it counts as dead",
            "  SERVICE, HOST, PID, VERSION",
            "           the program, its machine, its process there, its version",
            "  STARTED  when it registered, by the server's clock",
            "  SILENT   since it was heard of, in seconds",
            "",
            "Exit code: 0 shown, whoever is there; 1 the server cannot be asked; 2 the command",
            "line or a URL cannot be used, or forge_nodes is not there.",
            "",
            "JSON: {\"ok\":true,\"nodes\":[{\"node\":...,\"status\":...,\"service\":...,\"host\":...,",
            "\"pid\":...,\"version\":...,\"started\":...,\"heartbeat\":...,\"silentMillis\":...}]}"
        })
final class NodesCommand implements Callable<Integer>, ForgeCommand.Verbose {

    private static final List<String> HEAD =
            List.of("NODE", "STATUS", "SERVICE", "HOST", "PID", "VERSION", "STARTED", "SILENT");

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

    NodesCommand(Surroundings surroundings) {
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
        NodeConfig.Builder nodeConfig = NodeConfig.builder();
        if (schema != null) {
            nodeConfig.schema(MigrateCommand.identifier("--schema", schema));
        }
        DatabaseConfig config = primary.config(surroundings)
                .poolSize(1)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .statementTimeout(timeout)
                .serviceName("forge nodes")
                .build();
        List<NodeInfo> nodes;
        try (Database database = Database.open(config)) {
            nodes = NodeRegistry.nodes(database, nodeConfig.build());
        }
        PrintWriter out = current.commandLine().getOut();
        if (json) {
            out.println(json(nodes));
        } else if (nodes.isEmpty()) {
            out.println("no node is registered");
        } else {
            TextTable.print(table(nodes), out);
        }
        return CommandLine.ExitCode.OK;
    }

    private static List<List<String>> table(List<NodeInfo> nodes) {
        List<List<String>> rows = new ArrayList<>(List.of(HEAD));
        for (NodeInfo node : nodes) {
            rows.add(List.of(
                    DeliveryLine.visible(node.nodeId()),
                    status(node),
                    DeliveryLine.visible(node.serviceName()),
                    DeliveryLine.visible(node.host()),
                    Long.toString(node.pid()),
                    node.version().isEmpty() ? "-" : DeliveryLine.visible(node.version()),
                    node.startedAt().truncatedTo(ChronoUnit.MILLIS).toString(),
                    String.format(Locale.ROOT, "%.1f", node.silence().toMillis() / 1000.0)));
        }
        return rows;
    }

    private static String status(NodeInfo node) {
        return node.status().name().toLowerCase(Locale.ROOT);
    }

    private static String json(List<NodeInfo> nodes) {
        StringBuilder json = new StringBuilder("{\"ok\":true,\"nodes\":[");
        String separator = "\n  ";
        for (NodeInfo node : nodes) {
            json.append(separator).append("{\"node\":");
            JsonReport.appendString(json, node.nodeId());
            json.append(",\"status\":\"").append(status(node)).append("\",\"service\":");
            JsonReport.appendString(json, node.serviceName());
            json.append(",\"host\":");
            JsonReport.appendString(json, node.host());
            json.append(",\"pid\":").append(node.pid()).append(",\"version\":");
            JsonReport.appendString(json, node.version());
            json.append(",\"started\":\"").append(node.startedAt());
            json.append("\",\"heartbeat\":\"").append(node.heartbeatAt());
            json.append("\",\"silentMillis\":")
                    .append(node.silence().toMillis())
                    .append('}');
            separator = ",\n  ";
        }
        return json.append("\n]}").toString();
    }
}
