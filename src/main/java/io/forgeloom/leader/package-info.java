/**
 * Elects one leader per role with an advisory lock, a lease and a term, and fences what an old leader does.
 *
 * <h2>What</h2>
 * <p>A {@link io.forgeloom.leader.LeaderElection} campaigns for its {@link io.forgeloom.leader.LeaderRole}s and tells whether
 * this process leads; {@link io.forgeloom.leader.LeaderElection#whileLeader} runs what a leader does, with a
 * {@link io.forgeloom.leader.Leadership}: its number, its fenced transactions, its
 * {@link io.forgeloom.leader.LeadershipToken} for stores elsewhere.
 *
 * <p>Authority: the advisory lock of a role decides who may lead, and one session of each process has the locks of all its
 * roles. The row in {@code forge_leaders} is for people and for the fence; nobody campaigns by it. Time: the server ends the
 * session of a leader that is silent for a lease, and the leader stops believing a sixth of it earlier, each on its own
 * clock, counted from the leader's last question. States of a role: standby, lock won, waiting for the earlier leader's lease
 * ({@link io.forgeloom.leader.Takeover#AFTER_LEASE}), leading, giving up.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>Of two leaderships of a role the later one has the greater token, also across a promotion.
 *   <li>No transaction of an earlier leader commits by {@code inTransaction} once a later one is in office, and no later
 *       one comes into office while such a transaction is open: half a lease at most.
 *   <li>{@code isLeader} says no in time before the server gives the role away because of silence: a process that died, froze
 *       or was cut off does not lead beside its successor. Where the server drops the session of a leader that lives, that
 *       holds with {@code AFTER_LEASE}; with {@code IMMEDIATE} it learns it up to {@code lockValidateInterval} later.
 *   <li>A session on which anything went wrong is never used again, nor are its locks believed in.
 *   <li>A body never runs twice at a time in one process.
 *   <li>A healthy leader's session is never ended by another, nor a session of another database.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Process killed: the lock is free when the server sees the socket close, the next poll finds it. Process frozen, machine
 * suspended, network cut: the server ends the session after the lease. Session ended or server restarted: every role of the
 * process steps down, and it campaigns over a new session, first after 50 ms, then up to 2 s apart. Replica promoted: the
 * pool leads to the new primary, whose timeline makes all tokens greater. No answer in time: the watch steps down where the
 * others are stuck in the driver. A row that somebody else has locked: nobody leads until it is free, and the log says so.
 * A body that does not end: its stack is logged, the role is given up, and this process does not campaign beside it. A
 * pooler that keeps a dead process's session: a standby ends it when its lease has expired twice over.
 *
 * <h2>Threads</h2>
 * <p>{@code forgeloom-leader} has the session and, while there is one, a scope with one thread a cadence:
 * {@code forgeloom-leader-heartbeat}, {@code -lease}, {@code -keepalive}, {@code -standby}, which alone wins and gives back,
 * {@code -wakeup}, {@code -zombies}. {@code forgeloom-leader-watch} does no I/O. {@code forgeloom-leader-events} calls the
 * listeners, {@code forgeloom-leader-body-ROLE} a body.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Leading" region="start"}
 * {@snippet class="io.forgeloom.examples.Leading" region="body"}
 */
@NullMarked
package io.forgeloom.leader;

import org.jspecify.annotations.NullMarked;
