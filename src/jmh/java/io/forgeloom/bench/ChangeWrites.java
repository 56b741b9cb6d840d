package io.forgeloom.bench;

import io.forgeloom.bench.ChangeLogHarness.Way;
import io.forgeloom.bench.report.Better;
import io.forgeloom.bench.report.Figures;
import io.forgeloom.bench.report.Spread;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.FollowOptions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/** What being tracked costs: each round has every way once, and is compared with itself. */
final class ChangeWrites {

    private static final int ROWS = 100_000;
    private static final int WRITERS = 16;
    private static final Duration TURN = Duration.ofMillis(200);
    private static final Duration WRITERS_TURN = Duration.ofSeconds(1);

    private static final String WRITING = "16 writers that insert";

    /** What we want, by rows of the report. */
    private static final Map<String, Double> BOUNDS = Map.of(
            "UPDATE of 100,000 rows",
            3.0,
            "UPDATE of 100,000 rows, without changed_cols",
            2.2,
            "UPDATE of one row",
            1.45,
            WRITING,
            0.75,
            WRITING + ", with a follower",
            0.65);

    private final ChangeLogHarness harness;

    ChangeWrites(ChangeLogHarness harness) {
        this.harness = harness;
    }

    /** Measures one way once. */
    private interface Turn<W extends Enum<W>> {
        double of(W way) throws SQLException, InterruptedException;
    }

    /** One UPDATE of 100,000 rows. */
    void update() throws SQLException, InterruptedException {
        Map<Way, Connection> sessions = new EnumMap<>(Way.class);
        try {
            for (Way way : Way.values()) {
                harness.table(way, ROWS);
                sessions.put(way, harness.server.connect());
            }
            compare("UPDATE of 100,000 rows", Way.class, "ms", "time ÷ untracked", 1e-6, way -> {
                harness.execute("VACUUM " + way.table());
                harness.emptyLog();
                try (Statement statement =
                        Objects.requireNonNull(sessions.get(way)).createStatement()) {
                    long begun = System.nanoTime();
                    statement.execute("UPDATE " + way.table() + " SET amount = amount + 1");
                    return System.nanoTime() - begun;
                }
            });
        } finally {
            for (Connection session : sessions.values()) {
                session.close();
            }
            harness.emptyLog();
        }
    }

    /** UPDATEs of one row by its key, each a transaction. */
    void single() throws SQLException, InterruptedException {
        Map<Way, Connection> sessions = new EnumMap<>(Way.class);
        try {
            for (Way way : Way.values()) {
                harness.table(way, 10_000);
                sessions.put(way, harness.server.connect());
            }
            compare("UPDATE of one row", Way.class, "µs", "time ÷ untracked", 1e-3, way -> {
                try (PreparedStatement update = Objects.requireNonNull(sessions.get(way))
                        .prepareStatement("UPDATE " + way.table() + " SET amount = amount + 1 WHERE id = ?")) {
                    long begun = System.nanoTime();
                    long now = begun;
                    int done = 0;
                    while (now - begun < TURN.toNanos()) {
                        update.setLong(1, 1 + ThreadLocalRandom.current().nextInt(10_000));
                        update.executeUpdate();
                        done++;
                        now = System.nanoTime();
                    }
                    return (double) (now - begun) / done;
                }
            });
        } finally {
            for (Connection session : sessions.values()) {
                session.close();
            }
            harness.emptyLog();
        }
    }

    /** How 16 writers insert; with a follower, one reads all they write meanwhile. */
    private enum Writing {
        UNTRACKED(Way.UNTRACKED),
        TRACKED(Way.TRACKED),
        WITH_FOLLOWER(Way.TRACKED),
        LEAST(Way.LEAST),
        ROW_NOTIFY(Way.ROW_NOTIFY);

        final Way way;

        Writing(Way way) {
            this.way = way;
        }
    }

    /** Transactions of one INSERT, by 16 writers at once. */
    void writers() throws SQLException, InterruptedException {
        for (Way way : Way.values()) {
            harness.table(way, 1);
        }
        AtomicLong ids = new AtomicLong(10);
        AtomicLong followed = new AtomicLong();
        compare(WRITING, Writing.class, "transactions/s", "throughput ÷ untracked", 1, writing -> {
            harness.emptyLog();
            if (writing != Writing.WITH_FOLLOWER) {
                return insert(writing.way, ids);
            }
            try (ChangeFollower follower = harness.log.follow(harness.log.now(), FollowOptions.DEFAULTS)) {
                Thread reader = Thread.ofVirtual().name("bench-follower").start(() -> follow(follower, followed));
                double throughput = insert(writing.way, ids);
                reader.interrupt();
                reader.join();
                return throughput;
            }
        });
        System.out.printf(Locale.ROOT, "followed: %,d rows%n", followed.get());
        harness.emptyLog();
    }

    private double insert(Way way, AtomicLong ids) throws InterruptedException {
        AtomicLong committed = new AtomicLong();
        long begun = System.nanoTime();
        List<Thread> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            writers.add(Thread.ofVirtual().name("bench-writer-" + i).start(() -> {
                while (System.nanoTime() - begun < WRITERS_TURN.toNanos()) {
                    harness.database.withConnection(connection -> {
                        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + way.table()
                                + " (id, owner, amount, note) VALUES (?, 1, 1, 'a note')")) {
                            insert.setLong(1, ids.incrementAndGet());
                            return insert.executeUpdate();
                        }
                    });
                    committed.incrementAndGet();
                }
            }));
        }
        for (Thread writer : writers) {
            writer.join();
        }
        return committed.get() * 1e9 / (System.nanoTime() - begun);
    }

    private static void follow(ChangeFollower follower, AtomicLong followed) {
        try {
            while (true) {
                followed.addAndGet(((Batch) follower.take()).rows().size());
            }
        } catch (InterruptedException e) {
            // The writers have ended.
            Thread.currentThread().interrupt();
        }
    }

    /** Rounds in a random order until the time is over, the first two to warm up; prints the medians and their ratios. */
    private <W extends Enum<W>> void compare(
            String what, Class<W> type, String unit, String ratio, double scale, Turn<W> turn)
            throws SQLException, InterruptedException {
        Map<W, List<Double>> values = new EnumMap<>(type);
        Map<W, Quotients> quotients = new EnumMap<>(type);
        W first = type.getEnumConstants()[0];
        long begun = 0;
        for (int round = 0; round < 5 || System.nanoTime() - begun < harness.time.toNanos(); round++) {
            if (round == 2) {
                begun = System.nanoTime();
                values.clear();
                quotients.clear();
            }
            List<W> order = new ArrayList<>(Arrays.asList(type.getEnumConstants()));
            Collections.shuffle(order);
            Map<W, Double> figures = new EnumMap<>(type);
            for (W way : order) {
                figures.put(way, turn.of(way));
            }
            double base = Objects.requireNonNull(figures.get(first));
            figures.forEach((way, value) -> {
                values.computeIfAbsent(way, key -> new ArrayList<>()).add(value);
                quotients.computeIfAbsent(way, key -> new Quotients()).add(value / base);
            });
        }
        for (W way : type.getEnumConstants()) {
            System.out.printf(
                    Locale.ROOT,
                    "%-25s %,10.1f %s; %s %s%n",
                    way instanceof Way w
                            ? w.text
                            : way.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                    Quotients.median(Objects.requireNonNull(values.get(way))) * scale,
                    unit,
                    ratio,
                    quotients.get(way));
            record(
                    what,
                    way.name(),
                    unit,
                    Spread.of(Objects.requireNonNull(values.get(way))).times(scale),
                    Objects.requireNonNull(quotients.get(way)).spread());
        }
    }

    /** Untracked is the floor, NOTIFY for each row a peer, and the least trigger what any of its kind costs; without columns, or with a follower, ours has a row of its own. */
    private static void record(String what, String way, String unit, Spread value, Spread quotient) {
        Better better = what.equals(WRITING) ? Better.MORE : Better.LESS;
        String row = switch (way) {
            case "WITHOUT_COLUMNS" -> what + ", without changed_cols";
            case "WITH_FOLLOWER" -> what + ", with a follower";
            default -> what;
        };
        Figures.Row absolute = Figures.row(row, unit, better);
        Figures.Row relative = Figures.row(
                row, better == Better.MORE ? "× the throughput of untracked" : "× the time of untracked", better);
        switch (way) {
            case "UNTRACKED" -> {
                absolute.floor("untracked", value);
                relative.floor("untracked", quotient);
            }
            case "LEAST" -> {
                absolute.peer("the least trigger", value);
                relative.peer("the least trigger", quotient);
            }
            case "ROW_NOTIFY" -> {
                absolute.peer("NOTIFY for each row", value);
                relative.peer("NOTIFY for each row", quotient);
            }
            default -> {
                absolute.ours(value);
                relative.ours(quotient, BOUNDS.getOrDefault(row, Double.NaN));
            }
        }
    }
}
