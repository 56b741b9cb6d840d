package io.forgeloom.bench;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/**
 * From {@code pg_notify} to {@code take()} on a real server, against a bare loop around the driver, which consumes on the
 * thread that reads. Both are open in one process on one server, each in a database of its own, since a NOTIFY wakes every
 * session that listens in its database; they are measured in turns, in a random order, and what counts is the quotient of
 * neighbours.
 *
 * <ul>
 *   <li>idle: one notification every 2 ms or so.
 *   <li>10,000 a second: ten in a transaction, one transaction every millisecond.
 *   <li>batches: transactions of 20,000; nanoseconds a notification, from the answer to the commit to the last of them.
 * </ul>
 *
 * <pre>{@code
 * ./forge bench notify         # 30 s each
 * ./forge bench notify 120
 * }</pre>
 */
public final class NotifyLatencyBenchmark {

    private static final Duration TURN = Duration.ofMillis(200);
    private static final Duration WARMUP = Duration.ofSeconds(5);
    private static final int TEN = 10;
    private static final int BATCH = 20_000;

    /** More than a batch: what is measured is the way through the bus, and nobody may lag. */
    private static final int BUFFER = 1 << 16;

    private static final String SEND =
            "SELECT pg_notify('" + NotifyListener.CHANNEL + "', ? || ':' || n)" + " FROM generate_series(1, ?) AS n";

    /** A listener, and a session that sends to it. */
    private record Side(NotifyListener listener, Connection sender, PreparedStatement send) implements AutoCloseable {

        static Side of(NotifyListener listener, String url) throws SQLException {
            Connection sender = DriverManager.getConnection(url);
            return new Side(listener, sender, sender.prepareStatement(SEND));
        }

        void send(int notifications) throws SQLException {
            send.setString(1, Long.toString(System.nanoTime()));
            send.setInt(2, notifications);
            send.execute();
        }

        @Override
        public void close() throws Exception {
            listener.close();
            sender.close();
        }
    }

    /** One turn of one side. */
    private interface Turn {
        /** The latencies in it, or the nanoseconds a notification. */
        long[] run(Side side) throws SQLException, InterruptedException;
    }

    private NotifyLatencyBenchmark() {}

    public static void main(String[] args) throws Exception {
        Duration time = Duration.ofSeconds(args.length == 0 ? 30 : Integer.parseInt(args[0]));
        System.out.printf(
                Locale.ROOT,
                "Java %s, %d processors; turns of %d ms, %d s each%n%n",
                Runtime.version(),
                Runtime.getRuntime().availableProcessors(),
                TURN.toMillis(),
                time.toSeconds());
        try (BenchServer server = BenchServer.open("")) {
            String busUrl = database(server.url(), "bench_bus");
            String bareUrl = database(server.url(), "bench_bare");
            try (Side bus = Side.of(NotifyListener.bus(busUrl, BUFFER), busUrl);
                    Side bare = Side.of(NotifyListener.bare(bareUrl), bareUrl)) {
                compare("idle", "µs", bus, bare, time, NotifyLatencyBenchmark::idle);
                compare("10,000 a second", "µs", bus, bare, time, NotifyLatencyBenchmark::paced);
                compare("batches of 20,000", "µs a notification", bus, bare, time, NotifyLatencyBenchmark::batch);
                System.out.println("lagged: " + bus.listener().lagged());
            }
        }
    }

    private static long[] idle(Side side) throws SQLException, InterruptedException {
        long begun = System.nanoTime();
        int sent = 0;
        while (System.nanoTime() - begun < TURN.toNanos()) {
            side.send(1);
            sent++;
            TimeUnit.MICROSECONDS.sleep(1_500 + ThreadLocalRandom.current().nextInt(1_000));
        }
        side.listener().await(sent);
        return side.listener().latencies();
    }

    private static long[] paced(Side side) throws SQLException, InterruptedException {
        long begun = System.nanoTime();
        int batches = (int) TURN.toMillis();
        for (int i = 0; i < batches; i++) {
            side.send(TEN);
            long wait = begun + TimeUnit.MILLISECONDS.toNanos(i + 1L) - System.nanoTime();
            if (wait > 0) {
                TimeUnit.NANOSECONDS.sleep(wait);
            }
        }
        side.listener().await((long) batches * TEN);
        return side.listener().latencies();
    }

    private static long[] batch(Side side) throws SQLException, InterruptedException {
        side.send(BATCH);
        long committed = System.nanoTime();
        side.listener().await(BATCH);
        // Only the last counts: the bare loop gets none before the driver has all.
        return new long[] {Math.max(1, (side.listener().lastNanos() - committed) / BATCH)};
    }

    private static void compare(String name, String unit, Side bus, Side bare, Duration time, Turn turn)
            throws SQLException, InterruptedException {
        for (long begun = System.nanoTime(); System.nanoTime() - begun < WARMUP.toNanos(); ) {
            run(turn, bus);
            run(turn, bare);
        }
        Quotients medians = new Quotients();
        Quotients tails = new Quotients();
        List<long[]> ours = new ArrayList<>();
        List<long[]> floor = new ArrayList<>();
        for (long begun = System.nanoTime(); System.nanoTime() - begun < time.toNanos(); ) {
            boolean first = ThreadLocalRandom.current().nextBoolean();
            long[] a = run(turn, first ? bus : bare);
            long[] b = run(turn, first ? bare : bus);
            ours.add(first ? a : b);
            floor.add(first ? b : a);
            // Above 1: ours takes longer.
            medians.add(quantile(ours.getLast(), 0.5) / quantile(floor.getLast(), 0.5));
            tails.add(quantile(ours.getLast(), 0.99) / quantile(floor.getLast(), 0.99));
        }
        System.out.printf(Locale.ROOT, "%s, %s%n", name, unit);
        print("forgeloom", ours);
        print("bare loop", floor);
        System.out.println("  forgeloom ÷ bare, p50 of a turn: " + medians);
        System.out.println("  forgeloom ÷ bare, p99 of a turn: " + tails + System.lineSeparator());
        record(name + ", p50", 0.5, ours, floor);
        record(name + ", p99", 0.99, ours, floor);
        Figures.row(name + ", p50 of a turn", "× that of the bare loop", Better.LESS)
                .ours(medians.spread())
                .peer("bare loop", Spread.exactly(1));
        Figures.row(name + ", p99 of a turn", "× that of the bare loop", Better.LESS)
                .ours(tails.spread())
                .peer("bare loop", Spread.exactly(1));
    }

    private static void record(String name, double quantile, List<long[]> ours, List<long[]> bare) {
        Figures.row(name, "µs", Better.LESS)
                .ours(Spread.exactly(quantile(flat(ours), quantile) / 1_000))
                .peer("bare loop", Spread.exactly(quantile(flat(bare), quantile) / 1_000));
    }

    private static long[] flat(List<long[]> turns) {
        return turns.stream().flatMapToLong(Arrays::stream).toArray();
    }

    private static long[] run(Turn turn, Side side) throws SQLException, InterruptedException {
        side.listener().reset();
        return turn.run(side);
    }

    private static void print(String name, List<long[]> turns) {
        long[] all = flat(turns);
        ToDoubleFunction<Double> micros = quantile -> quantile(all, quantile) / 1_000;
        System.out.printf(
                Locale.ROOT,
                "  %s p50 %.2f, p90 %.2f, p99 %.2f, of %,d%n",
                name,
                micros.applyAsDouble(0.5),
                micros.applyAsDouble(0.9),
                micros.applyAsDouble(0.99),
                all.length);
    }

    private static double quantile(long[] values, double quantile) {
        long[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) Math.min(sorted.length - 1, (long) (quantile * sorted.length))];
    }

    /** A new database beside that of {@code url}. */
    private static String database(String url, String name) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE DATABASE " + name);
            return url.replaceFirst("(//[^/]*/)[^?]*", "$1" + name);
        }
    }
}
