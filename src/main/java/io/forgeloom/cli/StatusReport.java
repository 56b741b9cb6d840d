package io.forgeloom.cli;

import io.forgeloom.cli.ServerStatus.Facts;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How the servers are, as a table for people or as JSON. */
final class StatusReport {

    private static final List<String> HEADER =
            List.of("SERVER", "ROLE", "STATE", "POSITION", "BEHIND", "LAG", "PG", "SESSIONS");

    /** As in {@link Finding}: servers answer in several lines, and could send a terminal's escape codes. */
    private static final Pattern BLANKS = Pattern.compile("[\\p{Cc}\\s]+");

    private StatusReport() {}

    static boolean ok(List<ServerStatus> servers) {
        return servers.stream().allMatch(server -> server.problem() == null);
    }

    /** A line a server, and below them a line for each that is not in order. */
    static void print(List<ServerStatus> servers, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(HEADER);
        servers.forEach(server -> rows.add(row(server)));
        TextTable.print(rows, out);
        for (ServerStatus server : servers) {
            String problem = server.problem();
            if (problem != null) {
                out.println();
                out.println(server.role() + " " + server.address() + ": " + oneLine(problem));
            }
        }
    }

    private static List<String> row(ServerStatus server) {
        Facts facts = server.facts();
        PrimaryMark.Lag lag = server.lag();
        if (facts == null) {
            return List.of(server.role(), "-", "no answer", "-", "-", "-", "-", "-");
        }
        return List.of(
                server.role(),
                facts.role(),
                oneLine(facts.state()),
                facts.position().isEmpty() ? "-" : facts.position(),
                lag == null ? "-" : Long.toString(lag.bytes()),
                lag == null ? "-" : (lag.atLeast() ? "> " : "") + lag.millis() + " ms",
                facts.version(),
                facts.connections() + " of " + facts.maxConnections());
    }

    /** {@code {"ok":…,"servers":[{"name":…,…}]}}, a server a line, every key always there, only ASCII. */
    static String json(List<ServerStatus> servers, @Nullable RuntimeLook runtime) {
        StringBuilder json = new StringBuilder("{\"ok\":").append(ok(servers)).append(",\"servers\":[");
        String separator = "\n";
        for (ServerStatus server : servers) {
            Facts facts = server.facts();
            PrimaryMark.Lag lag = server.lag();
            json.append(separator).append("  {\"name\":");
            JsonReport.appendString(json, server.role());
            string(json, "address", server.address());
            string(json, "role", facts == null ? null : facts.role());
            string(json, "state", facts == null ? null : facts.state());
            string(json, "version", facts == null ? null : facts.version());
            string(json, "position", facts == null || facts.position().isEmpty() ? null : facts.position());
            json.append(",\"lagBytes\":").append(lag == null ? "null" : lag.bytes());
            json.append(",\"lagMillis\":").append(lag == null ? "null" : lag.millis());
            json.append(",\"lagIsAtLeast\":").append(lag == null ? "null" : lag.atLeast());
            json.append(",\"connections\":").append(facts == null ? "null" : facts.connections());
            json.append(",\"maxConnections\":").append(facts == null ? "null" : facts.maxConnections());
            string(json, "problem", server.problem() == null ? null : oneLine(server.problem()));
            json.append('}');
            separator = ",\n";
        }
        json.append("\n],\"runtime\":");
        if (runtime == null) {
            json.append("null");
        } else {
            RuntimeReport.json(runtime, json);
        }
        return json.append('}').toString();
    }

    private static void string(StringBuilder json, String key, @Nullable String value) {
        json.append(",\"").append(key).append("\":");
        JsonReport.appendString(json, value);
    }

    private static String oneLine(String text) {
        return BLANKS.matcher(text).replaceAll(" ").strip();
    }
}
