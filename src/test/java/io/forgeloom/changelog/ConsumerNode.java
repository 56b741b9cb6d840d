package io.forgeloom.changelog;

import io.forgeloom.changelog.ConsumerOptions.WhenBehind;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A process that is a named consumer, to be killed: appends the numbers that it is given to the table {@code effects}, in
 * the transaction in which it stores its position. Arguments: URL, name, where it begins if it is new. Prints {@code ready}
 * once the name is its own. Ends with {@link #TAKEN_OVER} if that is no longer so, after SIGTERM, and behind the marker.
 */
public final class ConsumerNode {

    /** What a consumer writes: one row for each commit, in order. */
    static final String TABLE = "CREATE TABLE effects (consumer text NOT NULL, "
            + "place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seqs bigint[] NOT NULL)";

    /** The key of the row that is written last of all. */
    static final int MARKER = 0;

    static final int TAKEN_OVER = 3;

    private final Database database;
    private final ChangeConsumer consumer;
    private final AtomicBoolean stop;
    private final Random random = new Random();

    private ConsumerNode(Database database, ChangeConsumer consumer, AtomicBoolean stop) {
        this.database = database;
        this.consumer = consumer;
        this.stop = stop;
    }

    public static void main(String[] arguments) throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.set(true);
            try {
                main.join(Duration.ofSeconds(10));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        DatabaseConfig config = DatabaseConfig.builder(arguments[0]).poolSize(3).build();
        try (Database database = Database.open(config);
                NotifyBus bus = NotifyBus.of(database)) {
            ChangeLog log = ChangeLog.of(database, bus);
            bus.start();
            ConsumerOptions options = new ConsumerOptions(WhenBehind.HOLD, ChangePosition.parse(arguments[2]));
            ConsumerNode node = new ConsumerNode(database, log.consumer(arguments[1], options), stop);
            System.out.println("ready");
            boolean behindAll = false;
            while (!stop.get() && !behindAll) {
                behindAll = node.follow();
            }
        } catch (ConsumerTakenOverException e) {
            Runtime.getRuntime().halt(TAKEN_OVER);
        }
    }

    /**
     * From the stored position on, for some batches.
     *
     * @return whether the marker was met
     */
    private boolean follow() throws SQLException, InterruptedException {
        FollowOptions options =
                FollowOptions.builder().batchSize(1 + random.nextInt(5000)).build();
        try (ChangeFollower follower = consumer.follow(options)) {
            for (int batches = 1 + random.nextInt(20); batches > 0 && !stop.get(); batches--) {
                Optional<ChangeElement> next = follower.poll(Duration.ofMillis(200));
                if (next.isEmpty()) {
                    continue;
                }
                // Nobody trims: a Resync is a fault.
                List<ChangeRow> rows = ((Batch) next.get()).rows();
                boolean whole = random.nextInt(5) > 0;
                if (!whole) {
                    rows = rows.subList(0, 1 + random.nextInt(rows.size()));
                }
                append(rows, whole ? follower.position() : rows.getLast().position());
                if (rows.stream().anyMatch(row -> String.valueOf(MARKER).equals(row.rowId()))) {
                    return true;
                }
                if (!whole) {
                    return false;
                }
            }
        }
        return false;
    }

    private void append(List<ChangeRow> rows, ChangePosition position) throws SQLException {
        database.inTransaction(transaction -> {
            Connection connection = transaction.connection();
            try (PreparedStatement insert =
                    connection.prepareStatement("INSERT INTO effects (consumer, seqs) VALUES (?, ?)")) {
                insert.setString(1, consumer.name());
                insert.setArray(
                        2,
                        connection.createArrayOf(
                                "bigint", rows.stream().map(ChangeRow::seq).toArray()));
                insert.executeUpdate();
            }
            consumer.commit(connection, position);
            return true;
        });
    }
}
