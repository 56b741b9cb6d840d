/**
 * Advisory locks as values: ids, try, hold, who holds it.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.lock.AdvisoryLock} tries to take the lock of a {@link io.forgeloom.lock.LockId}, for a session or
 * for a transaction, and tells the {@link io.forgeloom.lock.LockHolder}. A {@link io.forgeloom.lock.HeldLock} is a
 * session's, and knows whether it is still held. The server is the authority: nothing here is remembered that it does not
 * say.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>Of all who try at the same time on one database, one at most is told that it has the lock.
 *   <li>Nobody waits for a lock, neither here nor in the server.
 *   <li>A session that has a lock does not get it a second time, even if it took it by SQL.
 *   <li>{@link io.forgeloom.lock.HeldLock#isHeld} says yes only if the server did so during the call.
 *   <li>A try whose answer was lost leaves nothing held: the session is ended.
 *   <li>A lock is never taken on a standby, where it would keep nobody out.
 *   <li>A lock of another database with the same number is none of ours.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Server killed, or the session ended by somebody: the lock is free at once; the holder learns it at its next statement
 * on the connection. Network silent: {@code isHeld} ends at its timeout and the lock counts as lost; the pool has the
 * server end the session over another connection, and where the server cannot be reached it finds out by itself, by TCP
 * keep-alive or {@code idle_session_timeout}. Thread interrupted: a virtual thread inside a question loses the session, which
 * is the JDK's rule for sockets, and so the lock; the pool ends the backend. Process paused: the server knows nothing of it and keeps the lock, or
 * frees it after {@code idle_session_timeout}; the holder sees by {@code proofAge} that its knowledge is old. The pause is
 * counted by the monotonic clock, which on Linux stands still only while the whole machine sleeps. Primary changed: with
 * several {@code primaryUrls} nothing is asked on the old one any more, so {@code isHeld} says no.
 *
 * <h2>Threads</h2>
 * <p>None is started here. A held lock is used by one thread at a time, as its connection is.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Locking" region="lock"}
 */
@NullMarked
package io.forgeloom.lock;

import org.jspecify.annotations.NullMarked;
