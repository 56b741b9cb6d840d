package io.forgeloom.testing.demo;

import io.forgeloom.database.AcquireException;
import io.forgeloom.database.CommitOutcomeUnknownException;
import io.forgeloom.error.DeadlineExceededException;
import io.forgeloom.error.SqlState;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/** The numbers of a load while it runs. Safe for use by many threads. */
final class Tally {

    private static final int DIGITS = 3;

    final LongAdder committed = new LongAdder();
    final LongAdder declined = new LongAdder();
    final LongAdder runAgain = new LongAdder();
    final LongAdder errors = new LongAdder();
    final LongAdder unknown = new LongAdder();

    /** Settled by the library itself, through the transaction's id, after the connection was lost during COMMIT. */
    final LongAdder settledCommitted = new LongAdder();

    final LongAdder settledRolledBack = new LongAdder();

    private final Map<String, LongAdder> errorKinds = new ConcurrentHashMap<>();

    // In microseconds. Apart, since those who wait for a dead server say nothing of the queue.
    private final Histogram waits = new ConcurrentHistogram(DIGITS);
    private final Histogram prolongedWaits = new ConcurrentHistogram(DIGITS);

    /** One wait for a connection, whether it was got or not. */
    void waited(long nanos, boolean prolongedByOutage) {
        (prolongedByOutage ? prolongedWaits : waits).recordValue(TimeUnit.NANOSECONDS.toMicros(nanos));
    }

    void failed(Exception failure) {
        if (failure instanceof CommitOutcomeUnknownException) {
            unknown.increment();
        }
        errors.increment();
        errorKinds.computeIfAbsent(kind(failure), key -> new LongAdder()).increment();
    }

    static String kind(Exception failure) {
        String state = SqlState.of(failure);
        if (failure instanceof CommitOutcomeUnknownException) {
            return "connection lost at COMMIT, unknown";
        }
        if (failure instanceof AcquireException refused) {
            return "no connection: " + refused.reason();
        }
        if (failure instanceof DeadlineExceededException) {
            return "deadline exceeded";
        }
        if (SqlState.isSessionLost(state)) {
            return "connection lost, rolled back";
        }
        return state == null ? failure.getClass().getSimpleName() : "SQLSTATE " + state;
    }

    Map<String, Long> errorsByKind() {
        Map<String, Long> kinds = new TreeMap<>();
        errorKinds.forEach((kind, count) -> kinds.put(kind, count.sum()));
        return kinds;
    }

    /** Waits that no outage prolonged. */
    Histogram waits() {
        return waits.copy();
    }

    Histogram allWaits() {
        Histogram all = waits.copy();
        all.add(prolongedWaits.copy());
        return all;
    }
}
