package io.forgeloom.bench;

import java.time.Duration;
import java.util.List;

/** What {@link FairnessHarness} was asked for. */
record FairnessOptions(
        int threads,
        int size,
        Duration hold,
        Duration duration,
        int rounds,
        boolean platform,
        List<String> pools,
        String url) {

    private static final String USAGE = """
            fairness [--threads 2000] [--size 50] [--hold-micros 1000] [--seconds 10] [--rounds 3]
                     [--platform] [--pools forgeloom,hikari,agroal,floor] [--url jdbc:postgresql://…]""";

    static FairnessOptions parse(String[] args) {
        int threads = 2_000;
        int size = 50;
        int holdMicros = 1_000;
        int seconds = 10;
        int rounds = 3;
        boolean platform = false;
        List<String> pools = BenchPool.NAMES;
        String url = "";
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals("--platform")) {
                platform = true;
                continue;
            }
            if (i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + " is unknown or lacks its value; " + USAGE);
            }
            String value = args[++i];
            switch (args[i - 1]) {
                case "--threads" -> threads = Integer.parseInt(value);
                case "--size" -> size = Integer.parseInt(value);
                case "--hold-micros" -> holdMicros = Integer.parseInt(value);
                case "--seconds" -> seconds = Integer.parseInt(value);
                case "--rounds" -> rounds = Integer.parseInt(value);
                case "--pools" -> pools = List.of(value.split(","));
                case "--url" -> url = value;
                default -> throw new IllegalArgumentException(args[i - 1] + " is unknown; " + USAGE);
            }
        }
        return new FairnessOptions(
                threads,
                size,
                Duration.ofNanos(holdMicros * 1_000L),
                Duration.ofSeconds(seconds),
                rounds,
                platform,
                pools,
                url);
    }

    /** Long enough that nobody is refused for waiting: the wait itself is what is measured. */
    Duration acquireTimeout() {
        return duration.multipliedBy(2).plusSeconds(30);
    }
}
