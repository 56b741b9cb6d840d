package io.forgeloom.migrate;

import static io.forgeloom.migrate.MigrationFixture.migrator;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.SqlState;
import io.forgeloom.migrate.MigrationException.Reason;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.SystemSchemaFiles;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Migrations where there are standbys. */
@Tag("long")
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class MigratorStandbyTest {

    @Test
    void standbyRefusesWhatIsPendingAndKnowsWhatIsApplied() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start();
                Database db = Database.open(DatabaseConfig.builder(
                                cluster.primary().url())
                        .poolSize(4)
                        .replicaUrls(List.of(cluster.replicas().getFirst().url()))
                        .readFromReplica(true)
                        .build())) {
            String file = "CREATE TABLE a (id int)";
            Migrator there = Migrator.builder(db.readPool())
                    .migrations(MigrationFixture.files(file))
                    .build();
            MigrationException e = assertThrows(MigrationException.class, there::migrate);
            assertEquals(Reason.REFUSED, e.reason());
            assertEquals(SqlState.READ_ONLY, e.sqlState());
            assertTrue(e.getMessage().contains("standby"), e.getMessage());
            assertEquals(
                    SystemSchemaFiles.versionsThen("0001_m"),
                    migrator(db, file).build().migrate().applied());
            cluster.awaitReplayed(Duration.ofSeconds(10));
            assertEquals(List.of(), there.migrate().applied());
        }
    }
}
