package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.changelog.ConsumerOptions.WhenBehind;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What goes, what stays, and who is told. */
@WithDatabase
@Timeout(60)
@Tag("slow")
class ChangeTrimTest {

    private static ChangeLogFixture tracked(TestDatabase server) throws Exception {
        ChangeLogFixture fixture = new ChangeLogFixture(server);
        fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a int)");
        fixture.log.track("t", TrackOptions.DEFAULTS);
        return fixture;
    }

    private static void insert(ChangeLogFixture fixture, int from, int to) throws Exception {
        fixture.execute("INSERT INTO t SELECT generate_series(" + from + ", " + to + ")");
    }

    private static Instant now(ChangeLogFixture fixture) throws Exception {
        return Instant.parse(fixture.column(
                        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
                .getFirst());
    }

    private static Resync.Cause refused(ChangeLogFixture fixture, ChangePosition position) {
        try (ChangeDrain drain = fixture.log.drain(position)) {
            Resync first = assertInstanceOf(Resync.class, drain.next().orElseThrow());
            assertEquals(first, drain.next().orElseThrow(), "once refused is refused for good");
            return first.cause();
        }
    }

    @Test
    void onlyWhatIsBeforeTheCutoffGoesAndAThousandRowsStay(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            assertEquals(OptionalLong.empty(), fixture.log.minSeq());
            assertEquals(OptionalLong.empty(), fixture.log.maxSeq());
            ChangePosition early = fixture.log.now();
            insert(fixture, 1, 1500);
            ChangePosition seen = fixture.log.now();
            Instant between = now(fixture);
            assertEquals(new TrimResult(0, List.of()), fixture.log.trim(between), "fewer than 1,000 would be left");
            insert(fixture, 1501, 2400);
            assertEquals(0, fixture.log.trim(between.minusSeconds(3600)).rows());
            insert(fixture, 2401, 2600);
            assertEquals(1, fixture.log.minSeq().orElseThrow());
            assertEquals(new TrimResult(1500, List.of()), fixture.log.trim(between));
            assertEquals(1501, fixture.log.minSeq().orElseThrow());
            assertEquals(2600, fixture.log.maxSeq().orElseThrow());
            assertEquals(1100, fixture.rows(seen).size());
            assertEquals(Resync.Cause.TRIMMED, refused(fixture, early));
            assertEquals(1100, fixture.rows(fixture.log.start()).size());
            assertEquals(new TrimResult(0, List.of()), fixture.log.trim(now(fixture)));
        }
    }

    @Test
    void aConsumerHoldsBackOrIsToldToStartAnew(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            ChangeConsumer holder = fixture.log.consumer("holder", ConsumerOptions.DEFAULTS);
            ChangeConsumer evicted = fixture.log.consumer("evicted", new ConsumerOptions(WhenBehind.EVICT, null));
            insert(fixture, 1, 100);
            Instant cut = now(fixture);
            fixture.log.trim(cut);
            insert(fixture, 101, 1200);
            assertEquals(
                    List.of("consumer holder has not passed slot 0"),
                    fixture.log.trim(cut).refused());
            assertEquals(1200, holder.lag().rows());
            assertTrue(holder.lag().age().toMillis() >= 0);
            try (ChangeDrain drain = holder.drain(FollowOptions.DEFAULTS);
                    Connection connection = server.connect()) {
                drain.next().orElseThrow();
                holder.commit(connection, drain.position());
            }
            assertEquals(0, holder.lag().rows());
            assertEquals(100, fixture.log.trim(cut).rows());
            assertEquals(Resync.Cause.TRIMMED, refused(fixture, evicted.position()));
            assertEquals(0, fixture.rows(holder.position()).size());
        }
    }

    @Test
    void whoeverUsesASlotIsNamedAndNobodyWaits(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server);
                Connection late = server.connect();
                Statement statement = late.createStatement()) {
            late.setAutoCommit(false);
            statement.execute("INSERT INTO t VALUES (0)");
            insert(fixture, 1, 1000);
            Instant cut = now(fixture);
            assertEquals(List.of(), fixture.log.trim(cut).refused(), "writers turn to another slot first");
            insert(fixture, 1001, 2100);
            ChangePosition before = fixture.log.now();
            List<String> refused = fixture.log.trim(cut).refused();
            assertTrue(refused.getFirst().startsWith("slot 0 is in use by pid "), refused.toString());
            late.commit();
            assertEquals(1, fixture.rows(before).size());
            assertEquals(1001, fixture.log.trim(now(fixture)).rows());
            assertEquals(Resync.Cause.TRIMMED, refused(fixture, before), "the late row was not seen");
        }
    }

    @Test
    void noSlotIsReadThroughThoughNobodyKnowsWhatIsInIt(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            fixture.execute("INSERT INTO forge_change_log (op, table_name, row_id)"
                    + " SELECT 'I', 'elsewhere.t', n::text FROM generate_series(1, 20000) AS n");
            assertEquals(
                    List.of("false 0"),
                    fixture.column("SELECT forge_change_unseen(0, pg_current_snapshot())"
                            + " || ' ' || pg_stat_get_xact_numscans('forge_change_log_0'::regclass)"));
        }
    }

    @Test
    void whatComesAfterAMarkIsAscendingAndTheLowestNumberIsThatOfTheOldestRow(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            insert(fixture, 1, 3);
            ChangePosition mark = fixture.log.now();
            for (int id = 4; id < 14; id++) {
                insert(fixture, id, id);
            }
            assertEquals(
                    LongStream.range(4, 14).boxed().toList(),
                    fixture.rows(mark).stream().map(ChangeRow::seq).toList());
            ChangeRow oldest = fixture.rows(fixture.log.start()).getFirst();
            assertEquals(oldest.seq(), fixture.log.minSeq().orElseThrow());
            assertEquals(13, fixture.rows(mark).getLast().seq(), fixture.log.maxSeq()::toString);
        }
    }

    @Test
    void whatWasCommittedAMomentAgoStaysHoweverOldItIs(TestDatabase server) throws Exception {
        // Shorter than any of these statements takes: what the next one asks for is over.
        Duration retention = Duration.ofNanos(60_000);
        try (ChangeLogFixture fixture = tracked(server);
                Connection late = server.connect();
                Statement statement = late.createStatement()) {
            insert(fixture, 5000, 5000);
            late.setAutoCommit(false);
            statement.execute("INSERT INTO t VALUES (0)");
            // Turns the writers away.
            assertEquals(new TrimResult(0, List.of()), fixture.log.compact(retention));
            insert(fixture, 1, 1100);
            ChangePosition polled = fixture.log.now();
            assertTrue(fixture.log.compact(retention).refused().getFirst().startsWith("slot 0 is in use by pid "));
            late.commit();
            assertEquals(
                    List.of("slot 0 has rows that were committed a moment ago"),
                    fixture.log.compact(retention).refused());
            assertEquals(1, fixture.rows(polled).size());
            assertEquals(new TrimResult(2, List.of()), fixture.log.compact(retention));
        }
    }
}
