package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.concurrent.Deadline;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code forge doctor}: looks whether the runtime can work with a primary and its replicas. Changes nothing. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Looks whether Forgeloom can work with a PostgreSQL server.",
        description = "%nConnects as the runtime would, asks a few questions and changes nothing.%n",
        footerHeading = "%nChecks:%n",
        footer = {
            "  url           where it leads, and where URL and password come from",
            "  connect       a session can be opened: name, TCP, TLS, user and password",
            "  version       PostgreSQL 18 or later",
            "  proxy         no pooler in between: LISTEN and locks need a session of ours",
            "  writable      the primary takes writes",
            "  recovery      a replica follows a primary",
            "  lag           (note) how far a replica is behind: in bytes, and in time until it",
            "                has replayed them, on this machine's clock; noted after 1 s",
            "  privileges    (note) pg_signal_backend, and CREATE in the current schema",
            "  connections   the pool and its control session, one more, fit into",
            "                max_connections and the limits of role and database; (note) if",
            "                --pool-size is not given, or others have taken them for now",
            "  notify-queue  at most half full",
            "  tls           (note) in use, unless the server is on this machine",
            "  settings      (note) no timeouts set elsewhere that cut our sessions off",
            "",
            "What fails is a problem, or a note where that is said; notes are sound.",
            "Without a session the checks that need one are left out.",
            "",
            "A URL is jdbc:postgresql://host:port/db?user=...&password=...",
            "or postgres://user:password@host:port/db. The password is asked for by",
            "--password, or else taken from the URL, PGPASSWORD, or the password file",
            "(PGPASSFILE, ~/.pgpass). A replica has the primary's user and password",
            "unless its URL has its own.",
            "",
            "With --grants nothing is examined: the primary is asked for the system schema,",
            "and the SQL goes to standard output, problems to standard error:",
            "  forge doctor --grants app --url URL | psql --single-transaction URL",
            "",
            "Exit code: 0 sound, 1 a problem, 2 the command line or a URL cannot be read.",
            "",
            "JSON: {\"ok\":...,\"checks\":[{\"name\":...,\"ok\":...,\"detail\":...,\"remedy\":...}]}",
            "The remedy is null where there is nothing to do; a note is ok and has one.",
            "The checks of replicas have names such as replica-1.version.",
            "Grants: {\"ok\":true,\"role\":...,\"schema\":...,\"statements\":[...]}"
        })
final class DoctorCommand implements Callable<Integer> {

    private static final int DEFAULT_POOL_SIZE = 100;

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final ServerOptions servers = new ServerOptions();

    @Option(
            names = "--pool-size",
            paramLabel = "N",
            description =
                    "The poolSize of the runtime's configuration, 1 to 10000. Defaults to 100. A replica is taken to"
                            + " have half of it.")
    private @Nullable Integer poolSize;

    @Option(
            names = "--grants",
            paramLabel = "ROLE",
            description = "Prints the SQL by which the owner of the system schema lets ROLE use it, and does nothing"
                    + " else.")
    private @Nullable String grants;

    @Option(
            names = "--schema",
            paramLabel = "SCHEMA",
            description = "With --grants: where the system schema is. Defaults to the current schema of the primary's"
                    + " URL.")
    private @Nullable String schema;

    @Option(names = "--json", description = "Prints one JSON object instead of text.")
    private boolean json;

    @Option(names = "--verbose", description = "Prints the stack trace of each failure to standard error.")
    private boolean verbose;

    DoctorCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        CommandLine commandLine = commandLine();
        Duration timeout = servers.timeout();
        if (grants != null) {
            @Nullable Identifier home = schema == null ? null : MigrateCommand.identifier("--schema", schema);
            return printGrants(new Identifier(grants), home, timeout, commandLine);
        }
        if (schema != null) {
            throw new ConfigurationException("--schema", "is for --grants, which is missing");
        }
        List<ServerExam> exams = exams(timeout);
        Diagnosis diagnosis;
        try {
            diagnosis = Doctor.examine(exams, timeout);
        } catch (InterruptedException e) {
            return interrupted(commandLine);
        }
        print(diagnosis, commandLine.getOut(), commandLine);
        return diagnosis.ok() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    /** Standard output is read by psql: there is all of it, or nothing. */
    private int printGrants(Identifier role, @Nullable Identifier home, Duration timeout, CommandLine commandLine) {
        GrantsLook look = new GrantsLook(servers.targets(surroundings).getFirst(), role, home, timeout);
        try {
            SideBySide.run("doctor", List.of(look), Deadline.after(timeout));
        } catch (InterruptedException e) {
            return interrupted(commandLine);
        }
        SystemGrants found = look.grants();
        if (found == null) {
            Diagnosis diagnosis = new Diagnosis(List.of(look.report()));
            print(diagnosis, json ? commandLine.getOut() : commandLine.getErr(), commandLine);
            return CommandLine.ExitCode.SOFTWARE;
        }
        if (json) {
            commandLine.getOut().println(found.json());
        } else {
            commandLine.getOut().print(found.sql());
            commandLine.getOut().flush();
        }
        return CommandLine.ExitCode.OK;
    }

    private static int interrupted(CommandLine commandLine) {
        Thread.currentThread().interrupt();
        commandLine.getErr().println("forge: interrupted");
        return CommandLine.ExitCode.SOFTWARE;
    }

    private void print(Diagnosis diagnosis, PrintWriter to, CommandLine commandLine) {
        if (json) {
            to.println(JsonReport.of(diagnosis));
        } else {
            new TextReport(
                            to,
                            surroundings.unicode(),
                            commandLine.getColorScheme().ansi())
                    .print(diagnosis);
        }
        if (verbose) {
            printCauses(diagnosis, commandLine.getErr());
        }
    }

    private List<ServerExam> exams(Duration timeout) {
        int size = poolSize == null ? DEFAULT_POOL_SIZE : requireBetween("--pool-size", poolSize, 1, 10_000);
        PrimaryMark mark = new PrimaryMark();
        return servers.targets(surroundings).stream()
                .map(target -> new ServerExam(
                        target,
                        target.role().equals(ServerReport.PRIMARY) ? size : Math.max(1, size / 2),
                        poolSize != null,
                        timeout,
                        mark))
                .toList();
    }

    private static void printCauses(Diagnosis diagnosis, PrintWriter err) {
        for (ServerReport server : diagnosis.servers()) {
            for (Finding finding : server.findings()) {
                Throwable cause = finding.cause();
                if (cause != null) {
                    err.print(server.nameOf(finding) + ": ");
                    cause.printStackTrace(err);
                }
            }
        }
        err.flush();
    }

    private CommandLine commandLine() {
        CommandSpec current = spec;
        if (current == null) {
            throw new IllegalStateException("picocli has not set the command up");
        }
        return current.commandLine();
    }
}
