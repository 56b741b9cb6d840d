package io.forgeloom.cli;

import io.forgeloom.changelog.ChangeLogStats;
import io.forgeloom.changelog.ConsumerLag;
import io.forgeloom.cli.RuntimeLook.Pool;
import io.forgeloom.cli.RuntimeLook.Tables;
import io.forgeloom.leader.LeaderStatus;
import io.forgeloom.node.NodeInfo;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the runtimes of a database say of themselves, for people or as JSON. */
final class RuntimeReport {

    private RuntimeReport() {}

    static void print(RuntimeLook look, PrintWriter out) {
        List<List<String>> pools =
                new ArrayList<>(List.of(List.of("APPLICATION", "SESSIONS", "ACTIVE", "IDLE IN TX", "LONGEST TX")));
        for (Pool pool : look.pools()) {
            pools.add(List.of(
                    DeliveryLine.visible(pool.application()),
                    Integer.toString(pool.sessions()),
                    Integer.toString(pool.active()),
                    Integer.toString(pool.open()),
                    pool.longest().isZero() ? "-" : TimeText.of(pool.longest())));
        }
        section(pools, out);
        Tables tables = look.runtime();
        if (tables != null) {
            section(nodes(tables.nodes()), out);
            section(leaders(tables.leaders()), out);
            section(consumers(tables.changes()), out);
        }
        out.println();
        if (tables == null) {
            out.println("No runtime has been here: there is no table forge_nodes on the search path.");
        } else {
            ChangeLogStats changes = tables.changes();
            out.println("Change log: " + tables.tracked() + " tables tracked, "
                    + (changes.rows() == 0
                            ? "empty"
                            : changes.rows() + " rows, oldest " + TimeText.of(changes.oldest()))
                    + "; slots emptied: " + changes.trims() + ".");
        }
        out.println(String.format(Locale.ROOT, "NOTIFY queue: %.2f %% full.", look.queueUsage() * 100));
    }

    private static void section(List<List<String>> rows, PrintWriter out) {
        if (rows.size() > 1) {
            out.println();
            TextTable.print(rows, out);
        }
    }

    private static List<List<String>> nodes(List<NodeInfo> nodes) {
        List<List<String>> rows =
                new ArrayList<>(List.of(List.of("NODE", "STATUS", "HOST", "PID", "VERSION", "SILENT")));
        for (NodeInfo node : nodes) {
            rows.add(List.of(
                    DeliveryLine.visible(node.nodeId()),
                    node.status().name().toLowerCase(Locale.ROOT),
                    DeliveryLine.visible(node.host()),
                    Long.toString(node.pid()),
                    DeliveryLine.visible(node.version()),
                    TimeText.of(node.silence())));
        }
        return rows;
    }

    private static List<List<String>> leaders(List<LeaderStatus> leaders) {
        List<List<String>> rows = new ArrayList<>(List.of(List.of("ROLE", "STATE", "LEADER", "TERM")));
        for (LeaderStatus leader : leaders) {
            rows.add(List.of(
                    DeliveryLine.visible(leader.role()),
                    leader.state().name().toLowerCase(Locale.ROOT),
                    DeliveryLine.visible(leader.nodeId()),
                    Long.toString(leader.token().term())));
        }
        return rows;
    }

    private static List<List<String>> consumers(ChangeLogStats changes) {
        List<List<String>> rows = new ArrayList<>(List.of(List.of("CONSUMER", "BEHIND", "TRIMMING")));
        for (ChangeLogStats.Consumer consumer : changes.consumers()) {
            ConsumerLag lag = consumer.lag();
            rows.add(List.of(
                    consumer.expires() == null ? DeliveryLine.visible(consumer.name()) : "(copy)",
                    lag == null ? "-" : lag.rows() + " rows, " + TimeText.of(lag.age()),
                    consumer.holds() ? "waits" : "does not"));
        }
        return rows;
    }

    /** A value of the key {@code runtime}; every key always there, but those of the tables where they are not. */
    static void json(RuntimeLook look, StringBuilder json) {
        json.append("{\"queuePercent\":").append((int) Math.ceil(look.queueUsage() * 100));
        json.append(",\"pools\":[");
        String separator = "";
        for (Pool pool : look.pools()) {
            json.append(separator).append("{\"application\":");
            JsonReport.appendString(json, pool.application());
            json.append(",\"sessions\":").append(pool.sessions());
            json.append(",\"active\":").append(pool.active());
            json.append(",\"idleInTransaction\":").append(pool.open());
            json.append(",\"longestMillis\":").append(pool.longest().toMillis()).append('}');
            separator = ",";
        }
        json.append(']');
        Tables tables = look.runtime();
        if (tables != null) {
            json(tables, json);
        }
        json.append('}');
    }

    private static void json(Tables tables, StringBuilder json) {
        json.append(",\"nodes\":[");
        String separator = "";
        for (NodeInfo node : tables.nodes()) {
            json.append(separator).append("{\"node\":");
            JsonReport.appendString(json, node.nodeId());
            json.append(",\"status\":\"").append(node.status().name().toLowerCase(Locale.ROOT));
            json.append("\",\"silentMillis\":")
                    .append(node.silence().toMillis())
                    .append('}');
            separator = ",";
        }
        json.append("],\"leaders\":[");
        separator = "";
        for (LeaderStatus leader : tables.leaders()) {
            json.append(separator).append("{\"role\":");
            JsonReport.appendString(json, leader.role());
            json.append(",\"state\":\"").append(leader.state().name().toLowerCase(Locale.ROOT));
            json.append("\",\"node\":");
            JsonReport.appendString(json, leader.nodeId());
            json.append(",\"term\":").append(leader.token().term()).append('}');
            separator = ",";
        }
        json.append("],\"consumers\":[");
        separator = "";
        for (ChangeLogStats.Consumer consumer : tables.changes().consumers()) {
            ConsumerLag lag = consumer.lag();
            json.append(separator).append("{\"name\":");
            JsonReport.appendString(json, consumer.name());
            json.append(",\"rows\":").append(lag == null ? "null" : lag.rows());
            json.append(",\"ageMillis\":")
                    .append(lag == null ? "null" : lag.age().toMillis());
            json.append(",\"holds\":").append(consumer.holds()).append('}');
            separator = ",";
        }
        json.append("],\"changeLog\":{\"tracked\":").append(tables.tracked());
        json.append(",\"rows\":").append(tables.changes().rows());
        json.append(",\"oldestMillis\":").append(tables.changes().oldest().toMillis());
        json.append(",\"trims\":").append(tables.changes().trims()).append('}');
    }
}
