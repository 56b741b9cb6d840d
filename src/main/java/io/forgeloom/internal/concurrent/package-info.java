/**
 * The rung below everything: deadlines, structured concurrency, the lifecycle of background parts, and back-off.
 *
 * <p><b>What.</b> {@link io.forgeloom.internal.concurrent.TaskScope} is for lexical fan-out: several things at once,
 * inside one method, under one {@link io.forgeloom.internal.concurrent.Deadline}. A service that starts and stops at
 * will is a {@link io.forgeloom.internal.concurrent.BackgroundTask} with the contract of
 * {@link io.forgeloom.internal.concurrent.Lifecycle}. {@link io.forgeloom.internal.concurrent.Backoff} says how long to
 * wait before the next attempt.
 *
 * <p><b>Guarantees.</b>
 *
 * <ul>
 *   <li>When {@code TaskScope.close()} has returned, no thread of the scope is alive.
 *   <li>When {@code Lifecycle.stop()} has returned, no thread of the part is alive, unless it was called from that
 *       thread.
 *   <li>The body of a background task never runs twice at the same time, however often it is started and stopped.
 *   <li>An interrupt is never lost: it is thrown as {@link java.lang.InterruptedException}, or the flag is set again.
 * </ul>
 *
 * <p><b>Failure.</b> A scope fails with its first failure, exactly as thrown, and cancels the rest. A background task
 * that throws is logged with its name and remembers the failure. A wait that takes too long says for whom, for how long,
 * and on which line the other thread is.
 *
 * <p><b>Threads.</b> Subtasks and background tasks are virtual threads with the names that their creators give. On JDK
 * 25 with preview enabled the timeout of a scope runs on the JDK's own scheduler thread of the common pool.
 *
 * <p><b>Example.</b>
 *
 * <pre>{@code
 * try (var scope = TaskScope.open("forgeloom-start", Deadline.after(connectTimeout))) {
 *     var primary = scope.fork("forgeloom-start-primary", () -> probe(primaryUrl));
 *     var replica = scope.fork("forgeloom-start-replica", () -> probe(replicaUrl));
 *     scope.join();
 *     return List.of(primary.get(), replica.get());
 * }
 * }</pre>
 */
@NullMarked
package io.forgeloom.internal.concurrent;

import org.jspecify.annotations.NullMarked;
