package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.forgeloom.database.Identifier;
import io.forgeloom.testing.NeedsCluster;
import io.forgeloom.testing.PostgresCluster;
import io.forgeloom.testing.PostgresServer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A position after a crash, and on another history. */
@NeedsCluster
@Timeout(120)
class ChangeClusterTest {

    private static final Identifier HOME = new Identifier("public");

    @Test
    void aCrashLosesNothingAndStartsNobodyAnewAndAPromotionDoes() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.builder().replicas(1).start()) {
            PostgresServer primary = cluster.primary();
            ChangePosition position;
            try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME);
                    Connection open = primary.connect();
                    Statement statement = open.createStatement()) {
                fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
                fixture.log.track("t", TrackOptions.DEFAULTS);
                fixture.execute("INSERT INTO t VALUES (1)");
                open.setAutoCommit(false);
                // Numbers and an xid that the crash takes back, and gives again.
                statement.execute("INSERT INTO t SELECT generate_series(100, 200)");
                position = fixture.log.now();
                primary.sigkill();
            }
            primary.start();
            try (ChangeLogFixture fixture = new ChangeLogFixture(primary, HOME)) {
                fixture.execute("INSERT INTO t VALUES (2)", "INSERT INTO t SELECT generate_series(300, 303)");
                assertEquals(
                        List.of("2", "300", "301", "302", "303"),
                        fixture.rows(position).stream().map(ChangeRow::rowId).toList());
                position = fixture.log.now();
            }
            cluster.awaitReplayed(Duration.ofSeconds(30));
            primary.sigkill();
            PostgresServer replica = cluster.replicas().getFirst();
            replica.promote();
            try (ChangeLogFixture fixture = new ChangeLogFixture(replica, HOME);
                    ChangeDrain drain = fixture.log.drain(position)) {
                assertEquals(
                        Resync.Cause.OTHER_HISTORY,
                        assertInstanceOf(Resync.class, drain.next().orElseThrow())
                                .cause());
                assertEquals(6, fixture.rows(fixture.log.start()).size());
            }
        }
    }
}
