package io.forgeloom.bench;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
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
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Acquire and release without any hold, by several platform threads on two sessions: what the pool's queue and lock cost
 * when they are all that there is. Operations for each microsecond, all threads together.
 *
 * <pre>{@code ./forge bench ContendedPool}</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class ContendedPoolBenchmark {

    @Param({"forgeloom", "hikari", "agroal", "floor"})
    public String pool;

    /** How many sessions. */
    @Param({"2"})
    public int size;

    /** Empty: an embedded server. */
    @Param({""})
    public String url;

    private BenchServer server;
    private BenchPool pooled;

    @Setup(Level.Trial)
    public void open() throws Exception {
        server = BenchServer.open(url);
        pooled = BenchPool.open(pool, server.url(), size, Duration.ofSeconds(30));
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        pooled.close();
        server.close();
    }

    @Benchmark
    @Threads(2)
    public Connection twoThreads() throws SQLException {
        return acquireAndRelease();
    }

    @Benchmark
    @Threads(8)
    public Connection eightThreads() throws SQLException {
        return acquireAndRelease();
    }

    private Connection acquireAndRelease() throws SQLException {
        Connection connection = pooled.acquire();
        connection.close();
        return connection;
    }
}
