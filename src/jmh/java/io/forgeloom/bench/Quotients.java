package io.forgeloom.bench;

import io.forgeloom.bench.report.Spread;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;

/** Quotients of neighbours in time, which share the machine's mood; their median, and how far it is to be trusted. Confined to one thread. */
final class Quotients {

    private static final int SAMPLES = 2_000;

    private final List<Double> all = new ArrayList<>();

    void add(double quotient) {
        all.add(quotient);
    }

    /** The median, and between what 95 of 100 medians of samples drawn anew lie. */
    Spread spread() {
        List<Double> medians = medians();
        return new Spread(median(all), medians.get(SAMPLES / 40), medians.get(SAMPLES * 39 / 40));
    }

    /** Of samples drawn anew, in order. */
    private List<Double> medians() {
        List<Double> medians = new ArrayList<>();
        for (int i = 0; i < SAMPLES; i++) {
            List<Double> sample = new ArrayList<>(all.size());
            for (int j = 0; j < all.size(); j++) {
                sample.add(all.get(ThreadLocalRandom.current().nextInt(all.size())));
            }
            medians.add(median(sample));
        }
        Collections.sort(medians);
        return medians;
    }

    /** The median, and between what two thirds of all medians of samples drawn anew lie, and 95 of 100. */
    @Override
    public String toString() {
        List<Double> medians = medians();
        return String.format(
                Locale.ROOT,
                "%.3f (two thirds %.3f..%.3f, 95 %% %.3f..%.3f), %d pairs",
                median(all),
                medians.get(SAMPLES / 6),
                medians.get(SAMPLES * 5 / 6),
                medians.get(SAMPLES / 40),
                medians.get(SAMPLES * 39 / 40),
                all.size());
    }

    static double median(List<Double> values) {
        List<Double> sorted = new ArrayList<>(values);
        Collections.sort(sorted);
        return sorted.get(sorted.size() / 2);
    }
}
