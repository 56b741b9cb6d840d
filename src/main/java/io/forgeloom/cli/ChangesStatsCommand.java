package io.forgeloom.cli;

import io.forgeloom.changelog.ChangeLogStats;
import io.forgeloom.changelog.ConsumerLag;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.changelog.TrackedTable;
import java.io.PrintWriter;
import java.time.Instant;
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

/** {@code forge changes stats}: how the log is. Changes nothing. */
@Command(
        name = "stats",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Shows what the change log holds, and who reads it.",
        description = "%nAsks once, and changes nothing. Rows are counted by their numbers, so there may be fewer:"
                + " those that were rolled back count, too.%n",
        footerHeading = "%nColumns:%n",
        footer = {
            "  SLOT      a partition of the log; trimming empties one at a time",
            "  CONSUMER  by name; (copy) is someone who copies a table and will follow it",
            "  BEHIND    rows it has not committed yet, at most, and the age of the first",
            "  TRIMMING  waits: its unseen rows stay, and the log grows; does not: they go,",
            "            and it is told to start anew",
            "",
            "Exit code: 0 shown; 1 the server cannot be asked; 2 the command line or a URL",
            "cannot be used, or forge_change_log is not there.",
            "",
            "JSON: {\"ok\":true,\"tables\":[{\"table\":...,\"mode\":...,\"changedColumns\":...}],",
            "\"rows\":...,\"minSeq\":...,\"maxSeq\":...,\"oldestMillis\":...,\"trims\":...,",
            "\"slots\":[{\"slot\":...,\"rows\":...,\"bytes\":...}],\"consumers\":[{\"name\":...,",
            "\"behindRows\":...,\"behindMillis\":...,\"holds\":...,\"committedAt\":...,",
            "\"expiresAt\":...}],\"sleepersUntil\":...}; null where there is none."
        })
final class ChangesStatsCommand implements Callable<Integer> {

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Mixin
    private final SchemaOption schema = new SchemaOption();

    @Option(names = "--json", description = "Prints one JSON object instead of tables.")
    private boolean json;

    @Mixin
    private final CommonOptions common = new CommonOptions();

    ChangesStatsCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    private record Found(List<TrackedTable> tables, ChangeLogStats stats) {}

    @Override
    public Integer call() {
        Found found = OpenLog.call(
                call.config(surroundings, "forge changes").build(),
                schema.identifier(),
                open -> new Found(open.log().tracked(), open.log().stats()));
        if (json) {
            common.out().println(json(found));
        } else {
            print(found, common.out());
        }
        return CommandLine.ExitCode.OK;
    }

    private static void print(Found found, PrintWriter out) {
        ChangeLogStats stats = found.stats;
        out.println(
                stats.rows() == 0
                        ? "the log is empty"
                        : stats.rows() + " rows at most, numbers " + stats.minSeq() + " to " + stats.maxSeq()
                                + ", the oldest " + TimeText.of(stats.oldest()) + " old");
        out.println("slots emptied: " + stats.trims() + "; writers wake a sleeping reader: "
                + (stats.sleepersUntil() == null ? "no" : "yes"));
        List<List<String>> tables = new ArrayList<>(List.of(List.of("TABLE", "MODE", "CHANGED COLUMNS")));
        for (TrackedTable table : found.tables) {
            tables.add(List.of(DeliveryLine.visible(table.table()), mode(table), recordsColumns(table) ? "yes" : "no"));
        }
        section(tables, "no table is tracked; forge changes track TABLE does that", out);
        List<List<String>> slots = new ArrayList<>(List.of(List.of("SLOT", "ROWS", "BYTES")));
        for (ChangeLogStats.Slot slot : stats.slots()) {
            if (slot.rows() > 0) {
                slots.add(List.of(
                        Integer.toString(slot.number()), Long.toString(slot.rows()), Long.toString(slot.bytes())));
            }
        }
        section(slots, "all slots are empty", out);
        List<List<String>> consumers = new ArrayList<>(List.of(List.of("CONSUMER", "BEHIND", "TRIMMING", "COMMITTED")));
        for (ChangeLogStats.Consumer consumer : stats.consumers()) {
            ConsumerLag lag = consumer.lag();
            consumers.add(List.of(
                    consumer.expires() == null ? DeliveryLine.visible(consumer.name()) : "(copy)",
                    lag == null ? "" : lag.rows() + " rows, " + TimeText.of(lag.age()),
                    consumer.holds() ? "waits" : "does not",
                    consumer.committed().truncatedTo(ChronoUnit.MILLIS).toString()));
        }
        section(consumers, "no consumers", out);
    }

    private static void section(List<List<String>> rows, String none, PrintWriter out) {
        out.println();
        if (rows.size() == 1) {
            out.println(none);
        } else {
            TextTable.print(rows, out);
        }
    }

    private static String mode(TrackedTable table) {
        return table.options().mode().name().toLowerCase(Locale.ROOT);
    }

    /** A statement has none, whatever the option. */
    private static boolean recordsColumns(TrackedTable table) {
        return table.options().changedColumns() && table.options().mode() == TrackOptions.Mode.ROW;
    }

    private static String json(Found found) {
        ChangeLogStats stats = found.stats;
        StringBuilder json = new StringBuilder("{\"ok\":true,\"tables\":[");
        String separator = "";
        for (TrackedTable table : found.tables) {
            json.append(separator).append("{\"table\":");
            JsonReport.appendString(json, table.table());
            json.append(",\"mode\":\"").append(mode(table)).append("\",\"changedColumns\":");
            json.append(recordsColumns(table)).append('}');
            separator = ",";
        }
        boolean empty = stats.rows() == 0;
        json.append("],\"rows\":").append(stats.rows());
        json.append(",\"minSeq\":").append(empty ? "null" : stats.minSeq());
        json.append(",\"maxSeq\":").append(empty ? "null" : stats.maxSeq());
        json.append(",\"oldestMillis\":").append(empty ? "null" : stats.oldest().toMillis());
        json.append(",\"trims\":").append(stats.trims()).append(",\"slots\":[");
        separator = "";
        for (ChangeLogStats.Slot slot : stats.slots()) {
            json.append(separator).append("{\"slot\":").append(slot.number());
            json.append(",\"rows\":").append(slot.rows());
            json.append(",\"bytes\":").append(slot.bytes()).append('}');
            separator = ",";
        }
        json.append("],\"consumers\":[");
        separator = "";
        for (ChangeLogStats.Consumer consumer : stats.consumers()) {
            json.append(separator);
            append(json, consumer);
            separator = ",";
        }
        json.append("],\"sleepersUntil\":");
        append(json, stats.sleepersUntil());
        return json.append('}').toString();
    }

    private static void append(StringBuilder json, ChangeLogStats.Consumer consumer) {
        ConsumerLag lag = consumer.lag();
        json.append("{\"name\":");
        JsonReport.appendString(json, consumer.name());
        json.append(",\"behindRows\":").append(lag == null ? "null" : lag.rows());
        json.append(",\"behindMillis\":")
                .append(lag == null ? "null" : lag.age().toMillis());
        json.append(",\"holds\":").append(consumer.holds()).append(",\"committedAt\":");
        append(json, consumer.committed());
        json.append(",\"expiresAt\":");
        append(json, consumer.expires());
        json.append('}');
    }

    private static void append(StringBuilder json, @Nullable Instant time) {
        JsonReport.appendString(json, time == null ? null : time.toString());
    }
}
