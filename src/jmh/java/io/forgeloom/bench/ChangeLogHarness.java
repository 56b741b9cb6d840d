package io.forgeloom.bench;

import io.forgeloom.changelog.ChangeLog;
import io.forgeloom.changelog.TrackOptions;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.database.Identifier;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.SystemSchemaFiles;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What the change log costs those who write, and how fast it is read and trimmed, on an embedded server with {@code fsync=on}.
 * What is compared takes turns in one process, in a random order.
 *
 * <pre>{@code
 * ./forge bench changes                      # every part, 30 s each
 * ./forge bench changes 60 single writers    # update, single, writers, drain, idle, delivery, trim
 * }</pre>
 */
public final class ChangeLogHarness {

    private static final List<String> PARTS =
            List.of("update", "single", "writers", "drain", "idle", "delivery", "trim");
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** A row trigger that notifies for each row, as Forge 0.10 has it. */
    private static final String FORGE = """
            CREATE OR REPLACE FUNCTION notify_each_row() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                changed text := '';
                name text;
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    FOR name IN SELECT key FROM jsonb_each(to_jsonb(NEW)) LOOP
                        IF to_jsonb(OLD) -> name IS DISTINCT FROM to_jsonb(NEW) -> name THEN
                            changed := changed || ',' || name;
                        END IF;
                    END LOOP;
                END IF;
                PERFORM pg_notify('each_row', TG_TABLE_NAME || ':' || TG_OP || ':' || NEW.id::text || ':' || changed);
                RETURN NULL;
            END $$
            """;

    /**
     * The least that can be read in order: number, transaction and key, and the two indexes to find them by. What a trigger
     * that keeps a log cannot do without.
     */
    private static final List<String> LEAST = List.of(
            "CREATE TABLE IF NOT EXISTS least_log (seq bigint GENERATED ALWAYS AS IDENTITY,"
                    + " xid xid8 NOT NULL DEFAULT pg_current_xact_id(), row_id text)",
            "CREATE INDEX IF NOT EXISTS least_log_by_seq ON least_log (seq)",
            "CREATE INDEX IF NOT EXISTS least_log_by_xid ON least_log (xid, seq)",
            "CREATE OR REPLACE FUNCTION log_the_least() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    + " INSERT INTO least_log (row_id) SELECT n.id::text FROM forge_new AS n; RETURN NULL; END $$");

    final PostgresServer server;
    final Database database;
    final NotifyBus bus;
    final ChangeLog log;
    final Duration time;

    private ChangeLogHarness(PostgresServer server, Database database, NotifyBus bus, ChangeLog log, Duration time) {
        this.server = server;
        this.database = database;
        this.bus = bus;
        this.log = log;
        this.time = time;
    }

    public static void main(String[] args) throws Exception {
        boolean timed = args.length > 0 && args[0].chars().allMatch(Character::isDigit);
        Duration time = Duration.ofSeconds(timed ? Integer.parseInt(args[0]) : 30);
        List<String> parts = Arrays.asList(args).subList(timed ? 1 : 0, args.length);
        if (!PARTS.containsAll(parts)) {
            throw new IllegalArgumentException(parts + ": there are " + PARTS);
        }
        System.out.printf(
                Locale.ROOT,
                "Java %s, %d processors, PostgreSQL with fsync=on, %d s a part%n%n",
                Runtime.version(),
                Runtime.getRuntime().availableProcessors(),
                time.toSeconds());
        try (PostgresCluster cluster = PostgresCluster.builder().durable(true).start()) {
            SystemSchemaFiles.apply(cluster.primary().url(), new Identifier("public"));
            try (Database database = Database.open(
                            DatabaseConfig.builder(cluster.primary().url())
                                    .poolSize(24)
                                    .slowStatementThreshold(Duration.ZERO)
                                    .build());
                    NotifyBus bus = NotifyBus.of(database)) {
                ChangeLog log = ChangeLog.of(database, bus);
                bus.start();
                if (!bus.awaitGeneration(1, PATIENCE)) {
                    throw new IllegalStateException("the bus did not connect");
                }
                ChangeLogHarness harness = new ChangeLogHarness(cluster.primary(), database, bus, log, time);
                ChangeWrites writes = new ChangeWrites(harness);
                ChangeReads reads = new ChangeReads(harness);
                for (String part : parts.isEmpty() ? PARTS : parts) {
                    System.out.println("== " + part);
                    switch (part) {
                        case "update" -> writes.update();
                        case "single" -> writes.single();
                        case "writers" -> writes.writers();
                        case "drain" -> reads.drain();
                        case "idle" -> reads.idle();
                        case "delivery" -> reads.delivery();
                        default -> reads.trim();
                    }
                    System.out.println();
                }
            }
        }
    }

    /** How a table's changes are told of. */
    enum Way {
        UNTRACKED("untracked"),
        TRACKED("tracked"),
        WITHOUT_COLUMNS("tracked, changed_cols off"),
        LEAST("the least trigger"),
        ROW_NOTIFY("a NOTIFY per row (Forge)");

        final String text;

        Way(String text) {
            this.text = text;
        }

        String table() {
            return "bench_" + name().toLowerCase(Locale.ROOT);
        }
    }

    /** Makes the table of a way anew, with so many rows. */
    void table(Way way, int rows) throws SQLException {
        execute(
                "DROP TABLE IF EXISTS " + way.table(),
                "CREATE TABLE " + way.table()
                        + " (id bigint PRIMARY KEY, owner int NOT NULL, amount numeric(12, 2) NOT NULL, note text,"
                        + " changed timestamptz NOT NULL DEFAULT now()) WITH (autovacuum_enabled = off)",
                "INSERT INTO " + way.table() + " SELECT n, n % 100, n, 'note of the row with the number ' || n"
                        + " FROM generate_series(1, " + rows + ") AS n",
                "VACUUM ANALYZE " + way.table());
        switch (way) {
            case UNTRACKED -> {}
            case TRACKED -> log.track(way.table(), TrackOptions.DEFAULTS);
            case WITHOUT_COLUMNS -> log.track(way.table(), new TrackOptions(TrackOptions.Mode.ROW, false));
            case LEAST -> {
                execute(LEAST.toArray(String[]::new));
                for (String operation : List.of("INSERT", "UPDATE")) {
                    execute(
                            "CREATE TRIGGER least_" + operation + " AFTER " + operation + " ON " + way.table()
                                    + " REFERENCING NEW TABLE AS forge_new FOR EACH STATEMENT EXECUTE FUNCTION log_the_least()");
                }
            }
            case ROW_NOTIFY ->
                execute(
                        FORGE,
                        "CREATE TRIGGER each_row AFTER INSERT OR UPDATE ON " + way.table()
                                + " FOR EACH ROW EXECUTE FUNCTION notify_each_row()");
        }
    }

    /** Empties the logs, as if they had been trimmed long ago. */
    void emptyLog() throws SQLException {
        execute(LEAST.getFirst(), "TRUNCATE forge_change_log, least_log");
    }

    void execute(String... statements) throws SQLException {
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }
}
