package io.forgeloom.leader;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.database.Identifier;
import io.forgeloom.error.ConfigurationException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How an election goes about it. Immutable, safe for use by many threads.
 *
 * @param leaseDuration see {@link Builder#leaseDuration}
 * @param checkInterval see {@link Builder#checkInterval}
 * @param lockValidateInterval see {@link Builder#lockValidateInterval}
 * @param keepaliveInterval see {@link Builder#keepaliveInterval}
 * @param standbyPollInterval see {@link Builder#standbyPollInterval}
 * @param takeover see {@link Builder#takeover}
 * @param bodyTimeout see {@link Builder#bodyTimeout}
 * @param endZombies see {@link Builder#endZombies}
 * @param nodeId see {@link Builder#nodeId}; null for the default
 * @param schema see {@link Builder#schema}; null for the default
 */
public record LeaderConfig(
        Duration leaseDuration,
        Duration checkInterval,
        Duration lockValidateInterval,
        Duration keepaliveInterval,
        Duration standbyPollInterval,
        Takeover takeover,
        Duration bodyTimeout,
        boolean endZombies,
        @Nullable String nodeId,
        @Nullable Identifier schema) {

    private static final Duration SHORTEST_LEASE = Duration.ofMillis(500);
    private static final Duration LONGEST_LEASE = Duration.ofHours(1);
    private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(10);
    private static final Duration LONGEST_KEEPALIVE = Duration.ofMinutes(5).minusMillis(1);
    private static final int MAX_NODE_BYTES = 255;

    /** Every default. */
    public static final LeaderConfig DEFAULTS = builder().build();

    /**
     * Checks each option by itself and against the others.
     *
     * @throws ConfigurationException naming the option, the value and the bound
     */
    public LeaderConfig {
        requireBetween("leaseDuration", leaseDuration, SHORTEST_LEASE, LONGEST_LEASE);
        requireBetween("checkInterval", checkInterval, SHORTEST_INTERVAL, LONGEST_LEASE);
        requireBetween("lockValidateInterval", lockValidateInterval, SHORTEST_INTERVAL, LONGEST_LEASE);
        requireBetween("keepaliveInterval", keepaliveInterval, SHORTEST_INTERVAL, LONGEST_KEEPALIVE);
        requireBetween("standbyPollInterval", standbyPollInterval, SHORTEST_INTERVAL, LONGEST_LEASE);
        requireBetween("bodyTimeout", bodyTimeout, Duration.ZERO, LONGEST_LEASE);
        Objects.requireNonNull(takeover, "takeover");
        if (lockValidateInterval.multipliedBy(3).compareTo(leaseDuration) > 0) {
            throw new ConfigurationException(
                    "lockValidateInterval",
                    lockValidateInterval + " is over a third of leaseDuration, which is " + leaseDuration
                            + ": two lost heartbeats would end a leadership");
        }
        if (checkInterval.compareTo(leaseDuration) >= 0) {
            throw new ConfigurationException(
                    "checkInterval", checkInterval + " is not below leaseDuration, which is " + leaseDuration);
        }
        if (nodeId != null
                && (nodeId.isBlank()
                        || nodeId.indexOf('\0') >= 0
                        || nodeId.getBytes(StandardCharsets.UTF_8).length > MAX_NODE_BYTES)) {
            throw new ConfigurationException("nodeId", "1 to " + MAX_NODE_BYTES + " bytes of UTF-8");
        }
    }

    /** Starts with every default. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private Duration leaseDuration = Duration.ofSeconds(3);
        private Duration checkInterval = Duration.ofSeconds(1);
        private Duration lockValidateInterval = Duration.ofMillis(500);
        private Duration keepaliveInterval = Duration.ofSeconds(30);
        private Duration standbyPollInterval = Duration.ofMillis(250);
        private Takeover takeover = Takeover.IMMEDIATE;
        private @Nullable Duration bodyTimeout;
        private boolean endZombies = true;
        private @Nullable String nodeId;
        private @Nullable Identifier schema;

        private Builder() {}

        /**
         * How long a leader that has gone silent keeps the role: the server ends its session then. The leader itself stops
         * believing after five sixths of it. 500 ms to 1 h. Defaults to 3 s (Forge: 60 s).
         */
        public Builder leaseDuration(Duration leaseDuration) {
            this.leaseDuration = leaseDuration;
            return this;
        }

        /**
         * How often a leader writes its lease into {@code forge_leaders}, for people to read. Below
         * {@link #leaseDuration}. Defaults to 1 s (Forge: 5 s).
         */
        public Builder checkInterval(Duration checkInterval) {
            this.checkInterval = checkInterval;
            return this;
        }

        /**
         * How often a leader asks the server whether it holds its locks. At most a third of {@link #leaseDuration}.
         * Defaults to 500 ms (Forge: 1 s).
         */
        public Builder lockValidateInterval(Duration lockValidateInterval) {
            this.lockValidateInterval = lockValidateInterval;
            return this;
        }

        /** How often the session says something in any case. Below 5 min. Defaults to 30 s. */
        public Builder keepaliveInterval(Duration keepaliveInterval) {
            this.keepaliveInterval = keepaliveInterval;
            return this;
        }

        /**
         * How often a standby tries the locks, each time between half and one and a half of it: that is how long a role
         * stays empty after a crash, at most. Defaults to 250 ms.
         */
        public Builder standbyPollInterval(Duration standbyPollInterval) {
            this.standbyPollInterval = standbyPollInterval;
            return this;
        }

        /** When a winner leads. Defaults to {@link Takeover#IMMEDIATE}. */
        public Builder takeover(Takeover takeover) {
            this.takeover = takeover;
            return this;
        }

        /**
         * How long a body may take to end after its interrupt; then its stack is logged, and a role that is resigned is given up
         * although the body still runs. Zero to 1 h. Defaults to half of {@link #leaseDuration}.
         */
        public Builder bodyTimeout(Duration bodyTimeout) {
            this.bodyTimeout = bodyTimeout;
            return this;
        }

        /**
         * Whether a standby ends the session of a leader whose lease has expired twice over, which only happens where a
         * pooler keeps the session of a dead process alive. Needs the rights of {@code pg_signal_backend} and {@code
         * pg_read_all_stats}, or the same role. Defaults to true.
         */
        public Builder endZombies(boolean endZombies) {
            this.endZombies = endZombies;
            return this;
        }

        /**
         * The name of this process in {@code forge_leaders}, 1 to 255 bytes, for people to read; nothing depends on its being
         * unique. Defaults to the service name and the process id.
         */
        public Builder nodeId(String nodeId) {
            this.nodeId = nodeId;
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
        public LeaderConfig build() {
            return new LeaderConfig(
                    leaseDuration,
                    checkInterval,
                    lockValidateInterval,
                    keepaliveInterval,
                    standbyPollInterval,
                    takeover,
                    bodyTimeout == null ? leaseDuration.dividedBy(2) : bodyTimeout,
                    endZombies,
                    nodeId,
                    schema);
        }
    }
}
