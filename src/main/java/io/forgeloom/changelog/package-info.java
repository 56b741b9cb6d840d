/**
 * Records row changes in the writer's transaction and lets readers follow them in commit order from a position.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.changelog.ChangeLog} makes triggers on tables, which write {@code forge_change_log}, and reads it:
 * {@link io.forgeloom.changelog.ChangeDrain} to its end, {@link io.forgeloom.changelog.ChangeFollower} beyond,
 * {@link io.forgeloom.changelog.ChangeSeam} exactly behind a copy. Elements are a {@link io.forgeloom.changelog.Batch} or a
 * {@link io.forgeloom.changelog.Resync}.
 *
 * <p>Numbers are not in the order of commits, and xids are not either. A {@link io.forgeloom.changelog.ChangePosition} is a
 * snapshot of the primary; what is new is what a later snapshot sees and that one does not, and goes out in the order of the
 * numbers. Who changes a row has waited for the commit of whoever changed it before, and so has the higher number and is in
 * the same difference or a later one. No transaction that stays open holds anything up, in this database or in another.
 *
 * <p>Where a statement changed more than 64 rows, one row of the table tells of up to 64 of them, whose numbers follow each
 * other; its own number is the last of them. So no two rows of the table have numbers in between each other's, and a reader
 * goes on behind any change.
 *
 * <p>The log is a ring of eight partitions. Trimming empties one by TRUNCATE, and says in a row of
 * {@code forge_change_control} what nobody can read any more; readers look there after each page.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>Each committed change of a tracked table is given once, those of one row in the order of their commits.
 *   <li>What was trimmed unseen is told by a {@link io.forgeloom.changelog.Resync}, as is another timeline or an older copy.
 *   <li>No write of a user fails for the log: not for its data, its role, its PREPARE TRANSACTION, nor for what was done to
 *       the table since it was tracked.
 *   <li>A seam has neither a gap nor an overlap, and what follows it is not trimmed before it was read.
 *   <li>What a {@link io.forgeloom.changelog.ChangeConsumer} does in the transaction in which it commits is done once.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Server unreachable: the call fails, the next goes on where it began. Reader killed: it goes on at the position that was
 * stored last. Server restarted or recovered from a crash: nothing is lost and nobody starts anew; also where writers use
 * {@code synchronous_commit = off}, since what a reader relies on is on disk first. A wake-up that does not come costs a poll
 * interval.
 *
 * <p>Not logged: writes that name a partition of a tracked table instead of its root, and whatever is done while a table's
 * triggers are disabled. Written to the primary alone, and read there.
 *
 * <h2>Threads</h2>
 * <p>None; all is done on the caller's.
 */
@NullMarked
package io.forgeloom.changelog;

import org.jspecify.annotations.NullMarked;
