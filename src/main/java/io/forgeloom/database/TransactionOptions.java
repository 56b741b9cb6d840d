package io.forgeloom.database;

import static io.forgeloom.error.ConfigurationException.requireBetween;

import java.time.Duration;
import java.util.Objects;

/**
 * How a transaction is run. Immutable, safe for use by many threads: build once, use often.
 *
 * @param isolation see {@link Builder#isolation}
 * @param readOnly see {@link Builder#readOnly}
 * @param timeout see {@link Builder#timeout}
 * @param maxAttempts see {@link Builder#maxAttempts}
 * @param traceCommit see {@link Builder#traceCommit}
 */
public record TransactionOptions(
        IsolationLevel isolation, boolean readOnly, Duration timeout, int maxAttempts, boolean traceCommit) {

    /** Every default. */
    public static final TransactionOptions DEFAULTS = builder().build();

    /**
     * Checks each option.
     *
     * @throws io.forgeloom.error.ConfigurationException naming the option, the value and the bound
     */
    public TransactionOptions {
        Objects.requireNonNull(isolation, "isolation");
        requireBetween("timeout", timeout, Duration.ZERO, Duration.ofDays(24));
        requireBetween("maxAttempts", maxAttempts, 1, 100);
    }

    /** Starts with every default. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; confined to one thread. Each method returns this builder. */
    public static final class Builder {

        private IsolationLevel isolation = IsolationLevel.SERVER_DEFAULT;
        private boolean readOnly;
        private Duration timeout = Duration.ZERO;
        private int maxAttempts = 3;
        private boolean traceCommit;

        private Builder() {}

        /** The isolation level. Defaults to {@link IsolationLevel#SERVER_DEFAULT}. */
        public Builder isolation(IsolationLevel isolation) {
            this.isolation = isolation;
            return this;
        }

        /** Whether the server refuses writes. Defaults to false. */
        public Builder readOnly(boolean readOnly) {
            this.readOnly = readOnly;
            return this;
        }

        /**
         * How long everything may take: waiting for the connection, all attempts and the waits between them, up to 24
         * days. The server ends a transaction that is still open then, and a silent network is given up one second later.
         * {@link Duration#ZERO} = off. Defaults to off.
         */
        public Builder timeout(Duration timeout) {
            this.timeout = timeout;
            return this;
        }

        /**
         * How often it is run at most if the server ends it with 40001 (serialization failure) or 40P01 (deadlock), 1 to
         * 100. Nothing else is ever run again. Defaults to 3.
         */
        public Builder maxAttempts(int maxAttempts) {
            this.maxAttempts = maxAttempts;
            return this;
        }

        /**
         * Whether the transaction's id is read before COMMIT, for one more round trip and one more flush of the server's
         * log, without which the id may be given again after a crash. If the connection is then lost during COMMIT, the
         * outcome is looked up instead of unknown. Defaults to false.
         */
        public Builder traceCommit(boolean traceCommit) {
            this.traceCommit = traceCommit;
            return this;
        }

        /**
         * The finished options.
         *
         * @throws io.forgeloom.error.ConfigurationException naming the first that is out of bounds
         */
        public TransactionOptions build() {
            return new TransactionOptions(isolation, readOnly, timeout, maxAttempts, traceCommit);
        }
    }
}
