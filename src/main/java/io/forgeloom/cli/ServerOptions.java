package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.internal.pg.PgUrl;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The servers of a command line, and how long to wait for them. One thread at a time. */
final class ServerOptions {

    private static final String PASSWORD_VARIABLE = PrimaryOptions.PASSWORD_VARIABLE;
    private static final String USER = "user";
    private static final String PASSWORD = "password";

    @Mixin
    private final PrimaryOptions primaryOptions = new PrimaryOptions();

    @Option(names = "--replica", paramLabel = "URL", description = "A replica; may be given several times.")
    private List<String> replicas = new ArrayList<>();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "When to stop waiting for servers, all of them together, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    /**
     * One of the servers.
     *
     * @param role {@code primary}, {@code replica-1}, …
     * @param url with user and password, as far as they are known
     * @param origin where URL and password come from, for the reader
     */
    record Target(String role, PgUrl url, String origin) {}

    Duration timeout() {
        return Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
    }

    /** One session on the primary, which shows itself to the server as {@code name}. */
    DatabaseConfig primaryConfig(Surroundings surroundings, String name) {
        return primaryOptions
                .config(surroundings)
                .poolSize(1)
                .connectTimeout(timeout())
                .poolTimeout(timeout())
                .statementTimeout(timeout())
                .serviceName(name)
                .build();
    }

    /** The primary first. */
    List<Target> targets(Surroundings surroundings) {
        PrimaryOptions.Found found = primaryOptions.find(surroundings);
        PgUrl primary = found.url();
        List<Target> targets = new ArrayList<>();
        targets.add(target(ServerReport.PRIMARY, primary, found.origin(), found.passwordOrigin(), surroundings));
        for (int i = 0; i < replicas.size(); i++) {
            PgUrl replica = PgUrl.parse("--replica", replicas.get(i));
            boolean own = replica.property(PASSWORD) != null;
            // As the runtime does it.
            PgUrl complete = replica.withCredentials(
                    replica.property(USER) == null ? primary.property(USER) : null,
                    own ? null : primary.property(PASSWORD));
            String from = own ? "the URL" : primary.property(PASSWORD) == null ? "" : "the primary";
            targets.add(target("replica-" + (i + 1), complete, "--replica", from, surroundings));
        }
        return targets;
    }

    /** The last place to find a password in, before the driver's own, is the environment. */
    private static Target target(
            String role, PgUrl found, String origin, String passwordOrigin, Surroundings surroundings) {
        String variable = found.property(PASSWORD) == null ? surroundings.variable(PASSWORD_VARIABLE) : null;
        PgUrl complete = found.withCredentials(null, variable);
        String user = complete.property(USER);
        String from = variable == null ? passwordOrigin : PASSWORD_VARIABLE;
        return new Target(
                role,
                complete,
                "(from " + origin + (user == null ? "" : "; user " + user)
                        + (from.isEmpty() ? "" : "; password from " + from) + ")");
    }
}
