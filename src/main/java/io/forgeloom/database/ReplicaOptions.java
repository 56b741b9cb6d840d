package io.forgeloom.database;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import io.forgeloom.error.ConfigurationException;
import java.time.Duration;
import java.util.Objects;

/**
 * How replicas are watched and chosen. Immutable, safe for use by many threads.
 *
 * @param choice see {@link Builder#choice}
 * @param probeInterval see {@link Builder#probeInterval}
 * @param atStart see {@link Builder#atStart}
 * @param maxLag see {@link Builder#maxLag}
 * @param maxLagBytes see {@link Builder#maxLagBytes}
 * @param maxPrimaryReadShare see {@link Builder#maxPrimaryReadShare}
 * @param overCap see {@link Builder#overCap}
 */
public record ReplicaOptions(
        ReplicaChoice choice,
        Duration probeInterval,
        ReplicaStart atStart,
        Duration maxLag,
        long maxLagBytes,
        int maxPrimaryReadShare,
        OverCap overCap) {

    private static final Duration LEAST_LAG = Duration.ofMillis(100);

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
        if (!maxLag.isZero()) {
            requireBetween("maxLag", maxLag, LEAST_LAG, Duration.ofDays(1));
        }
        if (maxLagBytes < 0) {
            throw new ConfigurationException(
                    "maxLagBytes", maxLagBytes + " is negative; give 1 byte or more, or 0 for no bound");
        }
        requireBetween("maxPrimaryReadShare", maxPrimaryReadShare, 0, Integer.MAX_VALUE);
        Objects.requireNonNull(overCap, "overCap");
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
        private Duration maxLag = Duration.ZERO;
        private long maxLagBytes;
        private int maxPrimaryReadShare;
        private OverCap overCap = OverCap.waitForPrimary();

        private Builder() {}

        /** Which of the replicas in rotation a read goes to. Defaults to {@link ReplicaChoice#roundRobin()}. */
        public Builder choice(ReplicaChoice choice) {
            this.choice = choice;
            return this;
        }

        /**
         * How often a replica is asked how it is while nothing speaks against it, 100 ms to a day. It is asked at once
         * when a connection to it fails, and at least twice in {@link #maxLag}. Defaults to 15 s.
         */
        public Builder probeInterval(Duration probeInterval) {
            this.probeInterval = probeInterval;
            return this;
        }

        /**
         * How far a replica may be behind the primary, 100 ms to a day; {@link Duration#ZERO} = any. One that is further
         * behind gets no reads until it is behind by half of it. The time since it was last asked counts; while the
         * primary cannot be asked for its position, all of them get too old. Each replica is asked at least twice, the
         * primary four times in that time, so a read may see what is a quarter older. Until the first measurement, right
         * after the start, no reads go to any of them. Defaults to {@link Duration#ZERO}.
         */
        public Builder maxLag(Duration maxLag) {
            this.maxLag = maxLag;
            return this;
        }

        /**
         * As {@link #maxLag}, in bytes of the primary's log, as of the last probe; 0 = any. Defaults to 0.
         */
        public Builder maxLagBytes(long maxLagBytes) {
            this.maxLagBytes = maxLagBytes;
            return this;
        }

        /**
         * How many connections of the primary's pool may be in use at a time for reads that no replica may serve, 1 to
         * {@code poolSize}; 0 = all. It holds where reads go to replicas
         * ({@link DatabaseConfig.Builder#readFromReplica}) and not for what asks for the primary. Set it, so that the
         * primary survives what the replicas do not. Defaults to 0.
         */
        public Builder maxPrimaryReadShare(int maxPrimaryReadShare) {
            this.maxPrimaryReadShare = maxPrimaryReadShare;
            return this;
        }

        /**
         * What becomes of a read that would exceed {@link #maxPrimaryReadShare}. Defaults to
         * {@link OverCap#waitForPrimary()}.
         */
        public Builder overCap(OverCap overCap) {
            this.overCap = overCap;
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
            return new ReplicaOptions(
                    choice, probeInterval, atStart, maxLag, maxLagBytes, maxPrimaryReadShare, overCap);
        }
    }
}
