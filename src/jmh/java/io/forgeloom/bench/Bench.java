package io.forgeloom.bench;

import io.forgeloom.bench.report.BenchReport;
import io.forgeloom.migrate.MigrationsHarness;
import java.util.Arrays;

/** What {@code ./forge bench} starts: a harness by its name, the report by its options, and JMH with whatever else there is. */
public final class Bench {

    private Bench() {}

    public static void main(String[] args) throws Exception {
        if (args.length == 0 || BenchReport.knows(args[0])) {
            BenchReport.main(args);
            return;
        }
        String[] rest = Arrays.copyOfRange(args, 1, args.length);
        switch (args[0]) {
            case "fairness" -> FairnessHarness.main(rest);
            case "paired" -> PairedHarness.main(rest);
            case "notify" -> NotifyLatencyBenchmark.main(rest);
            case "notify-writers" -> NotifyWritersBenchmark.main(rest);
            case "leader" -> LeaderHarness.main(rest);
            case "changes" -> ChangeLogHarness.main(rest);
            case "migrations" -> MigrationsHarness.main(rest);
            default -> org.openjdk.jmh.Main.main(args);
        }
    }
}
