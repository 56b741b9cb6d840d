/**
 * Registers this process in {@code forge_nodes} and tells who is alive.
 *
 * <h2>What</h2>
 * <p>A {@link io.forgeloom.node.NodeRegistry} writes a row for its process and renews it by a heartbeat;
 * {@link io.forgeloom.node.NodeRegistry#nodes} lists all rows as {@link io.forgeloom.node.NodeInfo}, with the
 * {@link io.forgeloom.node.NodeStatus} of each. {@link io.forgeloom.node.NodeConfig} has the intervals.
 *
 * <p>Authority: the row, judged by the server's clock alone, when it is read. It is for people and for decisions that may be a
 * little wrong; whatever must not happen twice is decided by a lock (see {@code io.forgeloom.leader}). States: joining, active,
 * draining, each as the node itself says it, and dead, which is the silence of {@link io.forgeloom.node.NodeConfig#deadAfter()}
 * that the node has written beside its name. Of two processes with one name the one that came last has the row.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>A node that is killed, frozen or cut off is listed as dead {@code deadAfter} after its last heartbeat, by whoever asks, whether
 *       anybody else is there or not.
 *   <li>A node that was dead is what it was, from its next heartbeat on.
 *   <li>A node that was stopped while the database answers is not on the list, whatever it was doing.
 *   <li>At rest it is one statement in each {@code heartbeatInterval}, on a connection of the pool.
 *   <li>No heartbeat waits for another node's row.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Database away, or no connection free: the heartbeat is given up after a third of {@code deadAfter} and tried again at the
 * next tick; the log tells the first of each kind, Flight Recorder each. Process paused: it is listed as dead meanwhile, and says
 * how long it was silent when it is back. No {@code forge_nodes} yet, or no right to it: as if the database were away. Process
 * killed: its row is marked by the next heartbeat of any other node and removed after a day. Two processes with one name: the
 * earlier says so in the log, and takes its place again when the later one has gone. Database closed before the registry: the
 * registry ends, with a warning.
 *
 * <h2>Threads</h2>
 * <p>{@code forgeloom-node} waits for the stop; {@code forgeloom-node-beat} talks to the server.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Registering" region="register"}
 */
@NullMarked
package io.forgeloom.node;

import org.jspecify.annotations.NullMarked;
