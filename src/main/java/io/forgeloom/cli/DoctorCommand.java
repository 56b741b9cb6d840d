package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.pg.PgUrl;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
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
            "Exit code: 0 sound, 1 a problem, 2 the command line or a URL cannot be read.",
            "",
            "JSON: {\"ok\":...,\"checks\":[{\"name\":...,\"ok\":...,\"detail\":...,\"remedy\":...}]}",
            "The remedy is null where there is nothing to do; a note is ok and has one.",
            "The checks of replicas have names such as replica-1.version."
        })
final class DoctorCommand implements Callable<Integer> {

    private static final int DEFAULT_POOL_SIZE = 100;
    private static final String URL_VARIABLE = "DATABASE_URL";
    private static final String PASSWORD_VARIABLE = "PGPASSWORD";
    private static final String USER = "user";
    private static final String PASSWORD = "password";

    private final Surroundings surroundings;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(names = "--url", paramLabel = "URL", description = "The primary. Defaults to the variable DATABASE_URL.")
    private @Nullable String url;

    @Option(names = "--replica", paramLabel = "URL", description = "A replica; may be given several times.")
    private List<String> replicas = new ArrayList<>();

    @Option(names = "--password", description = "Asks for the password on the terminal.")
    private boolean password;

    @Option(
            names = "--pool-size",
            paramLabel = "N",
            description =
                    "The poolSize of the runtime's configuration, 1 to 10000. Defaults to 100. A replica is taken to"
                            + " have half of it.")
    private @Nullable Integer poolSize;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "When to stop waiting for servers, all checks together, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    @Option(names = "--json", description = "Prints one JSON object instead of text.")
    private boolean json;

    @Option(names = "--verbose", description = "Prints the stack trace of each failure to standard error.")
    private boolean verbose;

    DoctorCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    boolean verbose() {
        return verbose;
    }

    @Override
    public Integer call() {
        CommandLine commandLine = commandLine();
        requireBetween("--timeout", timeoutSeconds, 1, 3600);
        Duration timeout = Duration.ofSeconds(timeoutSeconds);
        List<ServerExam> exams = exams(timeout);
        Diagnosis diagnosis;
        try {
            diagnosis = Doctor.examine(exams, timeout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            commandLine.getErr().println("forge: interrupted");
            return CommandLine.ExitCode.SOFTWARE;
        }
        PrintWriter out = commandLine.getOut();
        if (json) {
            out.println(JsonReport.of(diagnosis));
        } else {
            new TextReport(
                            out,
                            surroundings.unicode(),
                            commandLine.getColorScheme().ansi())
                    .print(diagnosis);
        }
        if (verbose) {
            printCauses(diagnosis, commandLine.getErr());
        }
        return diagnosis.ok() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private List<ServerExam> exams(Duration timeout) {
        int size = poolSize == null ? DEFAULT_POOL_SIZE : requireBetween("--pool-size", poolSize, 1, 10_000);
        String origin = url == null ? URL_VARIABLE : "--url";
        PgUrl primary = PgUrl.parse(origin, primaryUrl());
        String passwordOrigin = primary.property(PASSWORD) == null ? "" : "the URL";
        if (password) {
            primary = primary.withCredentials(null, surroundings.askForPassword());
            passwordOrigin = "--password";
        }
        List<ServerExam> exams = new ArrayList<>();
        exams.add(exam(ServerReport.PRIMARY, primary, origin, passwordOrigin, size, timeout));
        for (int i = 0; i < replicas.size(); i++) {
            PgUrl replica = PgUrl.parse("--replica", replicas.get(i));
            boolean own = replica.property(PASSWORD) != null;
            // As the runtime does it.
            PgUrl complete = replica.withCredentials(
                    replica.property(USER) == null ? primary.property(USER) : null,
                    own ? null : primary.property(PASSWORD));
            String from = own ? "the URL" : primary.property(PASSWORD) == null ? "" : "the primary";
            exams.add(exam("replica-" + (i + 1), complete, "--replica", from, Math.max(1, size / 2), timeout));
        }
        return exams;
    }

    /** The last place to find a password in, before the driver's own, is the environment. */
    private ServerExam exam(
            String role, PgUrl found, String origin, String passwordOrigin, int size, Duration timeout) {
        String variable = found.property(PASSWORD) == null ? surroundings.variable(PASSWORD_VARIABLE) : null;
        PgUrl complete = found.withCredentials(null, variable);
        String user = complete.property(USER);
        String from = variable == null ? passwordOrigin : PASSWORD_VARIABLE;
        return new ServerExam(
                role,
                complete,
                "(from " + origin + (user == null ? "" : "; user " + user)
                        + (from.isEmpty() ? "" : "; password from " + from) + ")",
                size,
                poolSize != null,
                timeout);
    }

    private String primaryUrl() {
        String found = url == null ? surroundings.variable(URL_VARIABLE) : url;
        if (found == null) {
            throw new ConfigurationException(
                    "--url", "is missing; give --url jdbc:postgresql://host:port/db?user=… or set " + URL_VARIABLE);
        }
        return found;
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
