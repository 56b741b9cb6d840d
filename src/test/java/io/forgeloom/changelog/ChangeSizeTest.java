package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The log under a retention while an old snapshot is held open, which keeps dead rows from being removed anywhere in the
 * database: {@code mvn -Plong test -Dtest=ChangeSizeTest}, {@code -Dforgeloom.test.minutes=10} by default.
 */
@WithDatabase
@Tag("long")
class ChangeSizeTest {

    private static final Duration RETENTION = Duration.ofSeconds(6);
    private static final int BATCH = 500;

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void aTransactionThatIsHeldOpenDoesNotMakeTheLogGrow(TestDatabase server) throws Exception {
        long limit =
                Duration.ofMinutes(Long.getLong("forgeloom.test.minutes", 10)).toNanos();
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection open = server.connect();
                Statement held = open.createStatement();
                Connection writes = server.connect();
                Statement writer = writes.createStatement()) {
            fixture.execute("CREATE TABLE t (id bigserial PRIMARY KEY, a bigint)", "CREATE TABLE other (a int)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            open.setAutoCommit(false);
            open.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            held.execute("INSERT INTO other VALUES (1)");

            long begun = System.nanoTime();
            long[] largest = new long[2];
            long rows = 0;
            long trimmed = 0;
            long longest = 0;
            for (long now = begun; now - begun < limit; now = System.nanoTime()) {
                long before = System.nanoTime();
                writer.execute("INSERT INTO t (a) SELECT generate_series(1, " + BATCH + ")");
                longest = Math.max(longest, System.nanoTime() - before);
                rows += BATCH;
                trimmed += fixture.log.compact(RETENTION).rows();
                long size =
                        Long.parseLong(fixture.column("SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
                                        + " WHERE relname LIKE 'forge\\_change\\_%' AND relkind IN ('r', 'S')")
                                .getFirst());
                int half = now - begun < limit / 2 ? 0 : 1;
                largest[half] = Math.max(largest[half], size);
            }
            open.commit();
            System.out.printf(
                    "figure: %d s with a transaction open: %,d rows logged, %,d trimmed; largest size %,d kB in the first half,"
                            + " %,d kB in the second; longest INSERT of %d rows %d ms%n",
                    limit / 1_000_000_000,
                    rows,
                    trimmed,
                    largest[0] / 1024,
                    largest[1] / 1024,
                    BATCH,
                    longest / 1_000_000);
            assertTrue(trimmed > rows / 2, trimmed + " of " + rows + " were trimmed");
            assertTrue(largest[1] < largest[0] * 1.3, largest[1] + " bytes after " + largest[0]);
            assertEquals(rows, fixture.log.maxSeq().orElseThrow());
        }
    }
}
