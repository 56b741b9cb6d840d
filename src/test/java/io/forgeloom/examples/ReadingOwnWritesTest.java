package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import io.forgeloom.testing.ThreadLeaks;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works on a replica that follows, and on one that stands still. */
@Timeout(60)
@NeedsCluster
@ExtendWith(ThreadLeaks.class)
class ReadingOwnWritesTest {

    @Test
    void aReadSeesTheWriteWhetherTheReplicaFollowsOrNot() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            PostgresServer replica = cluster.replicas().getFirst();
            cluster.primary()
                    .execute("CREATE TABLE customer (id bigint PRIMARY KEY, name text);"
                            + " INSERT INTO customer VALUES (1, 'Ada')");
            cluster.awaitReplayed(Duration.ofSeconds(10));
            DatabaseConfig database = DatabaseConfig.builder(cluster.primary().url())
                    .replicaUrls(List.of(replica.url()))
                    .readFromReplica(true)
                    .build();
            try (Forge forge = Forge.start(ForgeConfig.builder(database).build())) {
                Await.until(
                        "rotation", () -> forge.stats().replicas().getFirst().isInRotation());
                int writes = 0;
                while (writes < 20 || forge.stats().replicas().getFirst().reads() == 0) {
                    String name = "name " + ++writes;
                    assertEquals(name, ReadingOwnWrites.name(forge, 1, ReadingOwnWrites.rename(forge, 1, name)));
                }
                cluster.awaitReplayed(Duration.ofSeconds(10));
                replica.execute("SELECT pg_wal_replay_pause()");
                Await.until("pause", () -> "paused".equals(replica.query("SELECT pg_get_wal_replay_pause_state()")));
                String cookie = ReadingOwnWrites.rename(forge, 1, "last");
                assertEquals("last", ReadingOwnWrites.name(forge, 1, cookie));
                assertEquals("name " + writes, replica.query("SELECT name FROM customer"));
            }
        }
    }
}
