package io.forgeloom.database;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import java.time.Duration;
import java.util.Objects;

/**
 * How replicas are watched and chosen. Immutable, safe for use by many threads.
 *
 * @param choice see {@link Builder#choice}
 * @param probeInterval see {@link Builder#probeInterval}
 * @param atStart see {@link Builder#atStart}
 */
public record ReplicaOptions(ReplicaChoice choice, Duration probeInterval, ReplicaStart atStart) {

    /** Every default. */
    public static final ReplicaOptions DEFAULTS = builder().build();

    /**
     * Checks each option.
     *
     * @throws io.forgeloom.error.ConfigurationException naming the option, the value and the bound
     */
    public ReplicaOptions {
        Objects.requireNonNull(choice, "choice");
        Objects.requireNonNull(atStart, "atStart");
        requireBetween("probeInterval", probeInterval, Duration.ofMillis(100), Duration.ofDays(1));
    }

    /** Starts with every default. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private ReplicaChoice choice = ReplicaChoice.roundRobin();
        private Duration probeInterval = Duration.ofSeconds(15);
        private ReplicaStart atStart = ReplicaStart.REQUIRED;

        private Builder() {}

        /** Which of the replicas in rotation a read goes to. Defaults to {@link ReplicaChoice#roundRobin()}. */
        public Builder choice(ReplicaChoice choice) {
            this.choice = choice;
            return this;
        }

        /**
         * How often a replica is asked how it is while nothing speaks against it, 100 ms to a day. It is asked at once
         * when a connection to it fails. Defaults to 15 s.
         */
        public Builder probeInterval(Duration probeInterval) {
            this.probeInterval = probeInterval;
            return this;
        }

        /**
         * Whether {@link Database#open} fails when a replica cannot be reached. One that is optional is waited for 1 s at
         * most. Defaults to {@link ReplicaStart#REQUIRED}.
         */
        public Builder atStart(ReplicaStart atStart) {
            this.atStart = atStart;
            return this;
        }

        /**
         * The finished options.
         *
         * @throws io.forgeloom.error.ConfigurationException naming the first option that is out of bounds
         */
        public ReplicaOptions build() {
            return new ReplicaOptions(choice, probeInterval, atStart);
        }
    }
}
