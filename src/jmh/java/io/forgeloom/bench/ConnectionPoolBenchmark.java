package io.forgeloom.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
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
 * What a pool adds to a connection, on one thread with nobody else around: acquire and release alone, and around a
 * {@code SELECT 1}. Peers are HikariCP and Agroal; the floor is a bare fair semaphore with a deque, which cleans nothing
 * and checks nothing. Needs a server of the user's:
 *
 * <pre>{@code
 * mvn -Pbench package -DskipTests
 * java --enable-preview -jar target/benchmarks.jar ConnectionPool -p url='jdbc:postgresql://host/db?user=u&password=p'
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class ConnectionPoolBenchmark {

    private static final int SIZE = 10;

    @Param({"forgeloom", "hikari", "agroal", "floor"})
    public String pool;

    @Param({""})
    public String url;

    private Acquire acquire;
    private AutoCloseable closing;

    private interface Acquire {
        Connection acquire() throws SQLException;
    }

    @Setup(Level.Trial)
    public void open() throws Exception {
        if (url.isEmpty()) {
            throw new IllegalArgumentException("-p url=jdbc:postgresql://… is missing");
        }
        switch (pool) {
            case "forgeloom" -> {
                Database db = Database.open(DatabaseConfig.builder(url)
                        .poolSize(SIZE)
                        .minPoolSize(SIZE)
                        .build());
                acquire = db.primary()::getConnection;
                closing = db;
            }
            case "hikari" -> {
                HikariConfig config = new HikariConfig();
                config.setJdbcUrl(url);
                config.setMaximumPoolSize(SIZE);
                HikariDataSource source = new HikariDataSource(config);
                acquire = source::getConnection;
                closing = source;
            }
            case "agroal" -> {
                AgroalDataSource source = AgroalDataSource.from(new AgroalDataSourceConfigurationSupplier()
                        .connectionPoolConfiguration(c -> c.maxSize(SIZE)
                                .initialSize(SIZE)
                                .acquisitionTimeout(Duration.ofSeconds(30))
                                .connectionFactoryConfiguration(f -> f.jdbcUrl(url))));
                acquire = source::getConnection;
                closing = source::close;
            }
            default -> {
                Floor floor = new Floor(url);
                acquire = floor::acquire;
                closing = floor;
            }
        }
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        closing.close();
    }

    @Benchmark
    public Connection acquireAndRelease() throws SQLException {
        Connection connection = acquire.acquire();
        connection.close();
        return connection;
    }

    @Benchmark
    public int selectOne() throws SQLException {
        try (Connection connection = acquire.acquire();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT 1")) {
            row.next();
            return row.getInt(1);
        }
    }

    /** The least that is fair and bounded. */
    private static final class Floor implements AutoCloseable {

        private final Semaphore permits = new Semaphore(SIZE, true);
        private final ReentrantLock lock = new ReentrantLock();
        private final ArrayDeque<Connection> idle = new ArrayDeque<>();

        Floor(String url) throws SQLException {
            for (int i = 0; i < SIZE; i++) {
                idle.add(DriverManager.getConnection(url));
            }
        }

        Connection acquire() {
            permits.acquireUninterruptibly();
            lock.lock();
            try {
                return new Lease(this, idle.pollFirst());
            } finally {
                lock.unlock();
            }
        }

        void release(Connection connection) {
            lock.lock();
            try {
                idle.addFirst(connection);
            } finally {
                lock.unlock();
            }
            permits.release();
        }

        @Override
        public void close() throws SQLException {
            for (Connection connection : idle) {
                connection.close();
            }
        }
    }

    private static final class Lease extends io.forgeloom.internal.jdbc.ForwardingConnection {

        private final Floor floor;
        private final Connection connection;

        Lease(Floor floor, Connection connection) {
            this.floor = floor;
            this.connection = connection;
        }

        @Override
        protected Connection delegate() {
            return connection;
        }

        @Override
        public void close() {
            floor.release(connection);
        }

        @Override
        public void setClientInfo(String name, String value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void setClientInfo(java.util.Properties properties) {
            throw new UnsupportedOperationException();
        }
    }
}
