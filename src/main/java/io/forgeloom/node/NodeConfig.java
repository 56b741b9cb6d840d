package io.forgeloom.node;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a node makes itself known. Immutable, safe for use by many threads.
 *
 * @param heartbeatInterval see {@link Builder#heartbeatInterval}
 * @param deadAfter see {@link Builder#deadAfter}
 * @param nodeId see {@link Builder#nodeId}; null for the default
 * @param host see {@link Builder#host}; null for the default
 * @param version see {@link Builder#version}
 * @param schema see {@link Builder#schema}; null for the default
 */
public record NodeConfig(
        Duration heartbeatInterval,
        Duration deadAfter,
        @Nullable String nodeId,
        @Nullable String host,
        String version,
        @Nullable Identifier schema) {

    private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(10);
    private static final Duration LONGEST_INTERVAL = Duration.ofMinutes(30);
    private static final Duration LONGEST_SILENCE = Duration.ofHours(1);

    /** As of a leader's node id, so that one text does for both. */
    static final int MAX_BYTES = 255;

    /** Every default. */
    public static final NodeConfig DEFAULTS = builder().build();

    /**
     * Checks each option by itself and against the others.
     *
     * @throws ConfigurationException naming the option, the value and the bound
     */
    public NodeConfig {
        requireBetween("heartbeatInterval", heartbeatInterval, SHORTEST_INTERVAL, LONGEST_INTERVAL);
        requireBetween("deadAfter", deadAfter, SHORTEST_INTERVAL, LONGEST_SILENCE);
        if (heartbeatInterval.multipliedBy(2).compareTo(deadAfter) > 0) {
            throw new ConfigurationException(
                    "deadAfter",
                    deadAfter + " is under twice heartbeatInterval, which is " + heartbeatInterval
                            + ": one lost heartbeat would count as a death");
        }
        requireText("nodeId", nodeId, 1);
        requireText("host", host, 1);
        requireText("version", version, 0);
    }

    private static void requireText(String option, @Nullable String text, int least) {
        if (text == null) {
            return;
        }
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_BYTES || text.indexOf('\0') >= 0 || (least > 0 && text.isBlank())) {
            throw new ConfigurationException(
                    option, "it has " + bytes + " bytes; it must have " + least + " to " + MAX_BYTES + " of UTF-8");
        }
    }

    /** Starts with every default. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private Duration heartbeatInterval = Duration.ofSeconds(5);
        private Duration deadAfter = Duration.ofSeconds(15);
        private @Nullable String nodeId;
        private @Nullable String host;
        private String version = "";
        private @Nullable Identifier schema;

        private Builder() {}

        /**
         * How often the node says that it is there: one statement, and a connection of the pool for as long as that takes. 10 ms
         * to 30 min. Defaults to 5 s.
         */
        public Builder heartbeatInterval(Duration heartbeatInterval) {
            this.heartbeatInterval = heartbeatInterval;
            return this;
        }

        /**
         * How long it may be silent before all others see it as dead; it is written beside its name, so that a node with
         * other intervals judges it rightly. A third of it is what one heartbeat may take. At least twice
         * {@link #heartbeatInterval}, at most 1 h. Defaults to 15 s.
         */
        public Builder deadAfter(Duration deadAfter) {
            this.deadAfter = deadAfter;
            return this;
        }

        /**
         * The name of the node, 1 to 255 bytes of UTF-8. Two that are there at the same time must not share one: the later
         * has it, and the earlier logs a warning. Defaults to service name, host, process id and four random letters or
         * digits.
         */
        public Builder nodeId(String nodeId) {
            this.nodeId = nodeId;
            return this;
        }

        /** The name of the machine, 1 to 255 bytes of UTF-8, for people to read. Defaults to what the system calls it. */
        public Builder host(String host) {
            this.host = host;
            return this;
        }

        /** The version of the program, at most 255 bytes of UTF-8, for people to read. Defaults to none. */
        public Builder version(String version) {
            this.version = version;
            return this;
        }

        /** Where the system schema lies. Defaults to where the {@code search_path} of the URL finds it. */
        public Builder schema(Identifier schema) {
            this.schema = schema;
            return this;
        }

        /**
         * The finished config.
         *
         * @throws ConfigurationException naming the first option that is out of bounds
         */
        public NodeConfig build() {
            return new NodeConfig(heartbeatInterval, deadAfter, nodeId, host, version, schema);
        }
    }
}
