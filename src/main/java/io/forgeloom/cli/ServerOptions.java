package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.cli.Diagnosis.ServerReport;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.pg.PgUrl;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The servers of a command line, and how long to wait for them. One thread at a time. */
final class ServerOptions {

    private static final String URL_VARIABLE = "DATABASE_URL";
    private static final String PASSWORD_VARIABLE = "PGPASSWORD";
    private static final String USER = "user";
    private static final String PASSWORD = "password";

    @Option(names = "--url", paramLabel = "URL", description = "The primary. Defaults to the variable DATABASE_URL.")
    private @Nullable String url;

    @Option(names = "--replica", paramLabel = "URL", description = "A replica; may be given several times.")
    private List<String> replicas = new ArrayList<>();

    @Option(names = "--password", description = "Asks for the password on the terminal.")
    private boolean password;

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

    /** The primary first. */
    List<Target> targets(Surroundings surroundings) {
        String origin = url == null ? URL_VARIABLE : "--url";
        PgUrl primary = PgUrl.parse(origin, primaryUrl(surroundings));
        String passwordOrigin = primary.property(PASSWORD) == null ? "" : "the URL";
        if (password) {
            primary = primary.withCredentials(null, surroundings.askForPassword());
            passwordOrigin = "--password";
        }
        List<Target> targets = new ArrayList<>();
        targets.add(target(ServerReport.PRIMARY, primary, origin, passwordOrigin, surroundings));
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

    private String primaryUrl(Surroundings surroundings) {
        String found = url == null ? surroundings.variable(URL_VARIABLE) : url;
        if (found == null) {
            throw new ConfigurationException(
                    "--url", "is missing; give --url jdbc:postgresql://host:port/db?user=… or set " + URL_VARIABLE);
        }
        return found;
    }
}
