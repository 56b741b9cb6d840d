package io.forgeloom.bench.report;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** One figure of a suite: a line of JSON in the files, a cell of a table, a bar. {@code bound} is NaN if there is none. */
public record Figure(
        String suite,
        String row,
        String peer,
        Role role,
        Spread spread,
        String unit,
        Better better,
        double bound,
        String command) {

    static final String OWN = "forgeloom";

    double value() {
        return spread.value();
    }

    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("suite", suite);
        map.put("row", row);
        map.put("peer", peer);
        map.put("role", role.name());
        map.put("value", rounded(spread.value()));
        map.put("low", rounded(spread.low()));
        map.put("high", rounded(spread.high()));
        map.put("unit", unit);
        map.put("better", better.name());
        if (!Double.isNaN(bound)) {
            map.put("bound", bound);
        }
        map.put("command", command);
        return map;
    }

    static Figure of(Map<?, ?> map) {
        return new Figure(
                text(map, "suite"),
                text(map, "row"),
                text(map, "peer"),
                Role.valueOf(text(map, "role")),
                new Spread(number(map, "value"), number(map, "low"), number(map, "high")),
                text(map, "unit"),
                Better.valueOf(text(map, "better")),
                map.containsKey("bound") ? number(map, "bound") : Double.NaN,
                text(map, "command"));
    }

    /** To five digits: more would say nothing, and change in every run. */
    private static double rounded(double value) {
        return value == 0 ? 0 : Double.parseDouble(String.format(Locale.ROOT, "%.4e", value));
    }

    static String text(Map<?, ?> map, String key) {
        if (map.get(key) instanceof String text) {
            return text;
        }
        throw new IllegalArgumentException(map + " has no text " + key);
    }

    static double number(Map<?, ?> map, String key) {
        if (map.get(key) instanceof Number number) {
            return number.doubleValue();
        }
        throw new IllegalArgumentException(map + " has no number " + key);
    }
}
