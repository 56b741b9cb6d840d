package io.forgeloom.bench;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a pool adds to a connection, on one thread with nobody else around: acquire and release alone (in nanoseconds), and
 * around a {@code SELECT 1} and a transaction of three statements. Ten sessions; see {@link BenchPool} for the pools.
 *
 * <pre>{@code
 * ./forge bench ConnectionPool -prof gc
 * ./forge bench ConnectionPool -p url='jdbc:postgresql://host/db?user=u&password=p'
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class ConnectionPoolBenchmark {

    private static final int SIZE = 10;
    private static final int ACCOUNTS = 1_000;

    @Param({"forgeloom", "hikari", "agroal", "floor"})
    public String pool;

    /** Empty: an embedded server. */
    @Param({""})
    public String url;

    private BenchServer server;
    private BenchPool pooled;

    @Setup(Level.Trial)
    public void open() throws Exception {
        server = BenchServer.open(url);
        pooled = BenchPool.open(pool, server.url(), SIZE, Duration.ofSeconds(30));
        try (Connection connection = pooled.acquire();
                Statement statement = connection.createStatement()) {
            statement.execute("DROP TABLE IF EXISTS forgeloom_bench");
            statement.execute(
                    "CREATE TABLE forgeloom_bench (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50)");
            statement.execute("INSERT INTO forgeloom_bench SELECT n, 0 FROM generate_series(1, " + ACCOUNTS + ") n");
        }
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        try (Connection connection = pooled.acquire();
                Statement statement = connection.createStatement()) {
            statement.execute("DROP TABLE forgeloom_bench");
        }
        pooled.close();
        server.close();
    }

    @Benchmark
    public Connection acquireAndRelease() throws SQLException {
        Connection connection = pooled.acquire();
        connection.close();
        return connection;
    }

    @Benchmark
    public int selectOne() throws SQLException {
        try (Connection connection = pooled.acquire();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT 1")) {
            row.next();
            return row.getInt(1);
        }
    }

    @Benchmark
    public long transactionOfThree() throws SQLException {
        int from = 1 + ThreadLocalRandom.current().nextInt(ACCOUNTS);
        int to = 1 + from % ACCOUNTS;
        try (Connection connection = pooled.acquire()) {
            connection.setAutoCommit(false);
            long balance = balance(connection, from);
            add(connection, from, -1);
            add(connection, to, 1);
            connection.commit();
            // Not left to the pool: the floor would not do it.
            connection.setAutoCommit(true);
            return balance;
        }
    }

    private static long balance(Connection connection, int id) throws SQLException {
        try (PreparedStatement read = connection.prepareStatement("SELECT balance FROM forgeloom_bench WHERE id = ?")) {
            read.setInt(1, id);
            try (ResultSet row = read.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
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
