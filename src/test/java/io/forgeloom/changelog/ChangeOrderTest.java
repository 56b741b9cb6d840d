package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.ChangeTruth.Faults;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing is lost, nothing comes twice, and for each row the order is that of commits, whatever writers do. */
@WithDatabase
@Timeout(120)
@Tag("slow")
class ChangeOrderTest {

    private static final String LOG = "elsewhere.forge_change_log";
    private static final int IDS = 40;
    private static final int WRITERS = 8;

    /** Some seconds' worth. */
    private static final int COMMITTED = 1500;

    @Test
    void nothingIsLostDuplicatedOrInvertedAndTheSameLoadBreaksTheOtherReaders(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection first = server.connect();
                Connection second = server.connect();
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            fixture.execute(RandomWriter.table(IDS).toArray(String[]::new));
            fixture.log.track("t", TrackOptions.DEFAULTS);
            ChangePosition start = fixture.log.now();
            ChangeTruth truth = new ChangeTruth();
            AtomicBoolean stop = new AtomicBoolean();
            CountDownLatch end = new CountDownLatch(1);
            List<Future<?>> writers = new ArrayList<>();
            List<Future<Seqs>> readers = new ArrayList<>();
            try {
                for (int i = 0; i < WRITERS; i++) {
                    writers.add(threads.submit(new RandomWriter(
                            server.connect(), LOG, truth, stop, 4711 + i, RandomWriter.Load.crowded(IDS), i % 2 == 0)));
                }
                for (Reading reading : List.of(
                        Reading.ours(fixture.log, start, new Random(1), 20),
                        Reading.bySeq(first, LOG),
                        Reading.byXid(second, LOG))) {
                    readers.add(threads.submit(() -> reading.until(end, 1)));
                }
                truth.awaitSize(COMMITTED, Duration.ofSeconds(60));
                stop.set(true);
                for (Future<?> writer : writers) {
                    writer.get();
                }
            } finally {
                stop.set(true);
                end.countDown();
            }
            Faults ours = truth.judge(readers.get(0).get());
            Faults bySeq = truth.judge(readers.get(1).get());
            Faults byXid = truth.judge(readers.get(2).get());
            String figures =
                    truth.size() + " rows; ours " + ours + ", seq > last " + bySeq + ", (xid, seq) < xmin " + byXid;
            System.out.println("figure: " + figures);
            assertEquals(Faults.NONE, ours, figures);
            assertTrue(bySeq.lost() > 0, () -> "the load or the checker is too weak: " + figures);
            assertEquals(0, byXid.lost(), figures);
            assertTrue(byXid.inverted() > 0, () -> "the load or the checker is too weak: " + figures);
        }
    }
}
