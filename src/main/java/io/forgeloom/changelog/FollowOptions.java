package io.forgeloom.changelog;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;

/**
 * How a reader reads and waits. Immutable, safe for use by many threads.
 *
 * @param batchSize see {@link Builder#batchSize}
 * @param pollInterval see {@link Builder#pollInterval}
 * @param ringAlways see {@link Builder#ringAlways}
 */
public record FollowOptions(int batchSize, Duration pollInterval, boolean ringAlways) {

    /** Every default. */
    public static final FollowOptions DEFAULTS = builder().build();

    /**
     * Checks each option.
     *
     * @throws ConfigurationException naming the option, the value and the bound
     */
    public FollowOptions {
        ConfigurationException.requireBetween("batchSize", batchSize, 1, 100_000);
        ConfigurationException.requireBetween(
                "pollInterval", pollInterval, Duration.ofMillis(1), Duration.ofMinutes(1));
    }

    /** Starts with every default. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private int batchSize = 5000;
        private Duration pollInterval = Duration.ofSeconds(1);
        private boolean ringAlways;

        private Builder() {}

        /** How many rows are read at a time, and so are in memory; a batch has no more. 1 to 100,000, 5,000 by default. */
        public Builder batchSize(int batchSize) {
            this.batchSize = batchSize;
            return this;
        }

        /**
         * How long a reader sleeps at most, 1 ms to a minute: as late is it if a wake-up does not come. Defaults to 1 s.
         */
        public Builder pollInterval(Duration pollInterval) {
            this.pollInterval = pollInterval;
            return this;
        }

        /**
         * Whether writers wake a sleeping reader even on a server with {@code max_prepared_transactions} above 0, where a
         * transaction that has done so can no longer be prepared for two-phase commit. Otherwise readers poll there, from
         * 20 ms rising to {@link #pollInterval}. Defaults to false.
         */
        public Builder ringAlways(boolean ringAlways) {
            this.ringAlways = ringAlways;
            return this;
        }

        /**
         * The finished options.
         *
         * @throws ConfigurationException naming the first that is out of bounds
         */
        public FollowOptions build() {
            return new FollowOptions(batchSize, pollInterval, ringAlways);
        }
    }
}
