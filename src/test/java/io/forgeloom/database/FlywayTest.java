package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateResult;
import org.flywaydb.database.postgresql.PostgreSQLConfigurationExtension;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Flyway, unchanged, on the pool as a {@link javax.sql.DataSource}. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class FlywayTest {

    @TempDir
    Path migrations;

    private Database db;

    @BeforeEach
    void open(TestDatabase database) throws IOException {
        db = Database.open(DatabaseConfig.builder(database.url()).poolSize(6).build());
        write("V1__accounts.sql", """
                CREATE TABLE account (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text NOT NULL);
                INSERT INTO account (owner) VALUES ('ada'), ('bob');
                """);
        write("V2__balance.sql", """
                ALTER TABLE account ADD balance bigint NOT NULL DEFAULT 0;
                CREATE FUNCTION credit(who int, amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
                DECLARE result bigint;
                BEGIN
                    UPDATE account SET balance = balance + amount WHERE id = who RETURNING balance INTO result;
                    RETURN result;
                END $$;
                SELECT credit(1, 100);
                """);
        // Refused inside a transaction.
        write("V3__index.sql", "CREATE INDEX CONCURRENTLY account_owner ON account (owner);");
        write("V3__index.sql.conf", "executeInTransaction=false");
        write("R__rich.sql", "CREATE OR REPLACE VIEW rich AS SELECT owner FROM account WHERE balance >= 100;");
    }

    @AfterEach
    void close() {
        assertEquals(0, db.primary().stats().active());
        db.close();
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(migrations.resolve(name), text);
    }

    private Flyway flyway() {
        FluentConfiguration configuration = Flyway.configure()
                .dataSource(db.primary())
                .defaultSchema("bank")
                .locations("filesystem:" + migrations)
                .cleanDisabled(false);
        // CREATE INDEX CONCURRENTLY waits for every open transaction, that of Flyway's own lock included.
        configuration
                .getConfigurationExtension(PostgreSQLConfigurationExtension.class)
                .setTransactionalLock(false);
        return configuration.load();
    }

    private String query(String sql) {
        return db.withConnection(connection -> {
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(sql)) {
                assertTrue(row.next(), sql);
                return row.getString(1);
            }
        });
    }

    private void assertNothingOfFlywayIsLeft() {
        assertEquals("0", query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"));
        assertEquals(
                "0",
                query("SELECT count(*) FROM pg_stat_activity"
                        + " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"));
        for (int i = 0; i < 10; i++) {
            assertEquals("elsewhere", query("SHOW search_path"));
        }
    }

    @Test
    void migratesInformsAndCleans() {
        MigrateResult result = flyway().migrate();
        assertTrue(result.success);
        assertEquals(4, result.migrationsExecuted);
        assertEquals("ada", query("SELECT owner FROM bank.rich"));
        assertEquals("t", query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'bank.account_owner'::regclass"));

        // The first "migration" is the schema itself, which Flyway created.
        List<MigrationState> states = Arrays.stream(flyway().info().all())
                .map(MigrationInfo::getState)
                .toList();
        assertEquals(Collections.nCopies(5, MigrationState.SUCCESS), states);
        flyway().validate();
        assertEquals(0, flyway().migrate().migrationsExecuted);
        assertNothingOfFlywayIsLeft();

        flyway().clean();
        assertEquals("0", query("SELECT count(*) FROM pg_tables WHERE schemaname = 'bank'"));
        assertEquals(4, flyway().migrate().migrationsExecuted);
        assertNothingOfFlywayIsLeft();
    }

    @Test
    void aFailedMigrationIsRolledBackAndRepaired() throws IOException {
        write("V4__broken.sql", "INSERT INTO account (owner) VALUES ('eve'); SELECT 1 / 0;");
        FlywayException e = assertThrows(FlywayException.class, () -> flyway().migrate());
        assertTrue(e.getMessage().contains("division by zero"), e.getMessage());
        assertEquals("2", query("SELECT count(*) FROM bank.account"));
        assertNothingOfFlywayIsLeft();

        write("V4__broken.sql", "INSERT INTO account (owner) VALUES ('eve');");
        flyway().repair();
        assertTrue(flyway().migrate().success);
        assertEquals("3", query("SELECT count(*) FROM bank.account"));
        assertNothingOfFlywayIsLeft();
    }

    @Test
    void twoThatMigrateAtOnceApplyEachMigrationOnce() throws InterruptedException {
        ConcurrentLinkedQueue<Integer> executed = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> nodes = List.of("node-1", "node-2").stream()
                .map(name -> Thread.ofVirtual().name(name).start(() -> {
                    try {
                        executed.add(flyway().migrate().migrationsExecuted);
                    } catch (RuntimeException e) {
                        failures.add(e);
                    }
                }))
                .toList();
        for (Thread node : nodes) {
            node.join();
        }
        assertEquals(List.of(), List.copyOf(failures));
        assertEquals(4, executed.stream().mapToInt(Integer::intValue).sum(), executed.toString());
        assertEquals("2", query("SELECT count(*) FROM bank.account"));
        assertNothingOfFlywayIsLeft();
    }
}
