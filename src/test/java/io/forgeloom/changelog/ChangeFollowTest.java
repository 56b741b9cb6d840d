package io.forgeloom.changelog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.DatabaseException;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.testing.Await;
import io.forgeloom.testing.TestDatabase;
import io.forgeloom.testing.WithDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Waiting, waking, the seam behind a copy, and consumers that commit. */
@WithDatabase
@Timeout(60)
class ChangeFollowTest {

    private static final FollowOptions RINGING = FollowOptions.builder()
            .ringAlways(true)
            .pollInterval(Duration.ofSeconds(20))
            .build();

    private static ChangeLogFixture tracked(TestDatabase server) throws Exception {
        ChangeLogFixture fixture = new ChangeLogFixture(server);
        fixture.execute("CREATE TABLE t (id int PRIMARY KEY, a bigint)");
        fixture.log.track("t", TrackOptions.DEFAULTS);
        return fixture;
    }

    private static boolean armed(ChangeLogFixture fixture) throws Exception {
        return !fixture.column("SELECT last_value FROM forge_change_sleepers").equals(List.of("0"));
    }

    /** Whether it waits for the bus, and neither looks nor is about to. */
    private static boolean isDozing(Thread follower) {
        return Stream.of(follower.getStackTrace())
                .anyMatch(frame -> frame.getClassName().startsWith("io.forgeloom.notify."));
    }

    private static List<Long> seqs(Optional<ChangeElement> element) {
        return ((Batch) element.orElseThrow())
                .rows().stream().map(ChangeRow::seq).toList();
    }

    @Test
    void aDrainThatWasOnItsWayFindsWhatCameSince(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            ChangePosition start = fixture.log.start();
            assertEquals(List.of(), fixture.rows(start));
            fixture.execute("INSERT INTO t VALUES (1)");
            assertEquals(1, fixture.rows(start).size());
        }
    }

    @Test
    void whatWasWrittenBeforeManyIdleLooksIsFoundWhenItIsCommitted(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server);
                ChangeFollower follower = fixture.log.follow(fixture.log.now(), FollowOptions.DEFAULTS);
                Connection early = server.connect();
                Statement earlyWrites = early.createStatement();
                Connection late = server.connect();
                Statement lateWrites = late.createStatement()) {
            early.setAutoCommit(false);
            late.setAutoCommit(false);
            earlyWrites.execute("INSERT INTO t VALUES (1)");
            idle(fixture, follower);
            lateWrites.execute("INSERT INTO t VALUES (2)");
            idle(fixture, follower);
            early.commit();
            assertEquals(List.of(1L), seqs(follower.poll(Duration.ZERO)));
            idle(fixture, follower);
            late.commit();
            assertEquals(List.of(2L), seqs(follower.poll(Duration.ZERO)));
            idle(fixture, follower);
            fixture.execute("INSERT INTO t VALUES (3)");
            assertEquals(List.of(3L), seqs(follower.poll(Duration.ZERO)));
        }
    }

    /** Looks while others commit, and nothing of it to the log: until a look need not search the log any more, and on. */
    private static void idle(ChangeLogFixture fixture, ChangeFollower follower) throws Exception {
        for (int i = 0; i < 8; i++) {
            fixture.execute("SELECT pg_current_xact_id()");
            assertEquals(Optional.empty(), follower.poll(Duration.ZERO));
        }
    }

    @Test
    void anInterruptInTheMiddleOfALookIsOneAndNothingIsLost(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server);
                ChangeFollower follower = fixture.log.follow(fixture.log.now(), FollowOptions.DEFAULTS);
                Connection other = server.connect();
                Statement statement = other.createStatement()) {
            fixture.execute("INSERT INTO t VALUES (1)");
            other.setAutoCommit(false);
            statement.execute("LOCK TABLE elsewhere.forge_change_control");
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            Thread reader = Thread.ofVirtual().name("test-reader").start(() -> {
                try {
                    thrown.completeExceptionally(new AssertionError("it was given " + follower.take()));
                } catch (Throwable e) {
                    thrown.complete(e);
                }
            });
            Await.until(
                    "it waits for the lock",
                    () -> fixture.column("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                    + " AND datname = current_database()")
                            .equals(List.of("1")));
            reader.interrupt();
            assertInstanceOf(InterruptedException.class, thrown.get(10, TimeUnit.SECONDS));
            reader.join();
            other.rollback();
            assertEquals(List.of(1L), seqs(follower.poll(Duration.ofSeconds(10))));
        }
    }

    @Test
    void aCommitWakesAFollowerThatSleepsAndNobodyRingsForOneThatDoesNot(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server);
                ChangeFollower follower = fixture.log.follow(fixture.log.now(), RINGING);
                NotifyBus ear = NotifyBus.of(fixture.database, "forge_changes");
                Connection session = server.connect();
                Statement writer = session.createStatement()) {
            fixture.bus.start();
            ear.start();
            assertTrue(fixture.bus.awaitGeneration(1, Duration.ofSeconds(10)));
            assertTrue(ear.awaitGeneration(1, Duration.ofSeconds(10)));
            fixture.execute("INSERT INTO t VALUES (1)");
            assertEquals(List.of(1L), seqs(follower.poll(Duration.ZERO)));
            assertEquals(0, ear.stats().received(), "nobody slept");
            for (int i = 2; i < 7; i++) {
                FutureTask<Optional<ChangeElement>> next =
                        new FutureTask<>(() -> follower.poll(Duration.ofSeconds(15)));
                Thread sleeper = Thread.ofVirtual().name("sleeper").start(next);
                Await.until("the follower sleeps", () -> armed(fixture) && isDozing(sleeper));
                long before = System.nanoTime();
                writer.execute("INSERT INTO t VALUES (" + i + ")");
                assertEquals(List.of((long) i), seqs(next.get(10, TimeUnit.SECONDS)));
                assertTrue(System.nanoTime() - before < 1_000_000_000L, "woken, not found by a look");
            }
            assertTrue(ear.stats().received() > 0);
        }
    }

    /** It was handed out by no call, and no later one would give it again. */
    @Test
    void whatWasFoundIsNotLostWhereNobodyCanBeToldThatTheSleepIsOver(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            Doze doze = new Doze(fixture.database, fixture.log.sql(), RINGING);
            while (!armed(fixture)) {
                doze.next();
            }
            fixture.database.close();
            doze.awake();
        }
    }

    /** The server of the tests can prepare transactions, so nobody may ring. */
    @Test
    void aFollowerThatSleepsFailsNoPrepareTransaction(TestDatabase server) throws Exception {
        FollowOptions silent =
                FollowOptions.builder().pollInterval(Duration.ofMillis(200)).build();
        try (ChangeLogFixture fixture = tracked(server);
                ChangeFollower follower = fixture.log.follow(fixture.log.now(), silent)) {
            fixture.bus.start();
            assertEquals(Optional.empty(), follower.poll(Duration.ofMillis(300)));
            String name = "'" + server.name() + "'";
            fixture.execute(
                    "BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION " + name, "COMMIT PREPARED " + name);
            assertEquals(List.of(1L), seqs(follower.poll(Duration.ofSeconds(10))));
        }
    }

    @Test
    void closingFreesWhoeverWaits(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            ChangeFollower follower = fixture.log.follow(fixture.log.now(), RINGING);
            CompletableFuture<ChangeElement> next = CompletableFuture.supplyAsync(() -> {
                try {
                    return follower.take();
                } catch (InterruptedException e) {
                    throw new IllegalStateException("interrupted", e);
                }
            });
            Await.until("the follower sleeps", () -> armed(fixture));
            follower.close();
            ExecutionException ended = assertThrows(ExecutionException.class, () -> next.get(1, TimeUnit.SECONDS));
            assertEquals(
                    "the follower is closed, or its bus",
                    String.valueOf(ended.getCause().getMessage()));
        }
    }

    @Test
    void nothingIsTrimmedFromBeforeACopyUntilItsFollowerHasCaughtUp(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            Instant late = Instant.parse("2999-01-01T00:00:00Z");
            try (ChangeSeam<TrimResult> seam = fixture.log.snapshotThenFollow(FollowOptions.DEFAULTS, connection -> {
                fixture.execute(
                        "INSERT INTO t SELECT generate_series(1, 2000)",
                        // As if the copy had taken for longer than that.
                        "UPDATE forge_change_consumers SET expires_at = clock_timestamp() - interval '1 min'");
                return fixture.log.trim(late);
            })) {
                assertEquals(
                        List.of("a table is being copied by someone who will follow it"),
                        seam.copy().refused());
                fixture.log.trim(late);
                fixture.execute("INSERT INTO t SELECT generate_series(2001, 4000)");
                assertTrue(fixture.log.trim(late).refused().getFirst().startsWith("consumer \"~"));
                assertEquals(4000, seqs(seam.follower().poll(Duration.ZERO)).size());
                assertEquals(Optional.empty(), seam.follower().poll(Duration.ZERO));
                assertEquals(2000, fixture.log.trim(late).rows());
            }
            assertThrows(
                    DatabaseException.class,
                    () -> fixture.log.snapshotThenFollow(FollowOptions.DEFAULTS, connection -> {
                        connection.createStatement().execute("DELETE FROM t");
                        return 1;
                    }));
            assertEquals(List.of("0"), fixture.column("SELECT count(*) FROM forge_change_consumers"));
        }
    }

    @Test
    void whatAConsumerDoesIsDoneOnceAndWhoWasTakenOverFromCommitsNoMore(TestDatabase server) throws Exception {
        try (ChangeLogFixture fixture = tracked(server)) {
            ChangeConsumer first = fixture.log.consumer("copier", ConsumerOptions.DEFAULTS);
            fixture.execute("CREATE TABLE effect (seq bigint)", "INSERT INTO t SELECT generate_series(1, 100)");
            for (int i = 0; i < 25; i++) {
                ChangeConsumer consumer = fixture.log.consumer("copier", ConsumerOptions.DEFAULTS);
                try (ChangeDrain drain = consumer.drain(
                                FollowOptions.builder().batchSize(10).build());
                        Connection connection = server.connect();
                        Statement statement = connection.createStatement()) {
                    Optional<ChangeElement> next = drain.next();
                    if (next.isEmpty()) {
                        break;
                    }
                    connection.setAutoCommit(false);
                    for (ChangeRow row : ((Batch) next.get()).rows()) {
                        statement.execute("INSERT INTO effect VALUES (" + row.seq() + ")");
                    }
                    consumer.commit(connection, drain.position());
                    if (i % 2 == 0) {
                        // It dies.
                        connection.rollback();
                    } else {
                        connection.commit();
                    }
                    assertThrows(ConsumerTakenOverException.class, () -> first.commit(connection, first.position()));
                }
            }
            assertEquals(
                    List.of("100 100"), fixture.column("SELECT count(*) || ' ' || count(DISTINCT seq) FROM effect"));
            assertTrue(fixture.log.dropConsumer("copier"));
            assertThrows(ConsumerTakenOverException.class, first::position);
        }
    }
}
