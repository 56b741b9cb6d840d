package io.forgeloom.lock;

import static io.forgeloom.lock.LockFixture.ID;
import static io.forgeloom.lock.LockFixture.open;
import static io.forgeloom.lock.LockFixture.take;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.DatabaseException;
import io.forgeloom.error.SqlState;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Locks and servers that are standbys, or die. */
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class LockClusterTest {

    @Test
    void standbyGivesNoLockAndAKilledServerTakesItsLocksAlong() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            try (Database db =
                    Database.open(DatabaseConfig.builder(cluster.primary().url())
                            .poolSize(2)
                            .replicaUrls(List.of(cluster.replicas().getFirst().url()))
                            .readFromReplica(true)
                            .build())) {
                DatabaseException e =
                        assertThrows(DatabaseException.class, () -> AdvisoryLock.tryAcquire(db.readPool(), ID));
                assertEquals(SqlState.READ_ONLY, e.sqlState());
                assertEquals(
                        "0",
                        cluster.replicas()
                                .getFirst()
                                .query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"));

                HeldLock lock = take(db);
                cluster.primary().kill();
                assertFalse(lock.isHeld(Duration.ofSeconds(5)));
                assertFalse(lock.release());
            }
            cluster.primary().start();
            try (Database db = open(cluster.primary(), 2);
                    HeldLock lock = take(db)) {
                assertTrue(lock.isHeld(Duration.ofSeconds(5)));
            }
        }
    }
}
