/**
 * The chaos run behind {@code ./forge chaos}: three processes with everything in use on a primary and two replicas, faults at
 * random from a seed, a history, and a checker for each promise of the README (docs/chaos.md).
 *
 * <p><b>What.</b> {@code Chaos} reads the options and owns the exit code; {@code ChaosRun} is the script; {@code Plan} is what
 * the seed says; {@code Faults} does it to {@code Servers} and {@code Slot}s, each of which runs a {@code ChaosNode} behind links
 * of its own. A node tells what it does as {@code Line}s on its standard output; all of them and the {@code FinalState} of the database are
 * the {@code History} that each {@code Checker} judges, without any other knowledge.
 *
 * <p><b>Guarantees.</b> A seed gives the same plan. Exit code 0 only if no checker found anything. No process and no folder is
 * left, but for the histories where something was found.
 *
 * <p><b>Failure.</b> 1 for a violation, or where the run itself broke; 2 for usage; 130 and 143 after a signal.
 *
 * <p><b>Threads.</b> {@code forgeloom-chaos-fault-N}, one for each fault while it lasts; {@code forgeloom-chaos-sessions} counts
 * sessions on the primary; {@code forgeloom-chaos-signal}, the shutdown hook. In a node {@code chaos-…}, one for each user.
 */
@NullMarked
package io.forgeloom.testing.chaos;

import org.jspecify.annotations.NullMarked;
