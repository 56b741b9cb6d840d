package io.forgeloom.cli;

import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.internal.pg.PgUrl;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The primary of a command line. One thread at a time. */
final class PrimaryOptions {

    static final String URL_VARIABLE = "DATABASE_URL";
    static final String PASSWORD_VARIABLE = "PGPASSWORD";

    private static final String PASSWORD = "password";

    @Option(names = "--url", paramLabel = "URL", description = "The primary. Defaults to the variable DATABASE_URL.")
    private @Nullable String url;

    @Option(names = "--password", description = "Asks for the password on the terminal.")
    private boolean password;

    /**
     * Where the primary is.
     *
     * @param text the URL as it was given
     * @param url with the password, if it was asked for
     * @param origin where the URL comes from
     * @param passwordOrigin where the password comes from; empty if there is none so far
     */
    record Found(String text, PgUrl url, String origin, String passwordOrigin) {}

    /** Asks for the password, if that is wanted. */
    Found find(Surroundings surroundings) {
        String origin = url == null ? URL_VARIABLE : "--url";
        @Nullable String text = url == null ? surroundings.variable(URL_VARIABLE) : url;
        if (text == null) {
            throw new ConfigurationException(
                    "--url", "is missing; give --url jdbc:postgresql://host:port/db?user=… or set " + URL_VARIABLE);
        }
        PgUrl found = PgUrl.parse(origin, text);
        if (password) {
            return new Found(text, found.withCredentials(null, surroundings.askForPassword()), origin, "--password");
        }
        return new Found(text, found, origin, found.property(PASSWORD) == null ? "" : "the URL");
    }

    /** The same, for the commands that work through a pool. The last place for a password is the environment. */
    DatabaseConfig.Builder config(Surroundings surroundings) {
        Found found = find(surroundings);
        // A migration may take its time, and who waits for a command sees it; its errors are for what went wrong.
        DatabaseConfig.Builder config = DatabaseConfig.builder(found.text()).slowStatementThreshold(Duration.ZERO);
        @Nullable String known = found.url().property(PASSWORD);
        @Nullable String secret = known == null ? surroundings.variable(PASSWORD_VARIABLE) : known;
        return secret == null ? config : config.password(secret);
    }
}
