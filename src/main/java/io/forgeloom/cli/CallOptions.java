package io.forgeloom.cli;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.DatabaseConfig;
import java.time.Duration;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The primary of a command that asks or tells it something and ends. One thread at a time. */
final class CallOptions {

    @Mixin
    private final PrimaryOptions primary = new PrimaryOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "How long it may take, 1 to 3600. Defaults to 10.")
    private int timeoutSeconds = 10;

    /** One session, which shows itself to the server as {@code name}. */
    DatabaseConfig.Builder config(Surroundings surroundings, String name) {
        Duration timeout = Duration.ofSeconds(requireBetween("--timeout", timeoutSeconds, 1, 3600));
        return primary.config(surroundings)
                .poolSize(1)
                .connectTimeout(timeout)
                .poolTimeout(timeout)
                .statementTimeout(timeout)
                .serviceName(name);
    }
}
