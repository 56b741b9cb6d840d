package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.DatabaseConfig;
import java.time.Duration;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The primary of a command that stays with it until it is stopped. One thread at a time. */
final class StayOptions {

    @Mixin
    private final PrimaryOptions primary = new PrimaryOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long the first connect may take, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    /** Sessions that show themselves to the server as {@code name}. */
    DatabaseConfig.Builder config(Surroundings surroundings, String name) {
        Duration timeout = Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
        return primary.config(surroundings)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .serviceName(name);
    }
}
