package io.forgeloom.migrate;

import io.forgeloom.internal.concurrent.Backoff;
import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.lock.AdvisoryLock;
import io.forgeloom.lock.HeldLock;
import io.forgeloom.lock.LockHolder;
import io.forgeloom.migrate.MigrationException.Reason;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The wait for the lock of the migrations while another run has it: tries, looks whether that run has left anything to do,
 * and pauses, so that nothing of this session stands in the server meanwhile. Says at once, and every 30 s, who it
 * waits for. Confined to one thread.
 */
final class LockWait {

    /** What the lock is wanted for may be done by the one who has it. */
    interface Question {
        boolean nothingIsPending() throws SQLException;
    }

    private static final Duration FIRST_POLL = Duration.ofMillis(50);

    /** So that the last of many starts returns well within a second of the winner's last commit. */
    private static final Duration LONGEST_POLL = Duration.ofMillis(500);

    /** After {@link #PATIENT}: the lock is held for a long migration, and nobody needs to be quick. */
    private static final Duration PATIENT_POLL = Duration.ofSeconds(2);

    private static final Duration PATIENT = Duration.ofMinutes(1);
    private static final Duration WARN_INTERVAL = Duration.ofSeconds(30);

    private final MigrationSession session;
    private final MigrationLimits limits;
    private final Consumer<MigrationEvent> listener;

    LockWait(MigrationSession session, MigrationLimits limits, Consumer<MigrationEvent> listener) {
        this.session = session;
        this.limits = limits;
        this.listener = listener;
    }

    /**
     * The lock, or null as soon as nothing is pending any more.
     *
     * @throws MigrationException with {@link Reason#LOCKED} if the other one has it for too long
     */
    @Nullable
    HeldLock takeUnless(Question question) throws SQLException, InterruptedException {
        long begun = System.nanoTime();
        Deadline deadline = Deadline.after(limits.lockWait());
        Backoff backoff = new Backoff(FIRST_POLL, LONGEST_POLL);
        Deadline nextWarning = Deadline.after(Duration.ZERO);
        while (true) {
            Optional<HeldLock> lock = AdvisoryLock.tryAcquire(session.connection(), Migrator.LOCK);
            if (lock.isPresent()) {
                return lock.get();
            }
            if (question.nothingIsPending()) {
                return null;
            }
            Duration waited = MigrationRun.since(begun);
            if (nextWarning.expired() || deadline.expired()) {
                @Nullable
                LockHolder holder =
                        AdvisoryLock.holder(session.connection(), Migrator.LOCK).orElse(null);
                warnOrGiveUp(holder, waited, deadline);
                nextWarning = Deadline.after(WARN_INTERVAL);
            }
            Duration poll = waited.compareTo(PATIENT) < 0 ? Duration.ofNanos(backoff.nextNanos()) : PATIENT_POLL;
            Thread.sleep(poll.compareTo(deadline.remaining()) < 0 ? poll : deadline.remaining());
        }
    }

    private void warnOrGiveUp(@Nullable LockHolder holder, Duration waited, Deadline deadline) {
        String who = holder == null ? "a session that has just let it go" : holder.toString();
        if (deadline.expired()) {
            throw MigrationException.of(
                    Reason.LOCKED,
                    "waited " + waited.toMillis() + " ms (lockWait "
                            + limits.lockWait().toMillis() + " ms) for the lock of the migrations, " + Migrator.LOCK
                            + ", which is held by " + who + "; " + remedy(holder),
                    null);
        }
        Migrator.LOG.log(
                Level.WARNING,
                "waiting " + waited.toMillis() + " ms of " + limits.lockWait().toMillis()
                        + " for the lock of the migrations, held by " + who);
        listener.accept(new MigrationEvent.Waiting(holder, waited));
    }

    private static String remedy(@Nullable LockHolder holder) {
        if (holder == null) {
            return "run again";
        }
        return holder.pid() == 0
                ? "end that one with ROLLBACK PREPARED or COMMIT PREPARED"
                : "if that one hangs, end it with SELECT pg_terminate_backend(" + holder.pid() + ")";
    }
}
