/**
 * The operator's commands, on picocli, which is an optional dependency of this package alone.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.cli.ForgeCommand} is the program {@code forge}. {@code forge doctor} asks a primary and its
 * replicas whether the runtime can work with them: {@link io.forgeloom.cli.DoctorCommand} reads the command line,
 * {@link io.forgeloom.cli.Doctor} looks at all servers side by side, {@link io.forgeloom.cli.ServerExam} at one,
 * {@link io.forgeloom.cli.SessionChecks} knows what is sound, and {@link io.forgeloom.cli.TextReport} and
 * {@link io.forgeloom.cli.JsonReport} say it.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>No output holds a password, nor an argument that could be one.
 *   <li>The doctor ends by its timeout, whatever a server does, and changes nothing on it.
 *   <li>Everything that is not in order comes with its remedy.
 *   <li>The environment is read in {@link io.forgeloom.cli.Surroundings} and nowhere else.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Exit code 0 is success, 1 failure, 2 a command line or a URL that cannot be read. A stack trace is shown on
 * {@code --verbose} only.
 *
 * <h2>Threads</h2>
 * <p>A virtual thread {@code forgeloom-doctor-ROLE} for each server, which ends with the command.
 *
 * <h2>Example</h2>
 * <pre>{@code
 * forge doctor --url postgres://app@db.example.com/app --replica postgres://replica.example.com/app --json
 * }</pre>
 */
@NullMarked
package io.forgeloom.cli;

import org.jspecify.annotations.NullMarked;
