package io.forgeloom.database;

import io.forgeloom.internal.concurrent.BackgroundTask;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.pg.PgConnector;
import io.forgeloom.internal.pg.RoleFacts;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One of the servers that may be the primary, and the virtual thread that asks it again and again. A thread each, so that
 * one that hangs delays no question to the others. Safe for use by many threads.
 */
final class PrimaryCandidate {

    /** How long an answer may take, connecting included. */
    static final Duration ANSWER = Duration.ofSeconds(1);

    /** What a server that is silent said last counts for so long: until another question has gone unanswered, too. */
    private static final Duration REMEMBERED = Duration.ofSeconds(2);

    /** However much speaks against a server, it is not asked more often. */
    private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** The last question: what was said last, when, and why nothing was said now. */
    private record Answer(
            @Nullable RoleFacts facts, long nanos, @Nullable String problem) {}

    private final PgConnector connector;
    private final ControlSession session;
    private final LongSupplier pauseNanos;
    private final Runnable onAnswer;
    private final BackgroundTask task;
    private final Semaphore wake = new Semaphore(0);

    private volatile Answer answer;

    /**
     * @param first what it said at the start
     * @param pauseNanos how long to wait between two questions
     * @param onAnswer called after each question by the candidate's thread; returns at once
     */
    PrimaryCandidate(PrimarySearch.Answer first, LongSupplier pauseNanos, Runnable onAnswer) {
        this.connector = first.connector();
        this.answer = new Answer(first.facts(), System.nanoTime(), first.problem());
        this.session = new ControlSession(connector, new HoldOff());
        this.pauseNanos = pauseNanos;
        this.onAnswer = onAnswer;
        this.task = new BackgroundTask(
                "forgeloom-follow-primary-" + connector.url().hosts().get(0), this::run);
    }

    PgConnector connector() {
        return connector;
    }

    void start() {
        task.start();
    }

    /** Asks now. Never blocks. */
    void wake() {
        wake.release();
    }

    /** As of now: what was said too long ago is forgotten. */
    PrimaryChoice.Candidate known() {
        Answer last = answer;
        boolean recent = last.facts != null && System.nanoTime() - last.nanos < REMEMBERED.toNanos();
        return new PrimaryChoice.Candidate(connector.toString(), recent ? last.facts : null, last.problem);
    }

    private void run(BooleanSupplier stopRequested) throws InterruptedException {
        while (!stopRequested.getAsBoolean()) {
            long begin = System.nanoTime();
            try {
                ask();
                onAnswer.run();
            } catch (RuntimeException e) {
                ConnectionPool.LOG.log(Level.WARNING, connector + ": is asked again after a failure", e);
            }
            if (wake.tryAcquire(pauseNanos.getAsLong(), TimeUnit.NANOSECONDS)) {
                TimeUnit.NANOSECONDS.sleep(SHORTEST_PAUSE_NANOS - (System.nanoTime() - begin));
            }
            wake.drainPermits();
        }
    }

    private void ask() throws InterruptedException {
        try {
            answer = new Answer(session.ask(RoleFacts::read, Deadline.after(ANSWER)), System.nanoTime(), null);
        } catch (SQLException e) {
            Answer before = answer;
            answer = new Answer(before.facts, before.nanos, "no answer: " + e.getMessage());
        }
    }

    /** Returns when the thread has ended, or {@code end} will not wait any longer. */
    void close(ClosingWait end) {
        end.await(task::stop);
        session.close();
    }
}
