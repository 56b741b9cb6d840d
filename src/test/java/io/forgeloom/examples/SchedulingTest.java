package io.forgeloom.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.forgeloom.Forge;
import io.forgeloom.ForgeConfig;
import io.forgeloom.leader.Leadership;
import io.forgeloom.leader.LeadershipLostException;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The example works: each due time once, on the node that leads. */
@Timeout(60)
@WithDatabase(expectNoConnections = true)
@ExtendWith(ThreadLeaks.class)
class SchedulingTest {

    private static Forge start(TestDatabase database, String node) throws InterruptedException {
        Forge forge = Forge.start(ForgeConfig.builder(database.url())
                .nodeId(node)
                .roles(Scheduling.SCHEDULER)
                .build());
        Scheduling.begin(forge, (name, connection) -> {
            try (var insert = connection.prepareStatement("INSERT INTO done (name, node) VALUES (?, ?)")) {
                insert.setString(1, name);
                insert.setString(2, node);
                insert.executeUpdate();
            }
        });
        return forge;
    }

    private static String done(TestDatabase database) throws Exception {
        return String.valueOf(database.query("SELECT string_agg(name || ' by ' || node, ', ' ORDER BY at) FROM done"));
    }

    @Test
    void eachDueTimeIsServedOnceAndTheNextLeaderGoesOn(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE schedule (name text PRIMARY KEY, every interval, due timestamptz);"
                + " CREATE TABLE done (name text, node text, at timestamptz DEFAULT clock_timestamp())");
        Forge second;
        Leadership office;
        try (Forge first = start(database, "one")) {
            office = first.election()
                    .orElseThrow()
                    .awaitLeadership(Scheduling.SCHEDULER, Duration.ofSeconds(20))
                    .orElseThrow();
            second = start(database, "two");
            // Missed three times, done once.
            database.execute("INSERT INTO schedule VALUES ('report', '1 hour', now() - interval '3 hours')");
            Await.until("report", () -> done(database).equals("report by one"));
        }
        try (second) {
            assertThrows(LeadershipLostException.class, () -> office.inTransaction(tx -> "not any more"));
            database.execute("UPDATE schedule SET due = now()");
            Await.until("the next", () -> done(database).equals("report by one, report by two"));
            database.execute("INSERT INTO schedule VALUES ('a', '1 hour', now()), ('b', '1 hour', now())");
            Await.until("both", () -> "4".equals(database.query("SELECT count(*) FROM done")));
            assertEquals("0", database.query("SELECT count(*) FROM schedule WHERE due <= now()"));
        }
        assertEquals("4", database.query("SELECT count(*) FROM done"));
    }

    @Test
    void workThatFailsIsNotMarkedAsDone(TestDatabase database) throws Exception {
        database.execute("CREATE TABLE schedule (name text PRIMARY KEY, every interval, due timestamptz);"
                + " CREATE TABLE done (name text CHECK (name <> 'bad'), node text, at timestamptz)"
                + "; INSERT INTO schedule VALUES ('bad', '1 hour', now())");
        try (Forge forge = start(database, "one")) {
            long terms = 2; // It leads, fails, and is elected again.
            Await.until(
                    "new terms",
                    Duration.ofSeconds(20),
                    () -> forge.election()
                            .orElseThrow()
                            .leader(Scheduling.SCHEDULER)
                            .filter(status -> status.token().term() >= terms)
                            .isPresent());
            assertEquals("1", database.query("SELECT count(*) FROM schedule WHERE due <= now()"));
        }
    }
}
