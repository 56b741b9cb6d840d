/**
 * The operator's commands, on picocli, which is an optional dependency of this package alone.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.cli.ForgeCommand} is the program {@code forge}. {@code forge doctor} asks a primary and its
 * replicas whether the runtime can work with them: {@link io.forgeloom.cli.DoctorCommand} reads the command line,
 * {@link io.forgeloom.cli.SideBySide} looks at all servers at the same time, {@link io.forgeloom.cli.ServerExam} at one,
 * {@link io.forgeloom.cli.SessionChecks} knows what is sound, and {@link io.forgeloom.cli.TextReport} and
 * {@link io.forgeloom.cli.JsonReport} say it; {@code --grants} prints {@link io.forgeloom.cli.SystemGrants} instead.
 * {@code forge status} shows how the servers are now:
 * {@link io.forgeloom.cli.StatusCommand}, {@link io.forgeloom.cli.ServerStatus} and {@link io.forgeloom.cli.StatusReport}; and what
 * runs on them: {@link io.forgeloom.cli.RuntimeLook}, {@link io.forgeloom.cli.RuntimeReport}.
 * Both take their servers from {@link io.forgeloom.cli.ServerOptions} and measure lag by
 * {@link io.forgeloom.cli.PrimaryMark}. {@code forge migrate} applies migrations:
 * {@link io.forgeloom.cli.MigrateCommand} reads the command line, {@link io.forgeloom.cli.MigrateTask} does it,
 * {@link io.forgeloom.cli.MigrateProgress} shows how it goes on and {@link io.forgeloom.cli.MigrateReport} how it ended.
 * {@code forge listen} shows what is sent to channels: {@link io.forgeloom.cli.ListenCommand},
 * {@link io.forgeloom.cli.ListenTask} and {@link io.forgeloom.cli.DeliveryLine}; {@code forge notify} sends:
 * {@link io.forgeloom.cli.NotifyCommand}. {@code forge elect} campaigns for a role: {@link io.forgeloom.cli.ElectCommand},
 * {@link io.forgeloom.cli.ElectTask}, {@link io.forgeloom.cli.ElectBody}, which runs a command meanwhile,
 * {@link io.forgeloom.cli.ProcessTree} and {@link io.forgeloom.cli.TreeGuard}, which end it; {@code forge leaders} shows who
 * leads: {@link io.forgeloom.cli.LeadersCommand}, {@code forge nodes} which processes there are:
 * {@link io.forgeloom.cli.NodesCommand}. {@code forge changes} is for the change log:
 * {@link io.forgeloom.cli.ChangesCommand} names its commands, {@link io.forgeloom.cli.FollowTask} follows,
 * {@link io.forgeloom.cli.OpenLog} finds the log. Options that several commands have are in
 * {@link io.forgeloom.cli.CommonOptions}, {@link io.forgeloom.cli.CallOptions}, {@link io.forgeloom.cli.StayOptions} and
 * {@link io.forgeloom.cli.SchemaOption}.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>No output holds a password, nor an argument that could be one.
 *   <li>Doctor and status (without {@code --watch}) end by their timeout, whatever a server does, and change nothing on it.
 *   <li>Everything that is not in order comes with its remedy.
 *   <li>The command of {@code forge elect} has ended before its role is given back, and before the lease is over where the
 *       role was lost; it does not outlive {@code forge elect}. A {@code forge elect} that is frozen cannot see to that.
 *   <li>A row that {@code forge changes follow} was given is printed before its consumer commits.
 *   <li>The environment is read in {@link io.forgeloom.cli.Surroundings} and nowhere else.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Exit code 0 is success, 1 failure, 2 a command line or a URL that cannot be read. A stack trace is shown on
 * {@code --verbose} only. {@code forge elect} has the exit code of its command, where that ends by itself.
 *
 * <h2>Threads</h2>
 * <p>A virtual thread {@code forgeloom-doctor-ROLE} or {@code forgeloom-status-ROLE} for each server, which ends with the
 * command; {@code forgeloom-migrate}, which SIGINT and SIGTERM interrupt through the shutdown hook
 * {@code forgeloom-migrate-signal}; {@code forgeloom-listen}, {@code forgeloom-elect} and
 * {@code forgeloom-changes} likewise, for which a signal is the usual end.
 *
 * <h2>Example</h2>
 * <pre>{@code
 * forge changes follow --url postgres://app@db.example.com/app --table orders --json
 * forge doctor --url postgres://app@db.example.com/app --replica postgres://replica.example.com/app --json
 * forge elect --url postgres://app@db.example.com/app --role nightly -- ./nightly.sh
 * forge leaders --url postgres://app@db.example.com/app
 * forge listen --url postgres://app@db.example.com/app orders prices --json
 * forge migrate --url postgres://owner@db.example.com/app --dir migrations
 * forge nodes --url postgres://app@db.example.com/app
 * forge notify --url postgres://app@db.example.com/app orders 42
 * forge status --url postgres://app@db.example.com/app --replica postgres://replica.example.com/app
 * }</pre>
 */
@NullMarked
package io.forgeloom.cli;

import org.jspecify.annotations.NullMarked;
