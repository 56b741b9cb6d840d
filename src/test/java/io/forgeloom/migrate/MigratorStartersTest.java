package io.forgeloom.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.migrate.MigratorStarter.Start;
import io.forgeloom.testing.SharedServer;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.TestProcess;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Every node of a deployment migrates at its start, at the same moment. */
@ExtendWith(ThreadLeaks.class)
@Tag("slow")
class MigratorStartersTest {

    private static final int THREADS = 32;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    @Test
    @Timeout(60)
    void manyStartersTogetherApplyEachFileOnce() throws Exception {
        startTogether(1, 2, 3_000);
    }

    @Test
    @Tag("long")
    @Timeout(600)
    void manyStartersTogetherApplyEachFileOnceEachTime() throws Exception {
        startTogether(20, 8, 1_000);
    }

    private void startTogether(int runs, int processes, long latest) throws Exception {
        List<TestDatabase> databases = new ArrayList<>();
        List<TestProcess> started = new ArrayList<>();
        try {
            List<String> arguments = new ArrayList<>(List.of(folder.toString()));
            for (int i = 0; i < runs; i++) {
                databases.add(TestDatabase.on(SharedServer.get()));
                arguments.add(databases.getLast().url());
            }
            for (int i = 0; i < processes; i++) {
                started.add(TestProcess.of(MigratorStarter.class)
                        .jvmOptions("-Xmx128m", "-XX:TieredStopAtLevel=1")
                        .arguments(arguments.toArray(String[]::new))
                        .start());
            }
            for (TestProcess process : started) {
                process.awaitLine("ready"::equals, LIMIT);
            }
            List<Long> late = new ArrayList<>();
            for (int run = 1; run <= runs; run++) {
                late.addAll(oneRun(databases.get(run - 1), run, started));
            }
            late.sort(null);
            System.out.println("figure: " + runs + " runs of " + THREADS + " threads and " + processes
                    + " processes: returned after the last commit (or after their own start, if later): median "
                    + late.get(late.size() / 2) + " ms, p95 " + late.get(late.size() * 95 / 100) + " ms, last "
                    + late.getLast() + " ms");
            assertTrue(late.getLast() <= latest, "the last returned " + late.getLast() + " ms after the last commit");
        } finally {
            started.forEach(TestProcess::close);
            for (TestDatabase database : databases) {
                database.close();
            }
        }
    }

    private List<Long> oneRun(TestDatabase database, int run, List<TestProcess> processes) throws Exception {
        ConcurrentLinkedQueue<Start> starts = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        CountDownLatch go = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        for (int i = 1; i <= THREADS; i++) {
            String name = "thread-" + i;
            threads.add(Thread.ofVirtual().name("starter-" + i).start(() -> {
                try {
                    go.await();
                    starts.add(MigratorStarter.start(name, database.url()));
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        Files.createFile(folder.resolve("go-" + run));
        go.countDown();
        int most = 0;
        for (Thread thread : threads) {
            while (!thread.join(Duration.ofMillis(20))) {
                most = Math.max(most, database.connections().size());
            }
        }
        for (TestProcess process : processes) {
            String line = process.awaitLine(text -> text.startsWith("run " + run + " "), LIMIT);
            starts.add(Start.parse("process " + process.pid(), line));
        }
        assertEquals(List.of(), List.copyOf(failures));
        assertEquals(THREADS + processes.size(), starts.size());
        assertAppliedOnce(database, starts);
        Instant last =
                starts.stream().map(Start::lastCommit).max(Instant::compareTo).orElseThrow();
        System.out.println("figure: run " + run + ": " + most + " sessions at most, the last file applied "
                + Duration.between(
                                starts.stream()
                                        .map(Start::begun)
                                        .min(Instant::compareTo)
                                        .orElseThrow(),
                                last)
                        .toMillis()
                + " ms after the first start, by "
                + starts.stream().filter(start -> start.applied() > 0).count()
                + " starter(s)");
        return starts.stream().map(start -> start.lateMillis(last)).toList();
    }

    private static void assertAppliedOnce(TestDatabase database, Iterable<Start> starts) throws SQLException {
        int applied = 0;
        for (Start start : starts) {
            applied += start.applied();
        }
        // The system's own files, too.
        String rows = database.query("SELECT count(*) FROM elsewhere.forge_system_migrations WHERE state = 'applied'");
        assertEquals(rows, Integer.toString(applied));
        int marks = MigratorStarter.FILES - 1;
        assertEquals(
                marks + " " + marks,
                database.query("SELECT count(*) || ' ' || count(DISTINCT file) FROM elsewhere.mark"));
        assertEquals("1", database.query("SELECT count(DISTINCT pid) FROM elsewhere.mark"));
        assertEquals("0", database.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
        assertEquals("0", database.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
    }

    /** The fingerprint reads a catalog that other sessions write to. */
    @Test
    @Timeout(60)
    @WithDatabase
    void startersDoNotMindAnApplicationThatMakesAndDropsThings(TestDatabase database) throws Exception {
        churned(database, Duration.ofSeconds(2));
    }

    @Test
    @Timeout(120)
    @Tag("long")
    @WithDatabase
    void startersDoNotMindAnApplicationThatMakesAndDropsThingsForLong(TestDatabase database) throws Exception {
        churned(database, Duration.ofSeconds(30));
    }

    /** The comparison is a help: a table that somebody keeps locked may hold up a start for a second, and not for ever. */
    @Test
    @Timeout(60)
    @WithDatabase
    void startDoesNotWaitForATableThatIsLockedForLong(TestDatabase database) throws Exception {
        MigratorStarter.start("first", database.url());
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                Database db = open(database)) {
            connection.setAutoCommit(false);
            statement.execute("LOCK TABLE t1 IN ACCESS EXCLUSIVE MODE");
            Migrator.Builder builder =
                    Migrator.builder(db.primary()).migrations(MigrationSource.list(MigratorStarter.files()));
            long begun = System.nanoTime();
            MigrationResult result = builder.build().migrate();
            long took = (System.nanoTime() - begun) / 1_000_000;
            assertEquals(List.of(), result.applied());
            assertEquals(List.of(), result.schemaChanges());
            assertTrue(took < 4_000, took + " ms");
            // Who wants to be certain is not told that all is well.
            assertThrows(
                    MigrationException.class,
                    () -> builder.schemaDrift(SchemaDrift.FAIL).build().migrate());
            connection.rollback();
            assertEquals(
                    List.of(),
                    builder.schemaDrift(SchemaDrift.FAIL).build().migrate().schemaChanges());
        }
    }

    /** The fingerprint is written with the last file of a run; a run that fails has a last file, too. */
    @Test
    @Timeout(60)
    @WithDatabase
    void whatIsChangedByHandAfterAFailedRunIsSeen(TestDatabase database) throws Exception {
        Map<String, String> files = new TreeMap<>(Map.of(
                "0001_a.sql",
                "CREATE TABLE a (id int)",
                "0002_b.sql",
                "CREATE TABLE b (id int)",
                "0003_c.sql",
                "SELECT 1/0"));
        try (Database db = open(database)) {
            assertThrows(MigrationException.class, () -> migrate(db, files));
            assertEquals(
                    "1 0002_b",
                    database.query("SELECT count(*) || ' ' || max(version) FROM forge_system_migrations"
                            + " WHERE catalog IS NOT NULL AND fingerprint IS NOT NULL"));
            database.execute("DROP TABLE a");
            files.put("0003_c.sql", "CREATE TABLE c (id int)");
            assertEquals(
                    List.of("table a in schema elsewhere is gone since 0002_b was applied"),
                    migrate(db, files).schemaChanges());
            // A run that was killed between two files: nothing is known, and nothing is claimed.
            database.execute("UPDATE forge_system_migrations SET catalog = catalog - 'elsewhere'; DROP TABLE c");
            assertEquals(List.of(), migrate(db, files).schemaChanges());
            files.put("0004_d.sql", "CREATE TABLE d (id int)");
            assertEquals(List.of(), migrate(db, files).schemaChanges());
            database.execute("DROP TABLE d");
            assertEquals(
                    List.of("table d in schema elsewhere is gone since 0004_d was applied"),
                    migrate(db, files).schemaChanges());
        }
    }

    private static Database open(TestDatabase database) {
        return Database.open(DatabaseConfig.builder(database.url()).poolSize(2).build());
    }

    private static MigrationResult migrate(Database db, Map<String, String> files) {
        return Migrator.builder(db.primary())
                .migrations(MigrationSource.list(files))
                .build()
                .migrate();
    }

    private static void churned(TestDatabase database, Duration duration) throws Exception {
        MigratorStarter.start("first", database.url());
        AtomicBoolean over = new AtomicBoolean();
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            String name = "e" + i;
            threads.add(Thread.ofPlatform().name("churn-" + i).start(() -> churn(database, name, over, failures)));
        }
        long end = System.nanoTime() + duration.toNanos();
        int looks = 0;
        int files = 1;
        Map<String, String> texts = new TreeMap<>();
        try (Database db = open(database)) {
            while (System.nanoTime() < end) {
                if (looks % 10 == 0) {
                    texts.put(
                            "%04d_more.sql".formatted(files++), "CREATE TABLE more" + files + " (id int PRIMARY KEY)");
                }
                Migrator.builder(db.primary())
                        .named("churn", MigrationSource.list(texts))
                        .migrations(MigrationSource.list(MigratorStarter.files()))
                        .build()
                        .migrate();
                looks++;
            }
        } finally {
            over.set(true);
            for (Thread thread : threads) {
                thread.join();
            }
        }
        assertEquals(List.of(), List.copyOf(failures));
        System.out.println("figure: " + looks + " runs beside DDL of others, " + files + " files");
        assertTrue(looks > 0, "none");
    }

    private static void churn(
            TestDatabase database, String name, AtomicBoolean over, ConcurrentLinkedQueue<Throwable> failures) {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            while (!over.get()) {
                statement.execute("CREATE TABLE " + name + " (id serial PRIMARY KEY, n int CHECK (n > 0))");
                statement.execute("CREATE INDEX " + name + "_n ON " + name + " (n)");
                statement.execute("CREATE VIEW v" + name + " AS SELECT id FROM " + name);
                statement.execute("CREATE FUNCTION f" + name + "() RETURNS int LANGUAGE sql AS 'SELECT 1'");
                statement.execute("DROP FUNCTION f" + name + "()");
                statement.execute("DROP VIEW v" + name);
                statement.execute("DROP TABLE " + name);
            }
        } catch (SQLException e) {
            failures.add(e);
        }
    }
}
