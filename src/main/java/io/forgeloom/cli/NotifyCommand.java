package io.forgeloom.cli;

import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import io.forgeloom.error.ConfigurationException;
import io.forgeloom.notify.NotifyBus;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code forge notify}: sends one notification. */
@Command(
        name = "notify",
        mixinStandardHelpOptions = true,
        versionProvider = ForgeVersion.class,
        sortOptions = false,
        header = "Sends one notification to a channel.",
        description = "%nWhoever listens to the channel gets it; nobody learns whether anybody does.%n",
        footerHeading = "%n",
        footer = {
            "Exit code: 0 committed; 1 the server refused it or cannot be reached; 2 the",
            "command line or a URL cannot be read, or channel or payload is too long.",
            "What begins with a dash comes after --."
        })
final class NotifyCommand implements Callable<Integer> {

    private static final Pattern URL = Pattern.compile("(jdbc:|postgres(ql)?://).*", Pattern.CASE_INSENSITIVE);

    private final Surroundings surroundings;

    @Mixin
    private final CallOptions call = new CallOptions();

    @Parameters(index = "0", paramLabel = "CHANNEL", description = "1 to 63 bytes of UTF-8.")
    private String channel = "";

    @Parameters(index = "1", paramLabel = "PAYLOAD", description = "At most 7,999 bytes of UTF-8; may be empty.")
    private String payload = "";

    /** Read by picocli alone. */
    @Mixin
    @SuppressWarnings("UnusedVariable")
    private final CommonOptions common = new CommonOptions();

    NotifyCommand(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    @Override
    public Integer call() {
        requireNoUrl("CHANNEL", channel);
        requireSendable("CHANNEL or PAYLOAD", channel, payload);
        DatabaseConfig config = call.config(surroundings, "forge notify").build();
        try (Database database = Database.open(config)) {
            return database.withConnection(this::send);
        }
    }

    private int send(Connection connection) throws SQLException {
        NotifyBus.publish(connection, channel, payload);
        return CommandLine.ExitCode.OK;
    }

    /** So that what no server takes is said before one is asked. */
    static void requireSendable(String parameter, String channel, String payload) {
        try {
            NotifyBus.requireSendable(channel, payload);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(parameter, String.valueOf(e.getMessage()));
        }
    }

    /** A URL in the wrong place may have a password in it, which would be shown to whoever looks at the database. */
    static void requireNoUrl(String label, String text) {
        if (URL.matcher(text).matches()) {
            throw new ConfigurationException(label, "looks like a URL (not repeated here); a URL needs --url");
        }
    }
}
