/**
 * The demo behind {@code ./forge demo}: real transactions on a real server that is killed half-way, and an account of
 * every one of them at the end.
 *
 * <p><b>What.</b> {@code Demo} reads the options and owns the exit code; {@code DemoRun} is the script: start, load, kill,
 * restart, stop, check. {@code TransferLoad} is the workload on the tables of {@code Bank}; it tells {@code Journal} the
 * fate of each transaction and {@code Tally} the numbers. {@code Display} shows them while they move, {@code Report} when
 * it is over. {@code Reconciliation} compares journal and database, and {@code Verdict} judges.
 *
 * <p><b>Guarantees.</b> Exit code 0 only if every invariant of {@code Verdict} held. Nothing is left behind: no process, no
 * file, no schema, however the run ends.
 *
 * <p><b>Failure.</b> 1 for an invariant that did not hold or a server that is not to be had, 2 for usage, 130 and 143 after
 * a signal.
 *
 * <p><b>Threads.</b> {@code forgeloom-demo-N} for each client, virtual; {@code forgeloom-demo-display};
 * {@code forgeloom-demo-signal}, the shutdown hook. The script runs on the main thread.
 */
@NullMarked
package io.forgeloom.testing.demo;

import org.jspecify.annotations.NullMarked;
