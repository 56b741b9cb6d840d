package io.forgeloom.notify;

import io.forgeloom.testing.TestServer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Sends the numbers 0, 1, 2, … as notifications, number n on channel n mod 8, one or several in a transaction, and knows
 * of each whether it was committed: a row goes with it, which is looked for when the answer to a COMMIT was lost. Its
 * connection is its own, past any faulty link. Started and stopped by one thread.
 */
final class NumberedWriter implements AutoCloseable {

    static final int CHANNELS = 8;

    private static final String TABLE = "CREATE TABLE IF NOT EXISTS public.numbers (n bigint)";

    /** Mostly a few; now and then more than a small buffer holds. */
    private static final int MOST_AT_ONCE = 3;

    private static final int BURST = 300;

    private final TestServer server;
    private final SplittableRandom random;
    private final Thread thread;
    private volatile boolean stopped;

    // The writing thread's own until it has ended.
    private final BitSet committed = new BitSet();
    private int next;
    private int settled;
    private @Nullable Connection connection;

    NumberedWriter(TestServer server, SplittableRandom random) throws SQLException {
        this.server = server;
        this.random = random;
        server.execute(TABLE);
        thread = Thread.ofVirtual().name("numbered-writer").unstarted(this::run);
    }

    static String channel(long number) {
        return "numbers_" + number % CHANNELS;
    }

    static String[] channels() {
        String[] names = new String[CHANNELS];
        for (int i = 0; i < CHANNELS; i++) {
            names[i] = channel(i);
        }
        return names;
    }

    void start() {
        thread.start();
    }

    /** Stops; returns when nothing is under way. */
    void stop() throws InterruptedException {
        stopped = true;
        if (!thread.join(Duration.ofSeconds(30))) {
            throw new AssertionError("the writer hangs");
        }
    }

    /** One more number on each channel, in one transaction. Once stopped. */
    void sendLast() throws InterruptedException {
        int first = next;
        do {
            first = next;
            send(first, first + CHANNELS - 1);
        } while (!committed.get(first));
    }

    /** All numbers that were committed. Once stopped. */
    BitSet committed() {
        return committed;
    }

    /** How many transactions had an answer that was lost. Once stopped. */
    int settled() {
        return settled;
    }

    private void run() {
        try {
            while (!stopped) {
                int count = random.nextInt(40) == 0 ? BURST : 1 + random.nextInt(MOST_AT_ONCE);
                send(next, next + count - 1);
                Thread.sleep(1);
            }
        } catch (InterruptedException e) {
            // Nobody interrupts it.
            throw new IllegalStateException(e);
        }
    }

    private void send(int first, int last) throws InterruptedException {
        next = last + 1;
        boolean asked = false;
        try {
            Connection open = connection();
            open.setAutoCommit(false);
            try (PreparedStatement insert =
                            open.prepareStatement("INSERT INTO public.numbers SELECT generate_series(?, ?)");
                    PreparedStatement notify = open.prepareStatement("SELECT pg_notify('numbers_' || n % 8, n::text)"
                            + " FROM generate_series(?::bigint, ?::bigint) AS n")) {
                insert.setInt(1, first);
                insert.setInt(2, last);
                insert.executeUpdate();
                notify.setInt(1, first);
                notify.setInt(2, last);
                notify.execute();
            }
            asked = true;
            open.commit();
            committed.set(first, last + 1);
        } catch (SQLException e) {
            connection = null;
            // Of a session that is gone nothing can be committed later.
            if (asked && isCommitted(first)) {
                committed.set(first, last + 1);
            }
        }
    }

    private Connection connection() throws SQLException {
        Connection open = connection;
        if (open == null) {
            open = server.connect();
            connection = open;
        }
        return open;
    }

    private boolean isCommitted(int number) throws InterruptedException {
        settled++;
        while (true) {
            try (Connection question = server.connect();
                    Statement statement = question.createStatement();
                    ResultSet rows =
                            statement.executeQuery("SELECT count(*) FROM public.numbers WHERE n = " + number)) {
                rows.next();
                return rows.getInt(1) > 0;
            } catch (SQLException e) {
                Thread.sleep(10);
            }
        }
    }

    @Override
    public void close() throws SQLException {
        stopped = true;
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (connection != null) {
            connection.close();
        }
    }
}
