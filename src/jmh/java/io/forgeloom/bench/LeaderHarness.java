package io.forgeloom.bench;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.NodeLog.Cell;
import io.forgeloom.leader.NodeLog.Reign;
import io.forgeloom.leader.NodeProcess;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.testing.FaultyLink;
import io.forgeloom.testing.PostgresCluster;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * How long a role is without a leader, with three processes on every default, on an embedded server with {@code fsync=on} and
 * as a role without rights: from the fault to the first time that another process says that it leads, by the one monotonic
 * clock of the machine. Then what the election costs while nothing happens. Ends with exit code 1 if a bound was missed.
 *
 * <pre>{@code
 * ./forge bench leader                 # 200 runs, 20 of those that take seconds
 * ./forge bench leader 50 kill resign  # of kill, inside, pause, blackhole, resign, rest
 * }</pre>
 */
public final class LeaderHarness {

    private static final int PROCESSES = 3;
    private static final Duration LEASE = Duration.ofSeconds(3);
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration AT_REST = Duration.ofSeconds(20);

    private enum Row {
        KILL("kill -9", 1, 150, 400),
        INSIDE("kill -9 inside a fenced statement", 4, 0, 600),
        PAUSE("SIGSTOP", 10, 0, LEASE.toMillis() + 500),
        BLACKHOLE("blackhole", 10, 0, LEASE.toMillis() + 500),
        RESIGN("resign", 1, 0, 0);

        private final String title;
        private final int share;
        private final long median;
        private final long longest;

        /** With bounds in milliseconds; 0 for none. */
        Row(String title, int share, long median, long longest) {
            this.title = title;
            this.share = share;
            this.median = median;
            this.longest = longest;
        }
    }

    private static final long RESIGN_P99 = 50;
    private static final double STATEMENTS = 12;

    private final PostgresCluster cluster;
    private final String url;
    private final List<String> table = new ArrayList<>();
    private boolean missed;

    private LeaderHarness(PostgresCluster cluster) {
        this.cluster = cluster;
        this.url = cluster.primary().url().replace("user=" + cluster.primary().user(), "user=app");
    }

    public static void main(String[] args) throws Exception {
        int runs = args.length == 0 ? 200 : Integer.parseInt(args[0]);
        List<String> rows = args.length < 2 ? List.of() : List.of(args).subList(1, args.length);
        try (PostgresCluster cluster = PostgresCluster.builder()
                .durable(true)
                .setting("shared_preload_libraries", "pg_stat_statements")
                .start()) {
            LeaderHarness harness = new LeaderHarness(cluster);
            harness.prepare();
            harness.run(runs, rows);
            if (harness.missed) {
                System.exit(1);
            }
        }
    }

    private void prepare() throws SQLException, InterruptedException {
        try (Database database = Database.open(
                DatabaseConfig.builder(cluster.primary().url()).poolSize(2).build())) {
            Migrator.builder(database.primary()).build().migrate();
        }
        cluster.primary().execute("""
                CREATE EXTENSION pg_stat_statements;
                CREATE ROLE app LOGIN;
                GRANT SELECT, INSERT, UPDATE ON TABLE forge_leaders TO app;
                """);
    }

    private void run(int runs, List<String> rows) throws Exception {
        table.add("| | runs | p50 | p99 | longest | bound | longest overlap |");
        table.add("|---|---|---|---|---|---|---|");
        for (Row row : Row.values()) {
            if (rows.isEmpty() || rows.contains(row.name().toLowerCase(Locale.ROOT))) {
                measure(row, Math.max(1, runs / row.share));
            }
        }
        if (rows.isEmpty() || rows.contains("rest")) {
            rest();
        }
        System.out.printf(
                Locale.ROOT,
                "%nJava %s, %d processors, %d processes%n",
                Runtime.version(),
                Runtime.getRuntime().availableProcessors(),
                PROCESSES);
        table.forEach(System.out::println);
    }

    // ---- takeovers ----

    /** Three processes, each with a network of its own if that is to fail. */
    private final class Nodes implements AutoCloseable {

        private final List<FaultyLink> links = new ArrayList<>();
        private final List<NodeProcess> nodes = new ArrayList<>();

        Nodes(boolean linked) {
            for (int i = 0; i < PROCESSES; i++) {
                if (linked) {
                    links.add(FaultyLink.to(cluster.primary()));
                }
                nodes.add(start(i));
            }
        }

        private NodeProcess start(int index) {
            String at = links.isEmpty()
                    ? url
                    : url.replace(
                            ":" + cluster.primary().port() + "/",
                            ":" + links.get(index).port() + "/");
            return NodeProcess.start("node-" + index, List.of("url=" + at));
        }

        /** Which of them leads, once all are there and have had time to come to rest; at any moment of their cadences. */
        int leader() throws InterruptedException {
            for (NodeProcess node : nodes) {
                NodeProcess unused = node.awaitReady();
            }
            TimeUnit.MILLISECONDS.sleep(500 + ThreadLocalRandom.current().nextInt(500));
            for (long begun = System.nanoTime(); System.nanoTime() - begun < PATIENCE.toNanos(); ) {
                for (int i = 0; i < PROCESSES; i++) {
                    if (nodes.get(i).led(Duration.ofMillis(20))) {
                        return i;
                    }
                }
                Thread.sleep(1);
            }
            throw new IllegalStateException("nobody leads");
        }

        /** The first reign after that one. */
        Reign after(Reign old) throws InterruptedException {
            for (long begun = System.nanoTime(); System.nanoTime() - begun < PATIENCE.toNanos(); ) {
                for (NodeProcess node : nodes) {
                    Reign latest = node.latest();
                    if (latest != null && latest.token().compareTo(old.token()) > 0) {
                        return latest;
                    }
                }
                Thread.sleep(1);
            }
            throw new IllegalStateException("nobody leads after " + old);
        }

        @Override
        public void close() {
            nodes.forEach(NodeProcess::close);
            links.forEach(FaultyLink::close);
        }
    }

    private void measure(Row row, int runs) throws InterruptedException {
        long[] takeovers = new long[runs];
        long overlap = 0;
        try (Nodes nodes = new Nodes(row == Row.BLACKHOLE)) {
            for (int i = 0; i < runs; i++) {
                int leading = nodes.leader();
                NodeProcess leader = nodes.nodes.get(leading);
                Reign old = Objects.requireNonNull(leader.latest());
                long begun = inflict(row, nodes, leading);
                Reign next = nodes.after(old);
                repair(row, nodes, leading);
                takeovers[i] = next.from() - (begun == 0 ? leader.log().get(Cell.RESIGN_BEGUN) : begun);
                overlap = Math.max(overlap, last(leader, old) - next.from());
                if (row == Row.KILL || row == Row.INSIDE) {
                    leader.close();
                }
                System.out.printf(Locale.ROOT, "%s %d: %.1f ms%n", row.title, i + 1, takeovers[i] / 1e6);
            }
        }
        add(row, takeovers, overlap);
    }

    /** The last time that this process said that it leads with the old token; also where it still did after a fault. */
    private static long last(NodeProcess node, Reign old) {
        return node.reigns().stream()
                .filter(reign -> reign.token().equals(old.token()))
                .mapToLong(Reign::last)
                .max()
                .orElseThrow();
    }

    /** When it happened; 0 where the process itself knows. */
    private static long inflict(Row row, Nodes nodes, int leading) throws InterruptedException {
        NodeProcess leader = nodes.nodes.get(leading);
        if (row == Row.INSIDE) {
            leader.log().set(Cell.HOLD_ASKED, 1);
            while (leader.log().get(Cell.HOLD_BEGUN) == 0) {
                Thread.sleep(1);
            }
            TimeUnit.MILLISECONDS.sleep(50 + ThreadLocalRandom.current().nextInt(200));
        }
        long begun = System.nanoTime();
        switch (row) {
            case KILL, INSIDE -> leader.process().sigkill();
            case PAUSE -> leader.pause();
            case BLACKHOLE -> nodes.links.get(leading).blackhole(true, true);
            case RESIGN -> {
                leader.resign();
                return 0;
            }
        }
        return begun;
    }

    private static void repair(Row row, Nodes nodes, int leading) throws InterruptedException {
        NodeProcess leader = nodes.nodes.get(leading);
        switch (row) {
            case KILL, INSIDE -> nodes.nodes.set(leading, nodes.start(leading));
            case PAUSE -> {
                leader.resume();
                // What it says now would be an overlap.
                TimeUnit.MILLISECONDS.sleep(100);
            }
            case BLACKHOLE -> {
                nodes.links.get(leading).heal();
                nodes.links.get(leading).cutLost();
            }
            case RESIGN -> {}
        }
    }

    private void add(Row row, long[] nanos, long overlap) {
        Arrays.sort(nanos);
        double median = quantile(nanos, 0.5);
        double tail = quantile(nanos, 0.99);
        double longest = nanos[nanos.length - 1] / 1e6;
        String bound;
        boolean kept = overlap <= 0;
        if (row == Row.RESIGN) {
            bound = "p99 " + RESIGN_P99 + " ms";
            kept &= tail <= RESIGN_P99;
        } else {
            bound = (row.median == 0 ? "" : "p50 " + row.median + " ms, ") + "longest " + row.longest + " ms";
            kept &= longest <= row.longest && (row.median == 0 || median <= row.median);
        }
        missed |= !kept;
        table.add(String.format(
                Locale.ROOT,
                "| %s | %d | %.0f ms | %.0f ms | %.0f ms | %s%s | %.1f ms |",
                row.title,
                nanos.length,
                median,
                tail,
                longest,
                bound,
                kept ? "" : " (missed)",
                Math.max(0, overlap) / 1e6));
        record(row.title + ", p50", median, row.median);
        record(row.title + ", p99", tail, row == Row.RESIGN ? RESIGN_P99 : 0);
        record(row.title + ", longest", longest, row.longest);
        Figures.row(row.title + ", two leaders at once", "ms, overlap", Better.LESS)
                .ours(Spread.exactly(Math.max(0, overlap) / 1e6), 0);
    }

    private static void record(String name, double millis, long bound) {
        Figures.row(name, "ms", Better.LESS).ours(Spread.exactly(millis), bound == 0 ? Double.NaN : bound);
    }

    private static double quantile(long[] sorted, double quantile) {
        return sorted[(int) Math.min(sorted.length - 1, (long) (quantile * sorted.length))] / 1e6;
    }

    // ---- at rest ----

    private void rest() throws InterruptedException, SQLException {
        double without = statements("elector=none");
        double one = statements("roles=1") - without;
        double five = statements("roles=5") - without;
        boolean kept = one <= STATEMENTS;
        missed |= !kept;
        table.add("");
        table.add(String.format(
                Locale.ROOT,
                "Statements a second at rest, a leader and two standbys together: %.1f%s; with four further roles %.1f;"
                        + " beside %.1f of their pools and buses",
                one,
                kept ? "" : " (missed)",
                five,
                without));
        String unit = "statements/s";
        Figures.row("at rest, one role", unit, Better.LESS).ours(Spread.exactly(one), STATEMENTS);
        Figures.row("at rest, five roles", unit, Better.LESS).ours(Spread.exactly(five));
        Figures.row("at rest, pools and buses beside them", unit, Better.LESS).ours(Spread.exactly(without));
    }

    private double statements(String option) throws InterruptedException, SQLException {
        List<NodeProcess> nodes = new ArrayList<>();
        try {
            for (int i = 0; i < PROCESSES; i++) {
                nodes.add(NodeProcess.start("node-" + i, List.of("url=" + url, option)));
            }
            for (NodeProcess node : nodes) {
                NodeProcess unused = node.awaitReady();
            }
            TimeUnit.SECONDS.sleep(5);
            long begun = System.nanoTime();
            Map<String, Long> before = calls();
            Thread.sleep(AT_REST);
            Map<String, Long> after = calls();
            double seconds = (System.nanoTime() - begun) / 1e9;
            double rate = 0;
            for (Map.Entry<String, Long> statement : after.entrySet()) {
                double own = (statement.getValue() - before.getOrDefault(statement.getKey(), 0L)) / seconds;
                rate += own;
                if (own > 0) {
                    System.out.printf(Locale.ROOT, "%8.2f  %s%n", own, statement.getKey());
                }
            }
            System.out.printf(Locale.ROOT, "at rest, %s: %.1f statements a second%n", option, rate);
            return rate;
        } finally {
            nodes.forEach(NodeProcess::close);
        }
    }

    /** By the beginnings of the statements, without their numbers. */
    private Map<String, Long> calls() throws SQLException {
        Map<String, Long> calls = new TreeMap<>();
        try (Connection connection = cluster.primary().connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT left(regexp_replace(s.query, '\\s+', ' ', 'g'), 100), sum(s.calls)"
                                + " FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid"
                                + " WHERE r.rolname = 'app' GROUP BY 1")) {
            while (row.next()) {
                calls.put(row.getString(1), row.getLong(2));
            }
        }
        return calls;
    }
}
