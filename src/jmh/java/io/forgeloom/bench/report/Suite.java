package io.forgeloom.bench.report;

import java.util.List;

/**
 * A command of the report: its name in {@code --only}, what the reader is told of it, and its arguments in the long and in the
 * short form. {@code carriers} is 0 for as many as there are processors.
 */
record Suite(
        String name, String title, String spread, boolean jmh, int carriers, List<String> full, List<String> quick) {

    static final String JMH_SPREAD = "mean, ± the error of JMH (99.9 %)";
    private static final String ROUNDS = "median of the rounds, the least and the most of them";
    private static final String ONCE = "one measurement each";

    static final List<Suite> ALL = List.of(
            jmh(
                    "alone",
                    "Acquire and release, one thread",
                    "ConnectionPoolBenchmark.acquireAndRelease -f 2 -wi 3 -w 1 -i 5 -r 1 -prof gc",
                    "ConnectionPoolBenchmark.acquireAndRelease -f 1 -wi 1 -w 1 -i 3 -r 1 -prof gc"),
            jmh(
                    "round-trip",
                    "A SELECT 1 and a transaction of three statements, one thread",
                    "ConnectionPoolBenchmark.(selectOne|transactionOfThree) -bm sample -tu us -f 2 -wi 2 -w 1 -i 4 -r 1",
                    "ConnectionPoolBenchmark.(selectOne|transactionOfThree) -p pool=forgeloom,hikari -bm sample -tu us -f 1 -wi 1 -w 1 -i 2 -r 1"),
            jmh(
                    "contended",
                    "Acquire and release by platform threads on two connections, without a hold",
                    "ContendedPool",
                    "ContendedPool.eightThreads -f 1 -wi 1 -w 1 -i 3 -r 1"),
            fairness(
                    "", "A crowd: 2,000 virtual threads on 50 connections, 1 ms hold", 0, "--seconds 6", "--seconds 1"),
            fairness("-carrier", "The same crowd on one carrier", 1, "--seconds 6", "--seconds 1"),
            fairness("-100", "100 virtual threads on 10", 0, "--threads 100 --size 10 --seconds 4", null),
            fairness("-platform", "8 platform threads on 2", 0, "--threads 8 --size 2 --platform --seconds 4", null),
            fairness(
                    "-10000",
                    "10,000 virtual threads on 10",
                    0,
                    "--threads 10000 --size 10 --seconds 60 --rounds 1",
                    null),
            fairness("-no-hold", "2,000 virtual threads on 50, no hold", 0, "--hold-micros 0 --seconds 3", null),
            harness(
                    "paired",
                    "A round trip, in turns in one process",
                    "median of the turns and between what half of them lie; of quotients, between what 95 of 100 medians of"
                            + " samples drawn anew lie",
                    "paired 120 hikari",
                    "paired 2 hikari"),
            jmh(
                    "read-your-writes",
                    "A read after a commit, on a replica",
                    "ReadYourWrites -f 1 -wi 2 -w 1 -i 5 -r 1",
                    "ReadYourWrites -f 1 -wi 1 -w 1 -i 3 -r 1"),
            jmh(
                    "routing",
                    "Choosing a replica, one thread",
                    "ReplicaRoutingBenchmark.(choose|floor) -f 1 -wi 1 -w 1 -i 3 -r 1 -t 1 -prof gc",
                    "ReplicaRoutingBenchmark.(choose|floor) -p replicas=3 -f 1 -wi 1 -w 1 -i 3 -r 1 -t 1 -prof gc"),
            jmh(
                    "routing-2",
                    "Choosing a replica, two threads",
                    "ReplicaRoutingBenchmark.(choose|floor) -f 1 -wi 1 -w 1 -i 3 -r 1 -t 2",
                    "ReplicaRoutingBenchmark.(choose|floor) -p replicas=3 -f 1 -wi 1 -w 1 -i 3 -r 1 -t 2"),
            harness("migrations", "200 migrations, and a start with nothing to do", ROUNDS, "migrations", "migrations"),
            jmh(
                    "fan-out",
                    "One publisher, many subscribers in the process",
                    "FanOutBenchmark -f 1 -wi 2 -w 1 -i 3 -r 1",
                    "FanOutBenchmark -p subscribers=10,1000 -f 1 -wi 1 -w 1 -i 2 -r 1"),
            harness(
                    "notify",
                    "From pg_notify to take()",
                    "quantiles of all notifications; of quotients, the median of the turns' and between what 95 of 100 medians"
                            + " of samples drawn anew lie",
                    "notify 5",
                    "notify 2"),
            harness(
                    "notify-writers",
                    "16 writers that notify",
                    "medians of the rounds, the least and the most of them; of quotients, between what 95 of 100 medians of"
                            + " samples drawn anew lie",
                    "notify-writers 40",
                    "notify-writers 4"),
            harness(
                    "leader",
                    "A role without a leader: three processes, lease 3 s",
                    ONCE,
                    "leader 200",
                    "leader 4 kill inside pause blackhole resign"),
            jmh("is-leader", "Asking isLeader", "IsLeader", "IsLeader -f 1 -wi 1 -w 1 -i 3 -r 1"),
            harness(
                    "changes",
                    "The change log",
                    "medians of the rounds, the least and the most of them; of quotients, between what 95 of 100 medians of"
                            + " samples drawn anew lie",
                    "changes 20",
                    "changes 1 update single writers idle delivery"));

    private static Suite jmh(String name, String title, String full, String quick) {
        return new Suite(name, title, JMH_SPREAD, true, 0, words(full), words(quick));
    }

    private static Suite harness(String name, String title, String spread, String full, String quick) {
        return new Suite(name, title, spread, false, 0, words(full), words(quick));
    }

    private static Suite fairness(String suffix, String title, int carriers, String full, String quick) {
        String brief = quick == null ? full.replaceFirst("--seconds \\d+", "--seconds 1") : quick;
        return new Suite(
                "fairness" + suffix,
                title,
                ROUNDS,
                false,
                carriers,
                words("fairness " + full),
                words("fairness " + brief.replace(" --rounds 1", "") + " --rounds 1"));
    }

    private static List<String> words(String text) {
        return List.of(text.split(" "));
    }

    List<String> arguments(boolean brief) {
        return brief ? quick : full;
    }

    /** For {@code JDK_JAVA_OPTIONS}; empty for none. */
    String javaOptions() {
        return carriers == 0
                ? ""
                : "-Djdk.virtualThreadScheduler.parallelism=" + carriers + " -Djdk.virtualThreadScheduler.maxPoolSize="
                        + carriers;
    }

    /** What a shell takes. */
    String command(boolean brief) {
        StringBuilder command = new StringBuilder();
        if (carriers > 0) {
            command.append("JDK_JAVA_OPTIONS='").append(javaOptions()).append("' ");
        }
        command.append("./forge bench");
        for (String word : arguments(brief)) {
            command.append(' ').append(word.contains("(") ? "'" + word + "'" : word);
        }
        return command.toString();
    }
}
