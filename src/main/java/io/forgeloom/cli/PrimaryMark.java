package io.forgeloom.cli;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgSession;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Where the primary's log was at one moment of a command, and how far behind that a replica is. Safe for use by many
 * threads.
 *
 * <p>In time, the lag is what passes on the clock of this process until the replica has replayed what the primary had
 * written at that moment; no clock of a server is asked, and an idle primary is no lag.
 */
final class PrimaryMark {

    /** How long a replica is watched; who needs longer is behind by at least that. */
    static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(10);

    /** What is left of a command's time for the last look and the report. */
    private static final Duration MARGIN = Duration.ofMillis(100);

    private static final String WRITTEN = "SELECT pg_catalog.pg_current_wal_lsn() - '0/0'::pg_catalog.pg_lsn";
    private static final String REPLAYED = "SELECT pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_catalog.pg_lsn";

    /**
     * How far a replica is behind.
     *
     * @param bytes what it had not replayed of what the primary had written, when it was asked first
     * @param millis how long it took to replay that; 0 if there was nothing
     * @param atLeast whether it had not by then
     */
    record Lag(long bytes, long millis, boolean atLeast) {
        /** The time for people. */
        String time() {
            return (atLeast ? "more than " : "") + millis + " ms";
        }
    }

    /** The position, and when it was asked for. */
    private record Mark(long lsn, long nanos) {}

    private final CountDownLatch settled = new CountDownLatch(1);
    private volatile @Nullable Mark mark;

    /** Asks the primary; the first answer is the mark. */
    void read(PgSession primary) throws SQLException {
        long asked = System.nanoTime();
        mark = new Mark(position(primary, WRITTEN), asked);
        settled.countDown();
    }

    /** There will be no mark, if there is none yet. */
    void giveUp() {
        settled.countDown();
    }

    /** How far {@code replica} is behind; null if the primary's position is not known by the deadline. */
    @Nullable
    Lag behind(PgSession replica, Deadline deadline) throws SQLException, InterruptedException {
        if (!settled.await(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
            return null;
        }
        Mark at = mark;
        if (at == null) {
            return null;
        }
        Deadline patience = Deadline.after(deadline.remaining().minus(MARGIN)).earlier(Deadline.after(PATIENCE));
        long bytes = at.lsn - position(replica, REPLAYED);
        if (bytes <= 0) {
            return new Lag(0, 0, false);
        }
        long left = bytes;
        while (left > 0 && !patience.expired()) {
            TimeUnit.NANOSECONDS.sleep(BETWEEN_LOOKS.toNanos());
            left = at.lsn - position(replica, REPLAYED);
        }
        return new Lag(bytes, (System.nanoTime() - at.nanos) / 1_000_000, left > 0);
    }

    private static long position(PgSession session, String question) throws SQLException {
        try (Statement statement = session.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            return row.getLong(1);
        }
    }
}
