package io.forgeloom.bench;

import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What a pool adds to a round trip, where that is some 90 µs and the machine's own mood moves it by more than any pool
 * does: forks of JMH one after the other cannot tell pools apart there. Here all are open in one process on one server, and
 * one thread uses them in turns of a tenth of a second, in a random order, so that each mood is shared. What counts is the
 * quotient of neighbours: its median, and between what two thirds of all medians of samples drawn anew lie, and 95 of 100.
 *
 * <pre>{@code
 * ./forge bench paired                 # 60 s each: SELECT 1, and a transaction of three statements, beside each peer
 * ./forge bench paired 120 hikari
 * }</pre>
 */
public final class PairedHarness {

    private static final int SIZE = 10;
    private static final int ACCOUNTS = 1_000;
    private static final Duration TURN = Duration.ofMillis(100);
    private static final Duration WARMUP = Duration.ofSeconds(10);
    private static final List<String> PEERS = List.of("hikari", "agroal", "floor");

    /** One operation on a connection of a pool. */
    private interface Work {
        void on(BenchPool pool) throws SQLException;
    }

    private PairedHarness() {}

    public static void main(String[] args) throws Exception {
        Duration time = Duration.ofSeconds(args.length == 0 ? 60 : Integer.parseInt(args[0]));
        System.out.printf(
                Locale.ROOT,
                "Java %s, %d processors; turns of %d ms, %d s each%n%n",
                Runtime.version(),
                Runtime.getRuntime().availableProcessors(),
                TURN.toMillis(),
                time.toSeconds());
        try (BenchServer server = BenchServer.open("");
                BenchPool own = BenchPool.open("forgeloom", server.url(), SIZE, Duration.ofSeconds(30))) {
            prepare(own);
            for (String peer : args.length < 2 ? PEERS : List.of(args[1].split(","))) {
                try (BenchPool other = BenchPool.open(peer, server.url(), SIZE, Duration.ofSeconds(30))) {
                    Map<String, Work> works =
                            Map.of("SELECT 1", PairedHarness::selectOne, "transaction", PairedHarness::transaction);
                    for (String name : List.of("SELECT 1", "transaction")) {
                        compare(name, peer, works.get(name), own, other, time);
                    }
                }
            }
        }
    }

    private static void compare(String name, String peer, Work work, BenchPool own, BenchPool other, Duration time)
            throws SQLException {
        for (long begun = System.nanoTime(); System.nanoTime() - begun < WARMUP.toNanos(); ) {
            turn(work, own);
            turn(work, other);
        }
        Quotients quotients = new Quotients();
        List<Double> owns = new ArrayList<>();
        List<Double> others = new ArrayList<>();
        for (long begun = System.nanoTime(); System.nanoTime() - begun < time.toNanos(); ) {
            boolean first = ThreadLocalRandom.current().nextBoolean();
            double a = turn(work, first ? own : other);
            double b = turn(work, first ? other : own);
            owns.add(first ? a : b);
            others.add(first ? b : a);
            // Above 1: ours does more.
            quotients.add(first ? b / a : a / b);
        }
        System.out.printf(
                Locale.ROOT,
                "%-12s forgeloom %7.2f µs, %-7s %7.2f µs; speed against it %s%n",
                name,
                Quotients.median(owns) / 1_000,
                peer,
                Quotients.median(others) / 1_000,
                quotients);
        Figures.row(name, "µs", Better.LESS)
                .ours(Spread.quartiles(owns).times(1e-3))
                .named(peer, Spread.quartiles(others).times(1e-3));
        Figures.row(name + ", speed", "× that of the peer", Better.MORE)
                .ours(quotients.spread())
                .named(peer, Spread.exactly(1));
    }

    /** Nanoseconds an operation. */
    private static double turn(Work work, BenchPool pool) throws SQLException {
        long begun = System.nanoTime();
        long now = begun;
        int done = 0;
        while (now - begun < TURN.toNanos()) {
            work.on(pool);
            done++;
            now = System.nanoTime();
        }
        return (double) (now - begun) / done;
    }

    private static void prepare(BenchPool pool) throws SQLException {
        try (Connection connection = pool.acquire();
                Statement statement = connection.createStatement()) {
            statement.execute("DROP TABLE IF EXISTS forgeloom_bench");
            statement.execute(
                    "CREATE TABLE forgeloom_bench (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50)");
            statement.execute("INSERT INTO forgeloom_bench SELECT n, 0 FROM generate_series(1, " + ACCOUNTS + ") n");
        }
    }

    private static void selectOne(BenchPool pool) throws SQLException {
        try (Connection connection = pool.acquire();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT 1")) {
            row.next();
        }
    }

    private static void transaction(BenchPool pool) throws SQLException {
        int from = 1 + ThreadLocalRandom.current().nextInt(ACCOUNTS);
        try (Connection connection = pool.acquire()) {
            connection.setAutoCommit(false);
            try (PreparedStatement read =
                    connection.prepareStatement("SELECT balance FROM forgeloom_bench WHERE id = ?")) {
                read.setInt(1, from);
                try (ResultSet row = read.executeQuery()) {
                    row.next();
                }
            }
            add(connection, from, -1);
            add(connection, 1 + from % ACCOUNTS, 1);
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    private static void add(Connection connection, int id, int amount) throws SQLException {
        try (PreparedStatement update =
                connection.prepareStatement("UPDATE forgeloom_bench SET balance = balance + ? WHERE id = ?")) {
            update.setInt(1, amount);
            update.setInt(2, id);
            update.executeUpdate();
        }
    }
}
