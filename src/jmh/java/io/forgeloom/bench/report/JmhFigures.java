package io.forgeloom.bench.report;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What JMH leaves with {@code -rf json}, as figures. Whose one is says the parameter {@code pool} or {@code bus}, or the method {@code
 * floor}; the method and all other parameters make the row. A floor that knows fewer parameters stands in each row that it fits.
 */
final class JmhFigures {

    /** Who is compared. */
    private static final Set<String> PEERS = Set.of("pool", "bus");

    /** Where the server is says nothing about the figure. */
    private static final Set<String> IGNORED = Set.of("url", "size");

    private static final String ALLOCATED = "gc.alloc.rate.norm";

    private final String suite;
    private final String command;
    private final List<Figure> figures = new ArrayList<>();

    private JmhFigures(String suite, String command) {
        this.suite = suite;
        this.command = command;
    }

    private record Entry(
            String method,
            String peer,
            Map<String, String> parameters,
            boolean throughput,
            Spread spread,
            String unit) {

        boolean floorMethod() {
            return method.equals("floor");
        }

        String row() {
            String named = parameters.entrySet().stream()
                    .map(parameter -> ", " + parameter.getKey() + " " + parameter.getValue())
                    .collect(Collectors.joining());
            return words(method) + (unit.equals("bytes") ? ", allocated" : "") + named;
        }
    }

    static List<Figure> read(Path json, String suite, String command) throws IOException {
        JmhFigures reader = new JmhFigures(suite, command);
        List<Entry> entries = new ArrayList<>();
        for (Object result : JSON.std.listFrom(Files.readString(json))) {
            reader.entries((Map<?, ?>) result, entries);
        }
        for (Entry entry : entries) {
            if (!entry.floorMethod()) {
                reader.add(entry, entry.row());
                continue;
            }
            Set<String> rows = new LinkedHashSet<>();
            for (Entry other : entries) {
                if (!other.floorMethod()
                        && other.unit.equals(entry.unit)
                        && other.parameters.entrySet().containsAll(entry.parameters.entrySet())) {
                    rows.add(other.row());
                }
            }
            rows.forEach(row -> reader.add(entry, row));
        }
        return List.copyOf(reader.figures);
    }

    private void add(Entry entry, String row) {
        Role role = PeerName.role(entry.peer);
        Better better = entry.throughput ? Better.MORE : Better.LESS;
        figures.add(new Figure(suite, row, entry.peer, role, entry.spread, entry.unit, better, Double.NaN, command));
    }

    private void entries(Map<?, ?> result, List<Entry> entries) {
        String benchmark = Figure.text(result, "benchmark");
        String method = benchmark.substring(benchmark.lastIndexOf('.') + 1);
        String peer = method.equals("floor") ? "floor" : Figure.OWN;
        Map<String, String> parameters = new TreeMap<>();
        if (result.get("params") instanceof Map<?, ?> given) {
            for (Map.Entry<?, ?> parameter : given.entrySet()) {
                String key = String.valueOf(parameter.getKey());
                String value = String.valueOf(parameter.getValue());
                if (PEERS.contains(key)) {
                    peer = PeerName.of(value);
                } else if (!IGNORED.contains(key)) {
                    parameters.put(key, value);
                }
            }
        }
        Map<?, ?> primary = (Map<?, ?>) result.get("primaryMetric");
        boolean throughput = Figure.text(result, "mode").equals("thrpt");
        entries.add(new Entry(
                method, peer, parameters, throughput, spread(primary), unit(Figure.text(primary, "scoreUnit"))));
        if (result.get("secondaryMetrics") instanceof Map<?, ?> secondary
                && secondary.get(ALLOCATED) instanceof Map<?, ?> allocated) {
            // What a profiler rounds up to, where nothing is allocated, is nothing.
            Spread bytes = spread(allocated);
            entries.add(new Entry(
                    method, peer, parameters, false, bytes.value() < 0.01 ? Spread.exactly(0) : bytes, "bytes"));
        }
    }

    /** JMH writes "NaN", a text, where there are too few iterations for an error. */
    private static Spread spread(Map<?, ?> metric) {
        double score = Figure.number(metric, "score");
        return metric.get("scoreError") instanceof Number error
                ? new Spread(score, Math.max(0, score - error.doubleValue()), score + error.doubleValue())
                : Spread.exactly(score);
    }

    private static String unit(String unit) {
        return unit.equals("B/op") ? "bytes" : unit.replace("us", "µs").replace("/op", "");
    }

    /** {@code acquireAndRelease} as "acquire and release". */
    private static String words(String method) {
        return method.replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT);
    }
}
