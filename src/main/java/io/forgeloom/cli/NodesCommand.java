package io.forgeloom.cli;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.node.NodeConfig;
import io.forgeloom.node.NodeInfo;
import io.forgeloom.node.NodeRegistry;
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
final class NodesCommand implements Callable<Integer> {

    private static final List<String> HEAD =
            List.of("NODE", "STATUS", "SERVICE", "HOST", "PID", "VERSION", "STARTED", "SILENT");

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(names = "--json", description = "Prints one JSON object instead of a table.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    NodesCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        NodeConfig.Builder nodeConfig = NodeConfig.builder();
        @Nullable Identifier home = schema.identifier();
        if (home != null) {
            nodeConfig.schema(home);
        }
        DatabaseConfig config = call.config(surroundings, "forge nodes").build();
        List<NodeInfo> nodes;
        try (Database database = Database.open(config)) {
            nodes = NodeRegistry.nodes(database, nodeConfig.build());
        }
        PrintWriter out = common.out();
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
