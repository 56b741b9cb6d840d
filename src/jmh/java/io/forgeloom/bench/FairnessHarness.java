package io.forgeloom.bench;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * A crowd on a small pool, in a closed loop: each thread acquires, holds without I/O, releases, and acquires again. What
 * counts is how the waiting is shared out: the longest wait against the ideal (threads ÷ connections × hold, with the hold
 * as it was measured), and the operations of the thread that got the most and the least.
 *
 * <p>The sessions are real, on a real server, and idle: the hold is a {@link Thread#sleep}. The pools take turns, each
 * round in another order, in one JVM. A longest wait includes the one in which the end of the run finds a thread.
 *
 * <pre>{@code
 * ./forge bench fairness                                                  # 2,000 virtual threads on 50
 * ./forge bench fairness --threads 10000 --size 10 --seconds 60
 * ./forge bench fairness --threads 8 --size 2 --platform
 * JDK_JAVA_OPTIONS='-Djdk.virtualThreadScheduler.parallelism=1 -Djdk.virtualThreadScheduler.maxPoolSize=1' \
 *     ./forge bench fairness                                              # one carrier
 * }</pre>
 */
public final class FairnessHarness {

    private final FairnessOptions options;
    private final Map<String, List<FairnessRun.Figures>> figures = new LinkedHashMap<>();

    private FairnessHarness(FairnessOptions options) {
        this.options = options;
    }

    public static void main(String[] args) throws Exception {
        FairnessOptions options = FairnessOptions.parse(args);
        new FairnessHarness(options).run();
    }

    private void run() throws Exception {
        System.out.printf(
                Locale.ROOT,
                "%d %s threads, %d connections, %d µs hold, %d s a run, %d rounds; Java %s, %d processors, parallelism %s%n%n",
                options.threads(),
                options.platform() ? "platform" : "virtual",
                options.size(),
                options.hold().toNanos() / 1_000,
                options.duration().toSeconds(),
                options.rounds(),
                Runtime.version(),
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("jdk.virtualThreadScheduler.parallelism", "default"));
        List<String> order = new ArrayList<>(options.pools());
        order.forEach(pool -> figures.put(pool, new ArrayList<>()));
        try (BenchServer server = BenchServer.open(options.url())) {
            for (int round = 1; round <= options.rounds(); round++) {
                for (String pool : order) {
                    FairnessRun.Figures result = FairnessRun.measure(pool, server.url(), options);
                    figures.get(pool).add(result);
                    System.out.printf(Locale.ROOT, "round %d  %-9s  %s%n", round, pool, result);
                }
                Collections.rotate(order, 1);
            }
        }
        printTable();
        for (Column column : Column.values()) {
            Figures.Row row = Figures.row(column.row, column.unit, column.better);
            figures.forEach((pool, rounds) ->
                    row.named(pool, Spread.of(rounds.stream().map(column.value).toList())));
        }
    }

    /** The columns of the table. */
    private enum Column {
        THROUGHPUT("ops/s", "%.0f", FairnessRun.Figures::opsPerSecond, "throughput", "operations/s", Better.MORE),
        CPU("CPU µs/op", "%.1f", FairnessRun.Figures::cpuMicrosPerOp, "CPU of an operation", "µs", Better.LESS),
        LEAST(
                "ops of the least",
                "%.0f",
                f -> (double) f.leastOps(),
                "operations of one thread, least",
                "operations",
                Better.MORE),
        MOST(
                "of the most",
                "%.0f",
                f -> (double) f.mostOps(),
                "operations of one thread, most",
                "operations",
                Better.NEITHER),
        P50("wait p50 ms", "%.3f", FairnessRun.Figures::p50Millis, "wait, p50", "ms", Better.LESS),
        P99("p99 ms", "%.1f", FairnessRun.Figures::p99Millis, "wait, p99", "ms", Better.LESS),
        LONGEST("longest ms", "%.1f", FairnessRun.Figures::longestMillis, "longest wait", "ms", Better.LESS),
        IDEAL("ideal ms", "%.1f", FairnessRun.Figures::idealMillis, "ideal wait", "ms", Better.NEITHER),
        OF_IDEAL("÷ ideal", "%.2f", FairnessRun.Figures::longestOfIdeal, "longest wait ÷ ideal", "×", Better.LESS),
        REFUSED("refused", "%.0f", f -> (double) f.refused(), "refused", "callers", Better.LESS);

        private final String title;
        private final String format;
        private final Function<FairnessRun.Figures, Double> value;
        private final String row;
        private final String unit;
        private final Better better;

        /** What is printed, and below it the row of the report. */
        Column(
                String title,
                String format,
                Function<FairnessRun.Figures, Double> value,
                String row,
                String unit,
                Better better) {
            this.title = title;
            this.format = format;
            this.value = value;
            this.row = row;
            this.unit = unit;
            this.better = better;
        }

        private String text(double number) {
            return String.format(Locale.ROOT, format, number);
        }
    }

    /** Median of the rounds, and their least and most in brackets. */
    private void printTable() {
        StringBuilder head = new StringBuilder("| pool |");
        StringBuilder rule = new StringBuilder("|---|");
        for (Column column : Column.values()) {
            head.append(' ').append(column.title).append(" |");
            rule.append("---|");
        }
        System.out.printf("%nMedian of the rounds (least..most of them)%n%n%s%n%s%n", head, rule);
        Map<String, Map<Column, Double>> medians = new LinkedHashMap<>();
        figures.forEach((pool, rounds) -> {
            StringBuilder line = new StringBuilder("| " + pool + " |");
            Map<Column, Double> own = new EnumMap<>(Column.class);
            for (Column column : Column.values()) {
                List<Double> sorted = rounds.stream().map(column.value).sorted().toList();
                double median = sorted.get(sorted.size() / 2);
                own.put(column, median);
                line.append(' ').append(column.text(median));
                if (sorted.size() > 1 && !column.text(sorted.getFirst()).equals(column.text(sorted.getLast()))) {
                    line.append(" (" + column.text(sorted.getFirst()) + ".." + column.text(sorted.getLast()) + ")");
                }
                line.append(" |");
            }
            medians.put(pool, own);
            System.out.println(line);
        });
        printRatios(medians);
    }

    private static void printRatios(Map<String, Map<Column, Double>> medians) {
        Map<Column, Double> own = medians.get("forgeloom");
        if (own == null) {
            return;
        }
        System.out.println();
        medians.forEach((pool, other) -> {
            if (other != own) {
                System.out.printf(
                        Locale.ROOT,
                        "forgeloom ÷ %-7s throughput %.3f   CPU/op %.2f   longest wait %.3f%n",
                        pool,
                        own.get(Column.THROUGHPUT) / other.get(Column.THROUGHPUT),
                        own.get(Column.CPU) / other.get(Column.CPU),
                        own.get(Column.LONGEST) / other.get(Column.LONGEST));
            }
        });
    }
}
