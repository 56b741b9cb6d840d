package io.forgeloom.testing.chaos;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What came of a run, for people and as JSON. Immutable, safe for use by many threads. */
final class Report {

    private static final int MOST_VIOLATIONS = 20;
    private static final int WIDTH = 80;

    private final ChaosOptions options;
    private final History history;
    private final List<Violation> violations;
    private final Path folder;
    private final Map<Kind, Integer> faults = new EnumMap<>(Kind.class);
    private final Map<String, Long> figures = new java.util.LinkedHashMap<>();

    Report(ChaosOptions options, Plan plan, History history, List<Violation> violations, Path folder) {
        this.options = options;
        this.history = history;
        this.violations = violations;
        this.folder = folder;
        for (Plan.Step step : plan.steps()) {
            step.faults().forEach(fault -> faults.merge(fault.kind(), 1, Integer::sum));
        }
        figures();
    }

    private void figures() {
        Map<String, Long> events =
                history.lines().stream().collect(Collectors.groupingBy(Line::event, Collectors.counting()));
        figures.put("transactions confirmed", fate("committed"));
        figures.put("transactions refused or undone", fate("no"));
        figures.put("transactions of unknown outcome", fate("unknown"));
        figures.put("of these settled later", events.getOrDefault("settled", 0L));
        figures.put("connections looked at", events.getOrDefault("look", 0L));
        figures.put("connections refused", events.getOrDefault("refused", 0L));
        figures.put("reads", events.getOrDefault("read", 0L));
        figures.put("reads that failed", events.getOrDefault("unread", 0L));
        figures.put("notifications delivered", events.getOrDefault("got", 0L) + events.getOrDefault("soon", 0L));
        figures.put("gaps signalled", events.getOrDefault("gap", 0L));
        figures.put(
                "notifications told as missed",
                history.lines("lagged").mapToLong(line -> line.number("missed")).sum());
        figures.put(
                "takeovers",
                history.lines("reign")
                        .map(line -> line.get("role") + line.get("token"))
                        .distinct()
                        .count());
        figures.put("writes of leaders", (long) history.state().leaderWrites.size());
        figures.put(
                "writes of earlier leaders refused",
                history.lines("fenced")
                        .filter(line -> line.get("fate").equals("refused"))
                        .count());
        figures.put("rows consumed", (long) history.state().effects.size());
        figures.put("resyncs", events.getOrDefault("resync", 0L));
        figures.put("processes started", events.getOrDefault("start", 0L));
        long firstUses = history.lines("pinned").filter(Footprint::isFirstUse).count();
        figures.put("pinned for over 20 ms", events.getOrDefault("pinned", 0L) - firstUses);
        figures.put("pinned by the first use of a class", firstUses);
    }

    private long fate(String fate) {
        return history.lines("tx").filter(line -> line.get("fate").equals(fate)).count();
    }

    boolean passed() {
        return violations.isEmpty();
    }

    private int faultCount() {
        return faults.values().stream().mapToInt(Integer::intValue).sum();
    }

    void print(PrintStream out) {
        out.println();
        faults.forEach((kind, count) -> row(out, "fault " + name(kind), count));
        figures.forEach((name, count) -> row(out, name, count));
        footprint(out);
        byChecker().forEach((checker, count) -> row(out, "violations found by " + checker, count));
        for (Violation violation : violations.subList(0, Math.min(MOST_VIOLATIONS, violations.size()))) {
            out.println();
            out.println(violation.checker() + ": " + violation.what());
            violation.lines().forEach(line -> out.println("    " + line));
        }
        if (!passed()) {
            out.println();
            out.println("The histories are in " + folder);
        }
        out.println();
    }

    private Map<String, Long> byChecker() {
        return new TreeMap<>(
                violations.stream().collect(Collectors.groupingBy(Violation::checker, Collectors.counting())));
    }

    private void footprint(PrintStream out) {
        history.lines("footprint")
                .filter(line -> line.get("when").equals("end"))
                .forEach(end -> history.lines("footprint")
                        .filter(line ->
                                line.get("when").equals("start") && line.node().equals(end.node()))
                        .forEach(start -> out.printf(
                                Locale.ROOT,
                                "  %-10s heap %d -> %d KiB, sessions %s -> %s, threads %d -> %d%n",
                                end.node(),
                                start.number("heap") >> 10,
                                end.number("heap") >> 10,
                                start.get("sessions"),
                                end.get("sessions"),
                                threads(start),
                                threads(end))));
    }

    private static int threads(Line line) {
        int ours = 0;
        for (String pair : line.get("threads").split(",")) {
            ours += pair.isEmpty() ? 0 : Integer.parseInt(pair.substring(pair.lastIndexOf(':') + 1));
        }
        return ours + (int) line.number("platform");
    }

    private static void row(PrintStream out, String name, long count) {
        out.printf(Locale.ROOT, "  %-50s %,12d%n", name, count);
    }

    private static String name(Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The last line. */
    String verdict() {
        String verdict = String.format(
                Locale.ROOT,
                "chaos: %s %s, seed %d, %d faults, %d violations",
                passed() ? "PASS" : "FAIL",
                options.lengthText(),
                options.seed(),
                faultCount(),
                violations.size());
        return verdict.substring(0, Math.min(WIDTH, verdict.length()));
    }

    String json() {
        StringBuilder json = new StringBuilder();
        json.append("{\"verdict\":\"").append(passed() ? "PASS" : "FAIL").append('"');
        json.append(",\"minutes\":").append(options.length().toMillis() / 60_000.0);
        json.append(",\"seed\":").append(options.seed());
        json.append(",\"faults\":{");
        json.append(faults.entrySet().stream()
                .map(entry -> quoted(name(entry.getKey())) + ":" + entry.getValue())
                .collect(Collectors.joining(",")));
        json.append("},\"figures\":{");
        json.append(figures.entrySet().stream()
                .map(entry -> quoted(entry.getKey()) + ":" + entry.getValue())
                .collect(Collectors.joining(",")));
        json.append("},\"checkers\":{");
        json.append(byChecker().entrySet().stream()
                .map(entry -> quoted(entry.getKey()) + ":" + entry.getValue())
                .collect(Collectors.joining(",")));
        json.append("},\"violations\":[");
        json.append(violations.stream()
                .limit(MOST_VIOLATIONS)
                .map(one -> "{\"checker\":" + quoted(one.checker()) + ",\"what\":" + quoted(one.what()) + ",\"lines\":["
                        + one.lines().stream()
                                .map(line -> quoted(line.toString()))
                                .collect(Collectors.joining(","))
                        + "]}")
                .collect(Collectors.joining(",")));
        json.append("],\"violationCount\":").append(violations.size());
        if (!passed()) {
            json.append(",\"histories\":").append(quoted(folder.toString()));
        }
        return json.append('}').toString();
    }

    /** Where there is nothing to judge. */
    static String broken(String what) {
        return "{\"verdict\":\"FAIL\",\"broken\":" + quoted(what) + "}";
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
