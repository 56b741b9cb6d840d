/**
 * The demo behind {@code ./forge demo}: real transactions on a real server that is killed half-way, reads on its two
 * streaming replicas that are killed, lag and hang, and an account of every one of them at the end.
 *
 * <p><b>What.</b> {@code Demo} reads the options and owns the exit code; {@code DemoRun} is the script: start, load, kill,
 * restart, stop, check. {@code TransferLoad} is the workload on the tables of {@code Bank}; it tells {@code Journal} the
 * fate of each transaction and {@code Tally} the numbers. {@code ReadLoad} reads on the replicas and tells {@code ReadTally};
 * {@code ReplicaScript} harms them, and {@code Fault} is what the readers met of that. {@code Display} shows them while they move, {@code Report} when
 * it is over. {@code Reconciliation} compares journal and database, and {@code Verdict} judges.
 *
 * <p><b>Guarantees.</b> Exit code 0 only if every invariant of {@code Verdict} held. Nothing is left behind: no process, no
 * file, no schema, however the run ends.
 *
 * <p><b>Failure.</b> 1 for an invariant that did not hold or a server that is not to be had, 2 for usage, 130 and 143 after
 * a signal.
 *
 * <p><b>Threads.</b> {@code forgeloom-demo-N} for each client and {@code forgeloom-demo-reader-N} for each reader, virtual; {@code forgeloom-demo-display};
 * {@code forgeloom-demo-signal}, the shutdown hook. The script runs on the main thread.
 */
@NullMarked
package io.forgeloom.testing.demo;

import org.jspecify.annotations.NullMarked;
