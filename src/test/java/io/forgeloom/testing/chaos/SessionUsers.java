package io.forgeloom.testing.chaos;

import io.forgeloom.Forge;
import io.forgeloom.database.AcquireException;
import io.forgeloom.database.PoolStats;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Users of connections: they look for what others left, and leave something themselves. */
final class SessionUsers {

    private static final String LOOK = """
            SELECT concat_ws(',',
                CASE WHEN current_setting('chaos.dirt', true) <> '' THEN 'setting' END,
                CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'chaos_temporary'
                    AND relnamespace = pg_catalog.pg_my_temp_schema()) THEN 'table' END,
                CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
                    THEN 'lock' END,
                CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) THEN 'listen' END,
                CASE WHEN pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN 'transaction' END,
                CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable) THEN 'cursor' END,
                CASE WHEN current_setting('application_name') = 'dirt' THEN 'name' END)
            """;

    private static final List<String> DIRT = List.of(
            "SET chaos.dirt = 'left'",
            "CREATE TEMPORARY TABLE chaos_temporary (id int)",
            "SELECT pg_advisory_lock(hashtext(gen_random_uuid()::text))",
            "LISTEN chaos_ordered",
            "BEGIN; INSERT INTO public.chaos_dirt VALUES ('left')",
            "DECLARE chaos_cursor CURSOR WITH HOLD FOR SELECT 1",
            "SET application_name = 'dirt'");

    private final Forge forge;
    private final Teller teller;

    SessionUsers(Forge forge, Teller teller) {
        this.forge = forge;
        this.teller = teller;
    }

    /** Looks at a connection, and mostly soils it. */
    void use() throws SQLException {
        long begin = System.nanoTime();
        Connection connection;
        try {
            connection = forge.database().primary().acquire();
        } catch (AcquireException e) {
            teller.tell(
                    "refused",
                    "ms",
                    (System.nanoTime() - begin) / 1_000_000,
                    "reason",
                    e.reason(),
                    "why",
                    Line.sentence(String.valueOf(e.getMessage())));
            throw e;
        }
        try (connection) {
            boolean auto = connection.getAutoCommit();
            try (Statement statement = connection.createStatement()) {
                try (ResultSet row = statement.executeQuery(LOOK)) {
                    row.next();
                    String found = row.getString(1) + (auto ? "" : ",autocommit");
                    teller.tell("look", "found", found.isEmpty() ? "nothing" : found);
                }
                soil(connection, statement);
            }
        } catch (SQLException e) {
            // The server went, or will not have it: the next one is another's.
            teller.tell("look", "failed", Line.sentence(String.valueOf(e.getMessage())));
        }
    }

    private static void soil(Connection connection, Statement statement) throws SQLException {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        for (int i = random.nextInt(3); i > 0; i--) {
            statement.execute(DIRT.get(random.nextInt(DIRT.size())));
        }
        if (random.nextInt(3) == 0) {
            connection.setAutoCommit(false);
            statement.execute("INSERT INTO public.chaos_dirt VALUES ('left')");
        }
    }

    /** Holds all connections that there are for a while. */
    void exhaust(long millis) {
        List<Connection> held = new ArrayList<>();
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        try {
            while (System.nanoTime() < until) {
                try {
                    held.add(forge.database().primary().acquire(Duration.ofMillis(100)));
                } catch (AcquireException e) {
                    // That is what it is for.
                    Thread.sleep(20);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            for (Connection connection : held) {
                try {
                    connection.close();
                } catch (SQLException e) {
                    // It was lost meanwhile.
                }
            }
        }
    }

    /** How many sessions there are, by the pool itself. */
    void count() {
        PoolStats stats = forge.database().primary().stats();
        teller.tell(
                "pool",
                "total",
                stats.total() + stats.connecting() + stats.orphaned(),
                "max",
                stats.maxSize(),
                "waiting",
                stats.waiting());
    }
}
