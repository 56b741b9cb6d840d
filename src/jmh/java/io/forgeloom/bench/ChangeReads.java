package io.forgeloom.bench;

import io.forgeloom.bench.ChangeLogHarness.Way;
import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeDrain;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.ChangePosition;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.TrimResult;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** How fast the log is read, how late it tells, and how it is trimmed. */
final class ChangeReads {

    private static final int ROWS = 1_000_000;
    private static final int BATCH = 5_000;

    /** Rows a statement, each of which has a row of the log. */
    private static final int FEW = 50;

    private static final String BARE = "bare loop";

    /** As it is by default where max_prepared_transactions is 0, as by default; the embedded server has some. */
    private static final FollowOptions RINGING =
            FollowOptions.builder().ringAlways(true).build();

    private final ChangeLogHarness harness;

    ChangeReads(ChangeLogHarness harness) {
        this.harness = harness;
    }

    /** In ten transactions, so that it is not all of one, with so many rows a statement: of more than 64 a block is logged. */
    private void fill(int statement) throws SQLException {
        harness.table(Way.TRACKED, 1);
        harness.emptyLog();
        for (int i = 0; i < 10; i++) {
            harness.execute(
                    "DO $$ BEGIN FOR i IN " + i * ROWS / 10 / statement + " .. " + ((i + 1) * ROWS / 10 / statement - 1)
                            + " LOOP INSERT INTO " + Way.TRACKED.table()
                            + " SELECT n, 1, 1, 'a note' FROM generate_series(10 + i * "
                            + statement + ", 9 + (i + 1) * " + statement + ") AS n; END LOOP; END $$");
        }
    }

    /** A million rows into Java; beside it a bare loop that reads the same columns by a cursor, and orders by seq. */
    void drain() throws SQLException {
        ChangePosition start = harness.log.start();
        fill(FEW);
        // For the bare loop's plan: nobody vacuums the log.
        harness.execute("VACUUM ANALYZE forge_change_log");
        Quotients quotients = new Quotients();
        List<Double> owns = new ArrayList<>();
        List<Double> bares = new ArrayList<>();
        long begun = 0;
        for (int round = 0; round < 5 || System.nanoTime() - begun < harness.time.toNanos(); round++) {
            double own = seconds(() -> drained(start));
            double bare = seconds(this::bare);
            if (round == 1) {
                begun = System.nanoTime();
            }
            if (round >= 2) {
                owns.add(ROWS / own);
                bares.add(ROWS / bare);
                quotients.add(bare / own);
            }
        }
        System.out.printf(
                Locale.ROOT,
                "drain %,.0f rows/s, bare loop %,.0f rows/s; speed against it %s%n",
                Quotients.median(owns),
                Quotients.median(bares),
                quotients);
        Figures.row("a million rows into Java", "rows/s", Better.MORE)
                .ours(Spread.of(owns))
                .peer(BARE, Spread.of(bares));
        Figures.row("a million rows into Java, speed", "× that of the bare loop", Better.MORE)
                .ours(quotients.spread())
                .peer(BARE, Spread.exactly(1));
        fill(ROWS / 10);
        owns.clear();
        for (int round = 0; round < 5; round++) {
            owns.add(ROWS / seconds(() -> drained(start)));
        }
        System.out.printf(Locale.ROOT, "of ten statements: drain %,.0f rows/s%n", Quotients.median(owns));
        Figures.row("a million rows of ten statements into Java", "rows/s", Better.MORE)
                .ours(Spread.of(owns));
        harness.emptyLog();
    }

    private interface Reading {
        long rows() throws SQLException;
    }

    private static double seconds(Reading reading) throws SQLException {
        long begun = System.nanoTime();
        long rows = reading.rows();
        if (rows != ROWS) {
            throw new IllegalStateException(rows + " rows came of " + ROWS);
        }
        return (System.nanoTime() - begun) / 1e9;
    }

    private long drained(ChangePosition from) {
        long rows = 0;
        try (ChangeDrain drain = harness.log.drain(from)) {
            for (Optional<ChangeElement> next = drain.next(); next.isPresent(); next = drain.next()) {
                rows += ((Batch) next.get()).rows().size();
            }
        }
        return rows;
    }

    private record BareRow(long seq, String op, String table, String id, Object key, Object columns, Instant at) {}

    private long bare() throws SQLException {
        long rows = 0;
        try (Connection connection = harness.server.connect()) {
            connection.setAutoCommit(false);
            try (PreparedStatement statement = connection.prepareStatement(
                    "SELECT seq, op, table_name, row_id, key, changed_cols, created_at FROM forge_change_log ORDER BY seq")) {
                statement.setFetchSize(BATCH);
                List<BareRow> page = new ArrayList<>(BATCH);
                try (ResultSet row = statement.executeQuery()) {
                    while (row.next()) {
                        page.add(new BareRow(
                                row.getLong(1),
                                row.getString(2),
                                row.getString(3),
                                row.getString(4),
                                row.getArray(5),
                                row.getArray(6),
                                row.getObject(7, OffsetDateTime.class).toInstant()));
                        rows++;
                        if (page.size() == BATCH) {
                            page.clear();
                        }
                    }
                }
            }
            connection.commit();
        }
        return rows;
    }

    /** A look that finds nothing: with an empty log, and while a transaction is open since a million rows. */
    void idle() throws SQLException {
        harness.emptyLog();
        harness.execute("CREATE TABLE bench_moves (at timestamptz DEFAULT now())");
        poll("empty log, nothing moves", false);
        poll("empty log, others commit", true);
        try (Connection open = harness.server.connect();
                Statement statement = open.createStatement()) {
            open.setAutoCommit(false);
            statement.execute("SELECT pg_current_xact_id()");
            fill(FEW);
            poll("1 M rows since an open transaction began, nothing moves", false);
            poll("1 M rows since an open transaction began, others commit", true);
            open.rollback();
        }
        harness.emptyLog();
    }

    private void poll(String name, boolean moving) throws SQLException {
        Waits waits = new Waits();
        Waits roundTrips = new Waits();
        long looks = 0;
        try (Connection other = harness.server.connect();
                Statement transaction = other.createStatement();
                ChangeDrain drain = harness.log.drain(harness.log.now())) {
            for (int i = 0; i < 3000; i++) {
                drain.next();
            }
            long before = buffers();
            for (long begun = System.nanoTime(); System.nanoTime() - begun < harness.time.toNanos() / 4; looks++) {
                if (moving) {
                    transaction.execute("INSERT INTO bench_moves DEFAULT VALUES");
                }
                long from = System.nanoTime();
                drain.next();
                waits.add(System.nanoTime() - from);
                from = System.nanoTime();
                harness.database.withConnection(connection -> {
                    try (PreparedStatement statement = connection.prepareStatement("SELECT 1")) {
                        return statement.execute();
                    }
                });
                roundTrips.add(System.nanoTime() - from);
            }
            System.out.printf(
                    Locale.ROOT,
                    "%-57s p50 %3d µs, p99 %4d µs (SELECT 1: %d µs); %.1f buffers a look%n",
                    name,
                    waits.quantile(0.5) / 1000,
                    waits.quantile(0.99) / 1000,
                    roundTrips.quantile(0.5) / 1000,
                    (double) (buffers() - before) / looks);
            Figures.row("a look that finds nothing, p50: " + name, "µs", Better.LESS)
                    .ours(Spread.exactly(waits.quantile(0.5) / 1e3))
                    .floor("SELECT 1", Spread.exactly(roundTrips.quantile(0.5) / 1e3));
        }
    }

    /** Of the tables of the log, their indexes, and the sequences. */
    private long buffers() throws SQLException {
        try (Connection connection = harness.server.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT pg_stat_force_next_flush()");
            statement.execute("SELECT pg_sleep(1.2)");
            try (ResultSet row = statement.executeQuery(
                    "SELECT (SELECT sum(coalesce(heap_blks_hit, 0) + heap_blks_read + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))"
                            + " FROM pg_statio_user_tables WHERE relname LIKE 'forge%')"
                            + " + (SELECT sum(blks_hit + blks_read) FROM pg_statio_user_sequences)")) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    /** From before the writer's COMMIT to the follower's take: idle, and while another database has a transaction open. */
    void delivery() throws SQLException, InterruptedException {
        harness.table(Way.TRACKED, 1);
        harness.execute("CREATE DATABASE bench_other");
        deliver("one now and then");
        try (Connection other = harness.server.connect("bench_other");
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("CREATE TABLE t (a int)");
            statement.execute("INSERT INTO t VALUES (1)");
            deliver("the same, a transaction open in another database");
            other.rollback();
        }
        harness.execute("DROP DATABASE bench_other WITH (FORCE)");
        harness.emptyLog();
    }

    private void deliver(String name) throws SQLException, InterruptedException {
        Waits waits = new Waits();
        AtomicBoolean over = new AtomicBoolean();
        try (ChangeFollower follower = harness.log.follow(harness.log.now(), RINGING)) {
            Thread writer = Thread.ofVirtual().name("bench-writer").start(() -> write(over));
            for (long begun = System.nanoTime(); System.nanoTime() - begun < harness.time.toNanos(); ) {
                Optional<ChangeElement> next = follower.poll(Duration.ofSeconds(5));
                long now = System.nanoTime();
                Batch batch = (Batch) next.orElseThrow(() -> new IllegalStateException("nothing came for 5 s"));
                batch.rows().forEach(row -> waits.add(now - Long.parseLong(String.valueOf(row.rowId()))));
            }
            over.set(true);
            writer.join();
        }
        System.out.printf(
                Locale.ROOT,
                "%-50s p50 %.2f ms, p99 %.2f ms, longest %.2f ms%n",
                name,
                waits.quantile(0.5) / 1e6,
                waits.quantile(0.99) / 1e6,
                waits.longest() / 1e6);
        Figures.row("delivery, p50: " + name, "ms", Better.LESS).ours(Spread.exactly(waits.quantile(0.5) / 1e6));
        Figures.row("delivery, p99: " + name, "ms", Better.LESS).ours(Spread.exactly(waits.quantile(0.99) / 1e6));
    }

    /** A row each 150 ms or so: by then the follower sleeps. */
    private void write(AtomicBoolean over) {
        try {
            for (int i = 0; !over.get(); i++) {
                Thread.sleep(130 + i * 7 % 40);
                harness.database.withConnection(connection -> {
                    try (PreparedStatement insert = connection.prepareStatement(
                            "INSERT INTO " + Way.TRACKED.table() + " (id, owner, amount) VALUES (?, 1, 1)")) {
                        insert.setLong(1, System.nanoTime());
                        return insert.executeUpdate();
                    }
                });
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A million rows, each with a row of the log, and then of ten statements; while one writer inserts all the time. */
    void trim() throws SQLException, InterruptedException {
        trim(FEW, "");
        trim(ROWS / 10, " of ten statements");
    }

    private void trim(int statement, String what) throws SQLException, InterruptedException {
        fill(statement);
        harness.execute(
                "SELECT setval('forge_change_slot', (last_value + 1) % 8) FROM forge_change_slot",
                "INSERT INTO " + Way.TRACKED.table() + " SELECT -n, 1, 1, '' FROM generate_series(1, 2000) AS n");
        Waits waits = new Waits();
        AtomicBoolean over = new AtomicBoolean();
        Thread writer = Thread.ofVirtual().name("bench-writer").start(() -> {
            while (!over.get()) {
                long begun = System.nanoTime();
                harness.database.withConnection(connection -> {
                    try (PreparedStatement insert = connection.prepareStatement(
                            "INSERT INTO " + Way.TRACKED.table() + " (id, owner, amount) VALUES (?, 1, 1)")) {
                        insert.setLong(1, System.nanoTime());
                        return insert.executeUpdate();
                    }
                });
                waits.add(System.nanoTime() - begun);
            }
        });
        Thread.sleep(1000);
        long begun = System.nanoTime();
        TrimResult result = harness.log.trim(Instant.now());
        long took = System.nanoTime() - begun;
        over.set(true);
        writer.join();
        System.out.printf(
                Locale.ROOT,
                "%,d rows%s trimmed in %.0f ms (%s); the longest insert meanwhile %.1f ms of %s%n",
                result.rows(),
                what,
                took / 1e6,
                result.refused().isEmpty() ? "nothing refused" : String.join("; ", result.refused()),
                waits.longest() / 1e6,
                "all, p50 " + waits.quantile(0.5) / 1000 + " µs");
        Figures.row("trim of a million rows" + what, "ms", Better.LESS).ours(Spread.exactly(took / 1e6));
        Figures.row("the longest insert beside the trim" + what, "ms", Better.LESS)
                .ours(Spread.exactly(waits.longest() / 1e6));
        harness.emptyLog();
    }
}
