package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.leader.LeaderConfig;
import io.forgeloom.leader.LeaderElection;
import io.forgeloom.leader.LeaderRole;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.ThreadLeaks;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The regular trim, and what it says when it cannot. */
@WithDatabase
@Timeout(60)
@ExtendWith(ThreadLeaks.class)
class ChangeRetentionTest {

    @Test
    void theLeaderOfLogCompactorTrims(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = new ChangeLogFixture(server);
                LeaderElection election = LeaderElection.of(
                        fixture.database,
                        fixture.bus,
                        LeaderConfig.builder().schema(fixture.home()).build(),
                        LeaderRole.LOG_COMPACTOR)) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.execute("INSERT INTO t SELECT generate_series(1, 2000)");
            fixture.bus.start();
            election.whileLeader(LeaderRole.LOG_COMPACTOR, leadership -> fixture.log.retain(Duration.ofSeconds(1)));
            election.start();
            assertTrue(election.awaitLeadership(LeaderRole.LOG_COMPACTOR, Duration.ofSeconds(10))
                    .isPresent());
            Await.until(
                    "the writers turn to another slot",
                    () -> fixture.column("SELECT last_value FROM elsewhere.forge_change_slot")
                            .equals(List.of("1")));
            fixture.execute("INSERT INTO t SELECT generate_series(2001, 3500)");
            Await.until("the first slot is emptied", () -> fixture.log.minSeq().orElseThrow() == 2001);
        }
    }

    @Test
    void whatIsInTheWayThreeTimesInARowIsNamedInAWarning(TestDatabase server) throws Exception {
        try (Log log = new Log();
                ChangeLogFixture fixture = new ChangeLogFixture(server);
                Connection reader = server.connect();
                Statement statement = reader.createStatement()) {
            fixture.execute("CREATE TABLE t (id int PRIMARY KEY)");
            fixture.log.track("t", TrackOptions.DEFAULTS);
            fixture.execute("INSERT INTO t SELECT generate_series(1, 2000)");
            Retention retention = new Retention(fixture.log, ChangeLog.RETENTION);
            reader.setAutoCommit(false);
            statement.execute("SET application_name = 'a long report'");
            statement.execute("LOCK TABLE ONLY elsewhere.forge_change_log_0 IN ACCESS SHARE MODE");
            fixture.execute(
                    "UPDATE elsewhere.forge_change_log SET created_at = created_at - interval '2 h'",
                    "UPDATE elsewhere.forge_change_control SET settled = pg_current_snapshot(),"
                            + " settling = pg_current_snapshot(), settling_since = clock_timestamp()");
            fixture.log.compact(ChangeLog.RETENTION);
            assertEquals(List.of("1"), fixture.column("SELECT last_value FROM elsewhere.forge_change_slot"));
            fixture.execute("INSERT INTO t SELECT generate_series(2001, 3500)");
            for (int i = 0; i < 5; i++) {
                retention.round();
            }
            String message = log.onlyWarning();
            assertTrue(message.contains("a long report"), message);
            assertTrue(message.contains("3 times in a row"), message);
            reader.rollback();
            retention.round();
            assertEquals(2001, fixture.log.minSeq().orElseThrow());
        }
    }

    /** It is tried again, round after round, and an interrupt is still an interrupt. */
    @Test
    void whatFailsThreeTimesInARowIsSaidWithItsErrorAndTriedAgain(TestDatabase server) throws Exception {
        try (Log log = new Log();
                ChangeLogFixture fixture = new ChangeLogFixture(server)) {
            Retention retention = new Retention(fixture.log, ChangeLog.RETENTION);
            fixture.execute("ALTER TABLE elsewhere.forge_change_control RENAME TO away");
            for (int i = 0; i < 5; i++) {
                retention.round();
            }
            String message = log.onlyWarning();
            assertTrue(message.contains("3 times in a row"), message);
            assertTrue(message.contains("forge_change_control"), message);
            Thread.currentThread().interrupt();
            assertThrows(InterruptedException.class, retention::round);
            fixture.execute("ALTER TABLE elsewhere.away RENAME TO forge_change_control");
            retention.round();
            assertEquals(1, log.records.size(), "it works again");
        }
    }

    /** What is logged meanwhile, and printed nowhere. */
    private static final class Log implements AutoCloseable {

        final List<LogRecord> records = new CopyOnWriteArrayList<>();
        private final Logger logger = Logger.getLogger("io.forgeloom.changelog");
        private final Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                records.add(record);
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };

        Log() {
            logger.addHandler(handler);
            logger.setUseParentHandlers(false);
        }

        /** Said once, the third time. */
        String onlyWarning() {
            assertEquals(1, records.size(), records::toString);
            assertEquals(Level.WARNING, records.getFirst().getLevel());
            return new SimpleFormatter().formatMessage(records.getFirst());
        }

        @Override
        public void close() {
            logger.setUseParentHandlers(true);
            logger.removeHandler(handler);
        }
    }
}
