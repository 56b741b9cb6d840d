package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Readers who read from {@link Database#readPool()} one after the other until it is closed. */
final class ReadLoad implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(15);

    /** One read; the times are of {@link System#nanoTime()}, before the choice of a server and after the release. */
    record Read(
            int reader,
            String server,
            long begin,
            long end,
            @Nullable Exception failure) {

        boolean lost() {
            return failure != null;
        }

        long millis() {
            return (end - begin) / 1_000_000;
        }
    }

    private final Queue<Read> reads = new ConcurrentLinkedQueue<>();
    private final List<Thread> readers = new ArrayList<>();
    private volatile boolean over;

    ReadLoad(Database db, int count, Duration pause) {
        for (int i = 0; i < count; i++) {
            int reader = i;
            readers.add(Thread.ofVirtual().name("reader-" + i).start(() -> {
                while (!over) {
                    reads.add(read(db, reader));
                    try {
                        Thread.sleep(pause);
                    } catch (InterruptedException e) {
                        return;
                    }
                }
            }));
        }
    }

    /** One read by this thread. */
    static Read read(Database db, int reader) {
        long begin = System.nanoTime();
        ConnectionPool chosen = db.readPool();
        Exception failure = null;
        try (Connection connection = chosen.acquire();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_sleep(0.002)");
        } catch (SQLException | AcquireException e) {
            failure = e;
        }
        return new Read(reader, chosen.name(), begin, System.nanoTime(), failure);
    }

    /** Interrupts all readers, in whatever they are; each ends after its read. */
    void interrupt() {
        readers.forEach(Thread::interrupt);
    }

    /** Those that have ended. */
    Stream<Read> reads() {
        return reads.stream();
    }

    List<Read> lost() {
        return reads().filter(Read::lost).toList();
    }

    long longestMillis(Predicate<Read> which) {
        return reads().filter(which).mapToLong(Read::millis).max().orElse(0);
    }

    /** How many of the reads that began in a time went to {@code server}. */
    double share(String server, long from, long to) {
        List<Read> those =
                reads().filter(r -> r.begin - from >= 0 && r.begin - to < 0).toList();
        assertTrue(those.size() >= 20, "only " + those.size() + " reads: no share to speak of");
        return (double) those.stream().filter(r -> r.server.equals(server)).count() / those.size();
    }

    /** Returns when all have ended. */
    @Override
    public void close() {
        over = true;
        boolean interrupted = false;
        for (Thread reader : readers) {
            try {
                assertTrue(reader.join(PATIENCE), reader.getName() + " is stuck");
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
