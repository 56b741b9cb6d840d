package io.forgeloom.testing.demo;

import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ChangeSeam;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ForgeException;
import io.forgeloom.error.SqlState;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Writers on a tracked table, and a follower that copies it while they write and keeps the copy by what the change log says, both
 * through every fault of the server. Started and stopped by one thread.
 */
final class ChangeLoad implements AutoCloseable {

    private static final int WRITERS = 4;
    private static final int IDS = 20_000;

    private static final String TABLE = """
            CREATE TABLE public.followed (id int PRIMARY KEY, value int NOT NULL);
            INSERT INTO public.followed SELECT n, 0 FROM generate_series(1, %d) AS n
            """.formatted(IDS);

    /** Each for some ids from a random one on. */
    private static final List<String> WRITES = List.of(
            "INSERT INTO public.followed SELECT ? + n, ? FROM generate_series(0, 4) AS n"
                    + " ON CONFLICT (id) DO UPDATE SET value = excluded.value",
            "WITH w AS (SELECT ? AS id, ? AS value) UPDATE public.followed AS f SET value = w.value FROM w"
                    + " WHERE f.id BETWEEN w.id AND w.id + 9",
            "WITH w AS (SELECT ? AS id, ? AS unused) DELETE FROM public.followed AS f USING w"
                    + " WHERE f.id BETWEEN w.id AND w.id + 2");

    private static final String ALL = "SELECT id, value FROM public.followed";

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(100);
    private static final Duration CATCH_UP_LIMIT = Duration.ofSeconds(15);
    private static final long PAUSE_MILLIS = 5;
    private static final long OUTAGE_PAUSE_MILLIS = 50;

    private static final class Undo extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private final Database database;
    private final NotifyBus bus;
    private final ChangeLog log;
    private final List<Thread> writers = new ArrayList<>();
    private final Thread follower =
            Thread.ofVirtual().name("forgeloom-demo-follower").unstarted(this::follow);

    private volatile boolean written;
    private volatile boolean ending;

    /** A statement of ours that no server would take. */
    private volatile @Nullable Throwable mistake;

    // The follower writes them.
    private volatile long applied;
    private volatile long resyncs;

    // The follower's; read by others after it was joined.
    private Map<Integer, Integer> copy = new HashMap<>();
    private boolean caughtUp;

    private ChangeLoad(Database database, NotifyBus bus) {
        this.database = database;
        this.bus = bus;
        this.log = ChangeLog.of(database, bus);
    }

    /** Makes the table and tracks it; the system schema is there. */
    static ChangeLoad open(String url) {
        Database database = Database.open(DatabaseConfig.builder(url)
                .poolSize(WRITERS + 3)
                .serviceName("forge-demo-changes")
                .slowStatementThreshold(Duration.ZERO)
                .build());
        ChangeLoad load = new ChangeLoad(database, NotifyBus.of(database));
        try {
            database.inTransaction(transaction -> {
                try (Statement statement = transaction.connection().createStatement()) {
                    return statement.execute(TABLE);
                }
            });
            load.log.track("public.followed", TrackOptions.DEFAULTS);
            load.bus.start();
            return load;
        } catch (Throwable e) {
            load.close();
            throw e;
        }
    }

    /** The writers first, so that the copy is made while they write. */
    void start() {
        for (int i = 0; i < WRITERS; i++) {
            SplittableRandom random = new SplittableRandom(i);
            writers.add(Thread.ofVirtual()
                    .name("forgeloom-demo-writer-" + i)
                    .uncaughtExceptionHandler((writer, failure) -> mistake = failure)
                    .start(() -> write(random)));
        }
        follower.start();
    }

    // ---- the writers ----

    private void write(SplittableRandom random) {
        try {
            while (!written) {
                try {
                    database.inTransaction(transaction -> writeOnce(transaction.connection(), random));
                } catch (Undo e) {
                    // Rolled back: the log must not show it.
                    Thread.sleep(1);
                } catch (ForgeException e) {
                    String state = SqlState.of(e);
                    if (state != null && state.startsWith("42")) {
                        throw e;
                    }
                    // Whatever became of it: the log knows.
                    Thread.sleep(OUTAGE_PAUSE_MILLIS);
                }
                Thread.sleep(PAUSE_MILLIS);
            }
        } catch (InterruptedException e) {
            // The demo is being stopped.
            Thread.currentThread().interrupt();
        }
    }

    private static int writeOnce(Connection connection, SplittableRandom random) throws SQLException, Undo {
        try (PreparedStatement write = connection.prepareStatement(WRITES.get(random.nextInt(WRITES.size())))) {
            write.setInt(1, 1 + random.nextInt(IDS));
            write.setInt(2, random.nextInt());
            int rows = write.executeUpdate();
            if (random.nextInt(10) == 0) {
                throw new Undo();
            }
            return rows;
        }
    }

    // ---- the follower ----

    private void follow() {
        try {
            while (!caughtUp) {
                try (ChangeSeam<Map<Integer, Integer>> seam =
                        log.snapshotThenFollow(FollowOptions.DEFAULTS, ChangeLoad::all)) {
                    copy = seam.copy();
                    follow(seam.follower());
                } catch (ForgeException e) {
                    // The copy could not be made; nothing was followed yet.
                    Thread.sleep(OUTAGE_PAUSE_MILLIS);
                }
            }
        } catch (InterruptedException e) {
            // The demo is being stopped.
            Thread.currentThread().interrupt();
        }
    }

    /** Until the end of the log once the writers have ended, or until the copy has to be begun anew. */
    private void follow(ChangeFollower changes) throws InterruptedException {
        while (true) {
            try {
                boolean last = ending;
                Optional<ChangeElement> next = changes.poll(BETWEEN_LOOKS);
                if (next.isEmpty()) {
                    if (last) {
                        caughtUp = true;
                        return;
                    }
                } else if (next.get() instanceof Batch batch) {
                    apply(batch);
                } else {
                    resyncs++;
                    return;
                }
            } catch (ForgeException e) {
                // The next look goes on where this one began.
                Thread.sleep(OUTAGE_PAUSE_MILLIS);
            }
        }
    }

    private void apply(Batch batch) throws InterruptedException {
        Integer[] ids = batch.rows().stream()
                .map(ChangeRow::rowId)
                .distinct()
                .map(Integer::valueOf)
                .toArray(Integer[]::new);
        while (true) {
            try {
                Map<Integer, Integer> now = database.withConnection(connection -> some(connection, ids));
                for (Integer id : ids) {
                    copy.remove(id);
                }
                copy.putAll(now);
                applied += batch.rows().size();
                return;
            } catch (ForgeException e) {
                Thread.sleep(OUTAGE_PAUSE_MILLIS);
            }
        }
    }

    private static Map<Integer, Integer> some(Connection connection, Integer[] ids) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(ALL + " WHERE id = ANY (?)")) {
            select.setArray(1, connection.createArrayOf("int4", ids));
            return rows(select);
        }
    }

    private static Map<Integer, Integer> all(Connection connection) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(ALL)) {
            return rows(select);
        }
    }

    private static Map<Integer, Integer> rows(PreparedStatement select) throws SQLException {
        try (ResultSet row = select.executeQuery()) {
            Map<Integer, Integer> rows = new HashMap<>();
            while (row.next()) {
                rows.put(row.getInt(1), row.getInt(2));
            }
            return rows;
        }
    }

    // ---- what came of it ----

    /** Up to now. */
    ChangeFindings findings() {
        return new ChangeFindings(-1, applied, 0, resyncs, false);
    }

    /** Ends the writers, lets the follower come to the end of the log, and compares its copy with the table. */
    ChangeFindings stop() throws InterruptedException {
        written = true;
        for (Thread writer : writers) {
            writer.join();
        }
        if (mistake != null) {
            throw new IllegalStateException("a writer's statement is wrong", mistake);
        }
        ending = true;
        if (!follower.join(CATCH_UP_LIMIT)) {
            return ChangeFindings.LATE;
        }
        Map<Integer, Integer> table = database.withConnection(ChangeLoad::all);
        long different =
                copy.keySet().stream().filter(id -> !table.containsKey(id)).count();
        different += table.entrySet().stream()
                .filter(row -> !row.getValue().equals(copy.get(row.getKey())))
                .count();
        return new ChangeFindings(table.size(), applied, different, resyncs, caughtUp);
    }

    /** Ends everything at once. */
    @Override
    public void close() {
        written = true;
        writers.forEach(Thread::interrupt);
        follower.interrupt();
        boolean interrupted = false;
        List<Thread> threads = new ArrayList<>(writers);
        if (follower.getState() != Thread.State.NEW) {
            threads.add(follower);
        }
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        bus.close();
        database.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
