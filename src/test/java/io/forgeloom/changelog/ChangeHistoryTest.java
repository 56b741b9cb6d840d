package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.ChangeTruth.Faults;
import io.forgeloom.changelog.ChangeTruth.Told;
import io.forgeloom.changelog.ChangeTruth.Version;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Consumers that are killed, and followers in this process, get each committed row once, and the changes of a row in the
 * order of its commits. Beside them the broken readers, on the same load.
 */
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class ChangeHistoryTest {

    private static final int LONG_ROWS = Integer.getInteger("forgeloom.test.changes", 1_000_000);
    private static final String LOG = "elsewhere.forge_change_log";
    private static final Duration PATIENCE = Duration.ofHours(3);

    @Test
    @WithDatabase
    @Timeout(120)
    void consumersThatAreKilledGetEachRowOnceAndInOrder(TestDatabase server) throws Exception {
        run(server, 20_000, 6, 1_500, 2, 2);
    }

    @Test
    @Tag("long")
    @WithDatabase
    @Timeout(14_400)
    void consumersThatAreKilledOftenGetEachOfAMillionRowsOnceAndInOrder(TestDatabase server) throws Exception {
        run(server, LONG_ROWS, 15, 4_000, 4, 27);
    }

    /** Where nothing can be prepared, writers ring. */
    @Test
    @Tag("long")
    @Timeout(14_400)
    void soDoThoseThatSleepAndAreWoken() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder()
                        .setting("max_prepared_transactions", "0")
                        .start();
                TestDatabase server = TestDatabase.on(cluster.primary())) {
            run(server, LONG_ROWS, 15, 4_000, 4, 27);
        }
    }

    /** @param writers beside one more whose transactions last */
    private static void run(TestDatabase server, int rows, int writers, int ids, int consumers, int faults)
            throws Exception {
        long begun = System.nanoTime();
        Random random = new Random();
        ChangeTruth truth = new ChangeTruth();
        Map<String, Seqs> given;
        int done = 0;
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection first = server.connect();
                Connection second = server.connect();
                ConsumerFaults nodes = new ConsumerFaults(server)) {
            fixture.execute(RandomWriter.table(ids).toArray(String[]::new));
            fixture.execute(ConsumerNode.TABLE);
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.bus.start();
            ChangePosition start = fixture.log.now();
            nodes.start(consumers, start);
            Map<String, Reading> readings = new LinkedHashMap<>();
            readings.put("follower", following(fixture, start, random));
            readings.put("drain", Reading.ours(fixture.log, start, random, 5_000));
            readings.put("seq > last", Reading.bySeq(first, LOG));
            readings.put("(xid, seq) < xmin", Reading.byXid(second, LOG));
            try (Writers load = new Writers(server, fixture, truth, writers, ids);
                    Readers readers = new Readers(readings)) {
                // One is away from the first third on until all is written, and then has it all to read at once.
                for (int fault = 1; fault <= faults; fault++) {
                    truth.awaitSize((int) ((long) rows * fault / (faults + 1)), PATIENCE);
                    done += nodes.inflict(fault, fault == 1 + faults / 3) ? 1 : 0;
                }
                truth.awaitSize(rows, PATIENCE);
                load.end();
                fixture.execute("INSERT INTO t VALUES (" + ConsumerNode.MARKER + ", 0)");
                truth.add(List.of(new Told(fixture.log.maxSeq().orElseThrow(), new Version(ConsumerNode.MARKER, 1))));
                readers.stop();
                nodes.awaitEnd();
                given = readers.given();
            }
            nodes.effects(given);
        }
        judge(truth, given, done + " faults, " + (System.nanoTime() - begun) / 1_000_000 + " ms");
    }

    private static void judge(ChangeTruth truth, Map<String, Seqs> given, String what) {
        Map<String, Faults> judged = new LinkedHashMap<>();
        given.forEach((name, seqs) -> judged.put(name, truth.judge(seqs)));
        String figures = truth.size() + " rows, " + what + ": " + judged;
        System.out.println("figure: " + figures);
        Faults bySeq = judged.remove("seq > last");
        Faults byXid = judged.remove("(xid, seq) < xmin");
        judged.forEach((name, faults) -> assertEquals(Faults.NONE, faults, () -> name + "; " + figures));
        assertTrue(bySeq != null && bySeq.lost() > 0, () -> "the load or the checker is too weak: " + figures);
        assertTrue(byXid != null && byXid.inverted() > 0, () -> "the load or the checker is too weak: " + figures);
    }

    /** Ours that waits; and every now and then another one, from where this one is. */
    private static Reading following(ChangeLogFixture fixture, ChangePosition start, Random random) {
        ChangePosition[] at = {start};
        return delivered -> {
            FollowOptions options =
                    FollowOptions.builder().batchSize(1 + random.nextInt(5_000)).build();
            try (ChangeFollower follower = fixture.log.follow(at[0], options)) {
                for (int i = 0; i < 3; i++) {
                    follower.poll(Duration.ofMillis(random.nextInt(20) == 0 ? 100 : 1))
                            .ifPresent(next -> ((Batch) next).rows().forEach(row -> delivered.add(row.seq())));
                }
                at[0] = follower.position();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
    }

    /** Those who write until they are told to end. */
    private static final class Writers implements AutoCloseable {

        private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        private final AtomicBoolean stop = new AtomicBoolean();
        private final List<Future<?>> writers = new ArrayList<>();

        Writers(TestDatabase server, ChangeLogFixture fixture, ChangeTruth truth, int count, int ids) throws Exception {
            boolean prepares =
                    !fixture.column("SHOW max_prepared_transactions").getFirst().equals("0");
            for (int i = 0; i <= count; i++) {
                RandomWriter.Load load = i == count ? RandomWriter.Load.slow(100_000) : RandomWriter.Load.bulk(ids);
                writers.add(threads.submit(new RandomWriter(
                        server.connect(), LOG, truth, stop, System.nanoTime(), load, prepares && i % 2 == 0)));
            }
        }

        void end() throws Exception {
            stop.set(true);
            for (Future<?> writer : writers) {
                writer.get();
            }
        }

        @Override
        public void close() {
            stop.set(true);
            threads.close();
        }
    }

    /** Those who read in this process until they are told to end. */
    private static final class Readers implements AutoCloseable {

        private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        private final CountDownLatch end = new CountDownLatch(1);
        private final Map<String, Future<Seqs>> readers = new LinkedHashMap<>();

        Readers(Map<String, Reading> readings) {
            readings.forEach((name, reading) -> readers.put(name, threads.submit(() -> reading.until(end, 2))));
        }

        void stop() {
            end.countDown();
        }

        Map<String, Seqs> given() throws Exception {
            Map<String, Seqs> given = new LinkedHashMap<>();
            for (Map.Entry<String, Future<Seqs>> reader : readers.entrySet()) {
                given.put(reader.getKey(), reader.getValue().get());
            }
            return given;
        }

        @Override
        public void close() {
            end.countDown();
            threads.close();
        }
    }
}
