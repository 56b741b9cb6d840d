package io.forgeloom.bench.report;

import java.util.List;

/** A figure and between what it is to be believed; what the two ends are, the suite says. */
public record Spread(double value, double low, double high) {

    /** Of a single measurement. */
    public static Spread exactly(double value) {
        return new Spread(value, value, value);
    }

    /** The median, the least and the most. */
    public static Spread of(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return new Spread(sorted.get(sorted.size() / 2), sorted.getFirst(), sorted.getLast());
    }

    /** The median, and between what half of all lie. */
    public static Spread quartiles(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return new Spread(
                sorted.get(sorted.size() / 2), sorted.get(sorted.size() / 4), sorted.get(sorted.size() * 3 / 4));
    }

    public Spread times(double factor) {
        return new Spread(value * factor, low * factor, high * factor);
    }

    boolean overlaps(Spread other) {
        return low <= other.high && other.low <= high;
    }
}
