package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.changelog.Batch;
import io.forgeloom.changelog.ChangeConsumer;
import io.forgeloom.changelog.ChangeElement;
import io.forgeloom.changelog.ChangeFollower;
import io.forgeloom.changelog.ChangeRow;
import io.forgeloom.changelog.ChangeSeam;
import io.forgeloom.changelog.ConsumerOptions;
import io.forgeloom.changelog.ConsumerTakenOverException;
import io.forgeloom.changelog.FollowOptions;
import io.forgeloom.changelog.Resync;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.error.ForgeException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/** Writers of two tracked tables, and the consumer of one of them: whoever leads {@link ChaosSchema#SWIFT}. */
final class ChangeUsers {

    static final String SOURCE = "public.chaos_source";
    static final String FOLLOWED = "public.chaos_followed";

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(200);

    /** Wanted by the user. */
    private static final class Undo extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private final Forge forge;
    private final Teller teller;
    private final AtomicLong numbers = new AtomicLong();

    ChangeUsers(Forge forge, Teller teller) {
        this.forge = forge;
        this.teller = teller;
    }

    /** Each node does it at its start; the first one waits for the others' writers. */
    void track() throws InterruptedException {
        for (String table : List.of(SOURCE, FOLLOWED)) {
            ChaosNode.retried(() -> {
                forge.changes().track(table, TrackOptions.DEFAULTS);
                return table;
            });
        }
    }

    // ---- the writers ----

    /** Some rows in one transaction, which now and then stays open for longer than others that begin after it. */
    void writeSource() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        boolean undo = random.nextInt(8) == 0;
        long pause = random.nextInt(6) == 0 ? 200 + random.nextInt(600) : 0;
        try {
            forge.database().inTransaction(transaction -> {
                try (PreparedStatement insert =
                        transaction.connection().prepareStatement("INSERT INTO public.chaos_source VALUES (?)")) {
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        insert.setString(1, teller.node() + "/" + numbers.incrementAndGet());
                        insert.executeUpdate();
                        sleep(pause);
                    }
                }
                if (undo) {
                    throw new Undo();
                }
                return undo;
            });
        } catch (Undo e) {
            // Rolled back: no reader must ever see it.
        }
    }

    private static void sleep(long millis) throws SQLException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException(e);
        }
    }

    /** Changes a row, takes one out or puts one in. */
    void writeFollowed() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        int id = 1 + random.nextInt(ChaosSchema.FOLLOWED);
        boolean delete = random.nextInt(6) == 0;
        long pause = random.nextInt(8) == 0 ? 100 + random.nextInt(300) : 0;
        forge.database().inTransaction(transaction -> {
            try (PreparedStatement write = transaction
                    .connection()
                    .prepareStatement(
                            delete
                                    ? "DELETE FROM public.chaos_followed WHERE id = ?"
                                    : "INSERT INTO public.chaos_followed AS f VALUES (?, 1)"
                                            + " ON CONFLICT (id) DO UPDATE SET value = f.value + 1")) {
                write.setInt(1, id);
                int rows = write.executeUpdate();
                sleep(pause);
                return rows;
            }
        });
    }

    // ---- the consumer ----

    /** The body of a leader: until it is interrupted. */
    void consume() throws InterruptedException {
        teller.tell("consumer", "does", "begins");
        try {
            ChangeConsumer consumer = ChaosNode.retried(() -> forge.changes()
                    .consumer(ChaosSchema.CONSUMER, new ConsumerOptions(ConsumerOptions.WhenBehind.HOLD, null)));
            reconcile(consumer, "first");
            while (!Thread.interrupted()) {
                try (ChangeFollower follower = consumer.follow(FollowOptions.DEFAULTS)) {
                    follow(consumer, follower);
                } catch (ConsumerTakenOverException e) {
                    throw e;
                } catch (ForgeException e) {
                    Thread.sleep(100);
                }
            }
        } catch (ConsumerTakenOverException e) {
            teller.tell("consumer", "does", "loses");
        }
    }

    private void follow(ChangeConsumer consumer, ChangeFollower follower) throws InterruptedException {
        while (true) {
            Optional<ChangeElement> next = follower.poll(BETWEEN_LOOKS);
            if (next.isEmpty()) {
                continue;
            }
            switch (next.get()) {
                case Batch batch -> apply(consumer, batch);
                case Resync resync -> {
                    teller.tell(
                            "resync",
                            "who",
                            "consumer",
                            "cause",
                            resync.cause(),
                            "why",
                            Line.sentence(resync.message()));
                    reconcile(consumer, "resync");
                    return;
                }
            }
        }
    }

    private void apply(ChangeConsumer consumer, Batch batch) {
        List<String> ids = batch.rows().stream()
                .filter(row -> row.table().equals(SOURCE))
                .map(ChangeRow::rowId)
                .map(String::valueOf)
                .toList();
        forge.database().inTransaction(transaction -> {
            insert(transaction.connection(), ids);
            consumer.commit(transaction.connection(), batch.position());
            return ids;
        });
        teller.tell("consumed", "rows", ids.size());
    }

    private static void insert(Connection connection, List<String> ids) throws SQLException {
        try (PreparedStatement insert =
                connection.prepareStatement("INSERT INTO public.chaos_effect (id) SELECT unnest(?)")) {
            insert.setArray(1, connection.createArrayOf("text", ids.toArray()));
            insert.executeUpdate();
        }
    }

    /**
     * What a consumer does that is told to read the state anew, and one that is new where there is state: copies, does what was
     * not done, and goes on right behind the copy, in one transaction.
     */
    private void reconcile(ChangeConsumer consumer, String why) throws InterruptedException {
        if (why.equals("first") && ChaosNode.retried(this::hasEffects)) {
            return;
        }
        ChaosNode.retried(() -> {
            try (ChangeSeam<List<String>> seam =
                    forge.changes().snapshotThenFollow(FollowOptions.DEFAULTS, ChangeUsers::ids)) {
                forge.database().inTransaction(transaction -> {
                    insertMissing(transaction.connection(), seam.copy());
                    consumer.commit(transaction.connection(), seam.position());
                    return why;
                });
            }
            return why;
        });
        teller.tell("consumer", "does", "reconciled");
    }

    private boolean hasEffects() {
        return forge.database().withConnection(connection -> {
            try (Statement statement = connection.createStatement();
                    var row = statement.executeQuery("SELECT EXISTS (SELECT FROM public.chaos_effect)")) {
                row.next();
                return row.getBoolean(1);
            }
        });
    }

    private static List<String> ids(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                var row = statement.executeQuery("SELECT id FROM public.chaos_source")) {
            List<String> ids = new ArrayList<>();
            while (row.next()) {
                ids.add(row.getString(1));
            }
            return ids;
        }
    }

    private static void insertMissing(Connection connection, List<String> ids) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO public.chaos_effect (id)"
                + " SELECT id FROM unnest(?) AS s (id) WHERE id NOT IN (SELECT id FROM public.chaos_effect)")) {
            insert.setArray(1, connection.createArrayOf("text", ids.toArray()));
            insert.executeUpdate();
        }
    }
}
