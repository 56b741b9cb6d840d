/**
 * One bounded pool per server; functions run on its connections and in transactions.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.database.Database} opens a primary and its replicas after checking that each is a server to work
 * with. {@link io.forgeloom.database.ConnectionPool} is a {@link javax.sql.DataSource} over at most
 * {@code poolSize} sessions. {@link io.forgeloom.database.Database#inTransaction} begins, commits, rolls back and runs again
 * what the server ended for the sake of another transaction; {@link io.forgeloom.database.Database#read} runs a function
 * that reads on a replica, after a {@linkplain io.forgeloom.database.CommitPosition commit} if it is asked to.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>First come, first served: a waiter is overtaken by nobody who came later, unless the queue was empty.
 *   <li>At most {@code maxConnecting} sessions are being opened at a time, on the pool's own threads; one that hangs delays
 *       the others by nothing.
 *   <li>What was not committed is rolled back when the connection is released, never committed.
 *   <li>A released connection and its statements act on nothing any more, and what they left in the session is undone
 *       before anyone else has it; {@link io.forgeloom.database.SessionReset} says what can be seen.
 *   <li>At most {@code maxWaiters} threads wait; one more is refused at once.
 *   <li>A transaction is run again after 40001 and 40P01 only, and never after its COMMIT went unanswered.
 *   <li>A read after a commit's position shows that commit, on whichever server it runs.
 *   <li>A read runs a second time at most, and only if no row had reached it.
 *   <li>With a bound to lag, no read goes to a replica that was behind by more when it was last asked, the time since then
 *       counted; exact to a quarter of the bound. What was replayed is compared with the primary's own position, all on
 *       this process's clock.
 *   <li>With {@link io.forgeloom.database.ReplicaOptions#maxPrimaryReadShare()} set, reads that no replica may serve use no
 *       more connections of the primary than that, backends included that have lost their client.
 *   <li>With several {@code primaryUrls}: the server that takes writes is followed within a second of its promotion, and from
 *       then on no statement and no commit is begun on the old one through this pool (what unwraps the driver's connection
 *       is not seen).
 *   <li>An opening that fails, and a close, leave no session and no thread; but a close does not wait for a name look-up.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Server killed: the sessions die at their next use, one user of each at most; those that lie free are tried before they
 * are used again, and one thread goes on connecting, 25 ms to 1 s apart, while anyone waits. Connection lost
 * during COMMIT: {@link io.forgeloom.database.CommitOutcomeUnknownException}, settled by itself where
 * {@link io.forgeloom.database.TransactionOptions#traceCommit()} is set. Network silent: after a second the
 * server is asked, over a session of its own, whether it still works on the silent statement; who is dead is cut, who is slow
 * is not. Primary read-only: its connections end, and whoever writes is told (25006) by which server and since when. Several
 * {@code primaryUrls}: of servers that are in no recovery the one on the highest timeline is the primary; a timeline that was
 * overtaken is never gone back to; two servers on one timeline, or none: nobody gets a connection, and the reason names them.
 * A commit that the old primary confirmed before a change was noticed is what it is there: this side cannot know whether the
 * new one has it. Thread interrupted: a virtual thread loses the session that it is using, which is the JDK's rule for sockets; the
 * orphaned backend is ended and the session replaced. Replica down: who waits for a connection of it goes on elsewhere, and so
 * does a {@link io.forgeloom.database.Database#read} that it interrupts before the first row.
 *
 * <p>Replica killed or refusing: out of the rotation at the first error; whoever waits there is refused at once. Replica
 * hung: when somebody has waited for a quarter of a second, or 50 ms for the trial of a session, it is probed; an answer that
 * is late takes it out, none within a second refuses those who wait there, and a second probe without one cuts those who are
 * in a query. A query that is slow, on a replica that answers, is left alone. Back: probed after 1 to 3 s, again and again.
 * Recovery conflict: out for a second. A user's interrupt speaks against nobody.
 *
 * <h2>Threads</h2>
 * <p>{@code forgeloom-open-POOL-N} opens sessions and ends when nobody waits; {@code forgeloom-start-ROLE} and
 * {@code forgeloom-health-POOL} live inside one call, as do {@code forgeloom-search-HOST};
 * {@code forgeloom-follow-primary-HOST}, one for each of several {@code primaryUrls}, asks that server who it is; {@code forgeloom-watch-POOL} looks for dead networks
 * and {@code forgeloom-upkeep-POOL} closes what is idle or old, tries what lay
 * still, reports leaks, and lives as long as the pool; {@code forgeloom-probe-REPLICA} asks how it is, in
 * {@code forgeloom-ask-REPLICA}, which lives as long as the question; {@code forgeloom-lag} asks the
 * primary for its position; {@code forgeloom-close-POOL} inside {@code close()}. All are virtual.
 * Functions run on the caller's thread.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Hello" region="hello"}
 *
 * <p>With replicas:
 *
 * {@snippet class="io.forgeloom.examples.ReadingReplicas" region="reads"}
 */
@NullMarked
package io.forgeloom.database;

import org.jspecify.annotations.NullMarked;
