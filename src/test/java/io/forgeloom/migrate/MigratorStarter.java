package io.forgeloom.migrate;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;

/** One of many nodes that migrate at their start; as a program, one in a process of its own. */
final class MigratorStarter {

    static final int FILES = 12;

    /**
     * How one start went.
     *
     * @param lastCommit when the last file that it applied was committed; {@link Instant#EPOCH} if it applied none
     */
    record Start(String name, Instant begun, Instant returned, int applied, Instant lastCommit) {

        String line(int run) {
            return "run " + run + " " + begun + " " + returned + " " + applied + " " + lastCommit;
        }

        static Start parse(String name, String line) {
            String[] parts = line.split(" ");
            return new Start(
                    name,
                    Instant.parse(parts[2]),
                    Instant.parse(parts[3]),
                    Integer.parseInt(parts[4]),
                    Instant.parse(parts[5]));
        }

        /** How long after the last commit of all, or after its own beginning if that was later. */
        long lateMillis(Instant last) {
            return Duration.between(last.isBefore(begun) ? begun : last, returned)
                    .toMillis();
        }
    }

    private MigratorStarter() {}

    /** Files that would show that they were applied twice: nothing in them fails the second time. */
    static Map<String, String> files() {
        Map<String, String> files = new TreeMap<>();
        for (int i = 1; i <= FILES; i++) {
            files.put("%04d_mark.sql".formatted(i), """
                    CREATE TABLE IF NOT EXISTS mark (file int, pid int);
                    CREATE TABLE IF NOT EXISTS t%1$d (id bigint PRIMARY KEY, name text DEFAULT 'x');
                    INSERT INTO mark SELECT %1$d, pg_backend_pid() FROM pg_sleep(0.02);
                    """.formatted(i));
        }
        files.put(
                "%04d_index.sql".formatted(FILES),
                "-- @transactional false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS mark_file ON mark (file);");
        files.remove("%04d_mark.sql".formatted(FILES));
        return files;
    }

    static Start start(String name, String url) {
        try (Database db = Database.open(
                DatabaseConfig.builder(url).poolSize(2).serviceName(name).build())) {
            AtomicReference<Instant> last = new AtomicReference<>(Instant.EPOCH);
            Migrator migrator = Migrator.builder(db.primary())
                    .migrations(MigrationSource.list(files()))
                    .schemaDrift(SchemaDrift.FAIL)
                    .listener(event -> {
                        if (event instanceof MigrationEvent.Applied) {
                            last.set(Instant.now());
                        }
                    })
                    .build();
            Instant begun = Instant.now();
            MigrationResult result = migrator.migrate();
            return new Start(name, begun, Instant.now(), result.applied().size(), last.get());
        }
    }

    /** The folder in which a file {@code go-<run>} says that all may start, and the database of each run. */
    public static void main(String[] args) throws Exception {
        System.out.println("ready");
        long limit = System.nanoTime() + Duration.of(10, ChronoUnit.MINUTES).toNanos();
        for (int run = 1; run < args.length; run++) {
            while (!Files.exists(Path.of(args[0], "go-" + run))) {
                if (System.nanoTime() > limit) {
                    throw new IllegalStateException("nobody said go for run " + run);
                }
                Thread.sleep(2);
            }
            System.out.println(start("process", args[run]).line(run));
        }
    }
}
