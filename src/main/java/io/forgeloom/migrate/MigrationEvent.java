package io.forgeloom.migrate;

import io.forgeloom.lock.LockHolder;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a run tells its listener, on the thread that runs it and in this order: {@link Waiting} while another run has the
 * lock, {@link Planned} once if there is something to apply, then for each file {@link Started}, {@link Recovering},
 * {@link StatementDone}, {@link Retrying}, {@link Applied}. The lock, and inside a file a transaction, is held meanwhile: a listener that takes
 * longer than a minute loses the session. One that throws is logged and does not stop the run.
 */
public sealed interface MigrationEvent {

    /**
     * Another session has the lock: at once, and every 30 s.
     *
     * @param holder null if it had just let go
     */
    record Waiting(@Nullable LockHolder holder, Duration waited) implements MigrationEvent {}

    /**
     * The lock is held and this much is to be done.
     *
     * @param migrations how many files
     * @param statements in all of them
     */
    record Planned(int migrations, int statements) implements MigrationEvent {}

    /**
     * A file begins.
     *
     * @param version as the history will name it
     * @param number of the file in this run, from 1
     */
    record Started(String version, String file, int number, int statements) implements MigrationEvent {}

    /**
     * A statement succeeded; what it did in a transaction is not committed yet.
     *
     * @param statement of the file, from 1
     */
    record StatementDone(String version, int statement, Duration took) implements MigrationEvent {}

    /**
     * A lock of the database was not to be had, or a deadlock was ended at this file's expense: it was rolled back, and
     * begins again after a pause.
     *
     * @param attempt the one that failed; the first is 1
     */
    record Retrying(String version, int attempt, Duration pause, String cause) implements MigrationEvent {}

    /**
     * An earlier run was cut off in this migration, and what it left is taken away first.
     *
     * @param what was left, and what becomes of it
     */
    record Recovering(String version, String what) implements MigrationEvent {}

    /** A file is applied, and so is its row in the history. */
    record Applied(String version, Duration took) implements MigrationEvent {}

    /**
     * The schema is not what the last migration left.
     *
     * @param difference one object, and what is the matter with it
     */
    record SchemaChanged(String difference) implements MigrationEvent {}
}
