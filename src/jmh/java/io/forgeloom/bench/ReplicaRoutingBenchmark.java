package io.forgeloom.bench;

import io.forgeloom.database.ConnectionPool;
import io.forgeloom.database.RouterWithoutServers;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
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
 * What it costs to choose the server of a read: {@code choose} is {@code Database.readPool()} without servers, {@code floor}
 * a bare {@link AtomicInteger} that goes round an array of as many pools, and the peer, {@code
 * openByMultiHostUrl}, PgJDBC's own choice among three hosts, which it makes once for each connection that it opens: its
 * figure is that of opening one, on real servers.
 *
 * <pre>{@code
 * ./forge bench ReplicaRouting.choose ReplicaRouting.floor -prof gc -t 1      # and -t 2, -t 8
 * ./forge bench ReplicaRouting.openByMultiHostUrl
 * }</pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class ReplicaRoutingBenchmark {

    /** So many replicas, all of them in rotation, all but one, or none. */
    @State(Scope.Benchmark)
    public static class Routing {

        @Param({"1", "3", "16"})
        public int replicas;

        @Param({"0", "1", "all"})
        public String out;

        RouterWithoutServers router;

        @Setup(Level.Trial)
        public void open() {
            router = new RouterWithoutServers(replicas, out.equals("all") ? replicas : Integer.parseInt(out));
        }
    }

    /** The floor knows of no rotation. */
    @State(Scope.Benchmark)
    public static class RoundRobin {

        @Param({"1", "3", "16"})
        public int replicas;

        private final AtomicInteger next = new AtomicInteger();
        private ConnectionPool[] pools;

        @Setup(Level.Trial)
        public void open() {
            RouterWithoutServers router = new RouterWithoutServers(replicas, 0);
            pools = new ConnectionPool[replicas];
            for (int i = 0; i < replicas; i++) {
                pools[i] = router.choose();
            }
        }
    }

    /** A primary and two replicas. */
    @State(Scope.Benchmark)
    public static class Cluster {

        private PostgresCluster cluster;
        private String url;

        @Setup(Level.Trial)
        public void open() throws Exception {
            cluster = PostgresCluster.builder().replicas(2).start();
            String hosts = cluster.replicas().stream().map(Cluster::host).collect(Collectors.joining(","));
            PostgresServer primary = cluster.primary();
            url = "jdbc:postgresql://" + host(primary) + "," + hosts + "/" + primary.database() + "?user="
                    + primary.user() + "&loadBalanceHosts=true&targetServerType=preferSecondary";
        }

        private static String host(PostgresServer server) {
            return server.host() + ":" + server.port();
        }

        @TearDown(Level.Trial)
        public void close() {
            cluster.close();
        }
    }

    @Benchmark
    public ConnectionPool choose(Routing routing) {
        return routing.router.choose();
    }

    @Benchmark
    public ConnectionPool floor(RoundRobin floor) {
        return floor.pools[Integer.remainderUnsigned(floor.next.getAndIncrement(), floor.pools.length)];
    }

    @Benchmark
    public Connection openByMultiHostUrl(Cluster cluster) throws SQLException {
        Connection connection = DriverManager.getConnection(cluster.url);
        connection.close();
        return connection;
    }
}
