package io.forgeloom.bench;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.migrate.Migrator;
import io.forgeloom.notify.NotifyBus;
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
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to ask {@code isLeader} of a leader whose heartbeat goes on meanwhile, of one or three roles; {@code floor} is
 * the one look at the clock that it cannot do without.
 *
 * <pre>{@code
 * ./forge bench IsLeader -prof gc
 * }</pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class IsLeaderBenchmark {

    /** A process that leads; it is asked about the last of its roles. */
    @State(Scope.Benchmark)
    public static class Leading {

        @Param({"1", "3"})
        public int roles;

        @Param({""})
        public String url;

        private BenchServer server;
        private Database database;
        private NotifyBus bus;
        private LeaderElection election;
        private LeaderRole role;

        @Setup(Level.Trial)
        public void open() throws Exception {
            server = BenchServer.open(url);
            database = Database.open(
                    DatabaseConfig.builder(server.url()).poolSize(4).build());
            Migrator.builder(database.primary()).build().migrate();
            bus = NotifyBus.of(database);
            LeaderRole[] all = new LeaderRole[roles];
            for (int i = 0; i < roles; i++) {
                all[i] = LeaderRole.daemon("bench " + i);
            }
            role = all[roles - 1];
            election = LeaderElection.of(database, bus, all);
            election.start();
            election.awaitLeadership(role, Duration.ofSeconds(10)).orElseThrow();
        }

        @TearDown(Level.Trial)
        public void close() throws Exception {
            election.close();
            bus.close();
            database.close();
            server.close();
        }
    }

    @Benchmark
    public boolean isLeader(Leading leading) {
        return leading.election.isLeader(leading.role);
    }

    @Benchmark
    public long floor() {
        return System.nanoTime();
    }
}
