package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ChangeSeam;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.Resync;
import io.forgeloom.error.ForgeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Copies a table and keeps the copy by what the change log says, until there is nothing more. */
final class CopyUser {

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(200);
    private static final String ALL = "SELECT id, value FROM public.chaos_followed";

    private final Forge forge;
    private final Teller teller;
    private final Thread thread = Thread.ofVirtual().name("chaos-copy").unstarted(this::run);
    private volatile boolean draining;

    // Of its thread.
    private Map<Integer, Long> copy = new TreeMap<>();
    private boolean complete;

    /** When a look last succeeded. */
    private long lookedNanos;

    CopyUser(Forge forge, Teller teller) {
        this.forge = forge;
        this.teller = teller;
    }

    void start() {
        thread.start();
    }

    /** Comes to the end of the log, and tells what the copy is. */
    void drain() throws InterruptedException {
        draining = true;
        if (!thread.join(Duration.ofSeconds(30))) {
            teller.tell("strange", "user", "copy", "what", "not_at_the_end_after_30_s");
        }
    }

    private void run() {
        try {
            while (!complete) {
                try (ChangeSeam<Map<Integer, Long>> seam =
                        forge.changes().snapshotThenFollow(FollowOptions.DEFAULTS, CopyUser::all)) {
                    copy = seam.copy();
                    lookedNanos = System.nanoTime();
                    teller.tell("copied", "rows", copy.size());
                    follow(seam.follower());
                } catch (ForgeException e) {
                    Thread.sleep(100);
                }
            }
            teller.tell("copy", "is", text());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String text() {
        return copy.entrySet().stream()
                .map(row -> row.getKey() + ":" + row.getValue())
                .collect(Collectors.joining(","));
    }

    private void follow(ChangeFollower follower) throws InterruptedException {
        while (true) {
            try {
                boolean last = draining;
                Optional<ChangeElement> next = follower.poll(BETWEEN_LOOKS);
                if (next.isEmpty()) {
                    lookedNanos = System.nanoTime();
                    if (last) {
                        complete = true;
                        return;
                    }
                } else if (next.get() instanceof Batch batch) {
                    lookedNanos = System.nanoTime();
                    apply(batch);
                } else if (next.get() instanceof Resync resync) {
                    long idle = (System.nanoTime() - lookedNanos) / 1_000_000;
                    teller.tell(
                            "resync",
                            "who",
                            "copy",
                            "cause",
                            resync.cause(),
                            "idle",
                            idle,
                            "why",
                            Line.sentence(resync.message()));
                    return;
                }
            } catch (ForgeException e) {
                // The next look goes on where this one began.
                Thread.sleep(100);
            }
        }
    }

    private void apply(Batch batch) throws InterruptedException {
        List<ChangeRow> rows = batch.rows().stream()
                .filter(row -> row.table().equals(ChangeUsers.FOLLOWED))
                .toList();
        if (rows.isEmpty()) {
            return;
        }
        teller.tell(
                "followed",
                "rows",
                rows.stream().map(row -> row.rowId() + ":" + row.seq()).collect(Collectors.joining(",")));
        Integer[] ids = rows.stream()
                .map(row -> Integer.valueOf(String.valueOf(row.rowId())))
                .distinct()
                .toArray(Integer[]::new);
        Map<Integer, Long> now = ChaosNode.retried(() -> forge.database().withConnection(c -> some(c, ids)));
        for (Integer id : ids) {
            copy.remove(id);
        }
        copy.putAll(now);
    }

    private static Map<Integer, Long> some(Connection connection, Integer[] ids) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(ALL + " WHERE id = ANY (?)")) {
            select.setArray(1, connection.createArrayOf("int4", ids));
            return rows(select);
        }
    }

    private static Map<Integer, Long> all(Connection connection) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(ALL)) {
            return rows(select);
        }
    }

    private static Map<Integer, Long> rows(PreparedStatement select) throws SQLException {
        try (ResultSet row = select.executeQuery()) {
            Map<Integer, Long> rows = new TreeMap<>();
            while (row.next()) {
                rows.put(row.getInt(1), row.getLong(2));
            }
            return rows;
        }
    }
}
