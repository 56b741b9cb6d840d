package io.forgeloom.bench;

import io.forgeloom.database.CommitPosition;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.ReadOptions;
import io.forgeloom.testing.PostgresCluster;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to read one's own write on a real replica that has it already, on one thread: {@code plain} asks for no
 * position, {@code covered} for one that the replica is known to have, {@code uncovered} for a new one each time, which
 * costs a question more. {@code uncovered} alone writes before each read, unmeasured.
 *
 * <pre>{@code
 * ./forge bench ReadYourWrites
 * }</pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class ReadYourWritesBenchmark {

    /** A primary and a replica, and a commit that the replica is known to have. */
    @State(Scope.Benchmark)
    public static class Servers {

        private PostgresCluster cluster;
        private Database db;
        private ReadOptions known;

        @Setup(Level.Trial)
        public void open() throws Exception {
            cluster = PostgresCluster.builder().replicas(1).start();
            String replica = cluster.replicas().get(0).url();
            db = Database.open(DatabaseConfig.builder(cluster.primary().url())
                    .replicaUrls(List.of(replica))
                    .readFromReplica(true)
                    .build());
            cluster.primary().execute("CREATE TABLE written (n int)");
            known = ReadOptions.after(write());
            cluster.awaitReplayed(Duration.ofSeconds(10));
            db.read(known, ReadYourWritesBenchmark::select);
        }

        CommitPosition write() throws SQLException {
            return db.<Object, SQLException>inTransactionWithPosition(tx -> {
                        try (Statement statement = tx.connection().createStatement()) {
                            return statement.executeUpdate("INSERT INTO written VALUES (1)");
                        }
                    })
                    .position();
        }

        @TearDown(Level.Trial)
        public void close() {
            db.close();
            cluster.close();
        }
    }

    /** Before each read, a commit that the replica has, and of which nobody knows that. */
    @State(Scope.Thread)
    public static class Unknown {

        private Connection replica;
        private ReadOptions unknown;

        @Setup(Level.Trial)
        public void open(Servers servers) throws SQLException {
            replica = servers.cluster.replicas().get(0).connect();
        }

        @Setup(Level.Invocation)
        public void write(Servers servers) throws SQLException {
            CommitPosition position = servers.write();
            unknown = ReadOptions.after(position);
            String question = "SELECT pg_last_wal_replay_lsn() >= '" + position + "'::pg_lsn";
            boolean replayed = false;
            while (!replayed) {
                try (Statement statement = replica.createStatement();
                        ResultSet row = statement.executeQuery(question)) {
                    row.next();
                    replayed = row.getBoolean(1);
                }
            }
        }

        @TearDown(Level.Trial)
        public void close() throws SQLException {
            replica.close();
        }
    }

    private static int select(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT 1")) {
            row.next();
            return row.getInt(1);
        }
    }

    @Benchmark
    public int plain(Servers servers) {
        return servers.db.read(ReadYourWritesBenchmark::select);
    }

    @Benchmark
    public int covered(Servers servers) {
        return servers.db.read(servers.known, ReadYourWritesBenchmark::select);
    }

    @Benchmark
    public int uncovered(Servers servers, Unknown unknown) {
        return servers.db.read(unknown.unknown, ReadYourWritesBenchmark::select);
    }
}
