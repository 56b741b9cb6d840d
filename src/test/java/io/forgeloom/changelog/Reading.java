package io.forgeloom.changelog;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A way to read the log: ours, and the broken ones that ours is compared with. Confined to one thread. */
interface Reading {

    /** Reads what is new and adds it. */
    void look(Seqs delivered) throws SQLException;

    /** Looks until {@code end}, and then until there is nothing more. */
    default Seqs until(CountDownLatch end, int pauseMillis) throws SQLException, InterruptedException {
        Seqs delivered = new Seqs();
        while (!end.await(pauseMillis, TimeUnit.MILLISECONDS)) {
            look(delivered);
        }
        for (int before = -1; before < delivered.size(); ) {
            before = delivered.size();
            // Ours now and then gives up on purpose.
            for (int look = 0; look < 12; look++) {
                look(delivered);
            }
        }
        return delivered;
    }

    /** The changes, one by one, that those rows of the log {@code l} tell of for which {@code where} holds. */
    static String each(String log, String where) {
        return "(SELECT l.xid, l.seq - coalesce(cardinality(l.row_ids), 1) + e.place AS seq, e.row_id FROM " + log
                + " AS l, unnest(coalesce(l.row_ids, ARRAY[l.row_id])) WITH ORDINALITY AS e (row_id, place) WHERE "
                + where + ") AS changes";
    }

    /** The most common way: everything above the last number. */
    static Reading bySeq(Connection connection, String log) {
        long[] last = {0};
        return delivered -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(
                            "SELECT seq FROM " + each(log, "l.seq > " + last[0]) + " ORDER BY seq")) {
                while (row.next()) {
                    last[0] = row.getLong(1);
                    delivered.add(last[0]);
                }
            }
        };
    }

    /** The cure that loses nothing: everything in the order of xid and number, below the oldest that runs. */
    static Reading byXid(Connection connection, String log) {
        long[] last = {0, 0};
        return delivered -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("SELECT xid, seq FROM "
                            + each(
                                    log,
                                    "(l.xid, l.seq) > ('" + last[0] + "'::xid8, " + last[1]
                                            + ") AND l.xid < pg_snapshot_xmin(pg_current_snapshot())")
                            + " ORDER BY xid, seq")) {
                while (row.next()) {
                    last[0] = Long.parseLong(row.getString(1));
                    last[1] = row.getLong(2);
                    delivered.add(last[1]);
                }
            }
        };
    }

    /** Ours, and every now and then from the position that was stored last, as after a crash. */
    static Reading ours(ChangeLog log, ChangePosition start, Random random, int mostInBatch) {
        String[] stored = {start.toString()};
        return delivered -> {
            FollowOptions options = FollowOptions.builder()
                    .batchSize(1 + random.nextInt(mostInBatch))
                    .build();
            try (ChangeDrain drain = log.drain(ChangePosition.parse(stored[0]), options)) {
                for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                    Batch batch = (Batch) next.get();
                    if (random.nextInt(5) == 0) {
                        // Dies before it has stored anything of this batch.
                        return;
                    }
                    int kept = 1 + random.nextInt(batch.rows().size());
                    batch.rows().subList(0, kept).forEach(row -> delivered.add(row.seq()));
                    if (kept < batch.rows().size()) {
                        stored[0] = batch.rows().get(kept - 1).position().toString();
                        return;
                    }
                    stored[0] = batch.position().toString();
                }
                stored[0] = drain.position().toString();
            }
        };
    }
}
