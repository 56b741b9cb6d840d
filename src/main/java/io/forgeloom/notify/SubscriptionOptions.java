package io.forgeloom.notify;

import io.forgeloom.error.ConfigurationException;

/** What a subscription keeps for a subscriber that is behind. Immutable, safe for use by many threads. */
public sealed interface SubscriptionOptions {

    /**
     * Every notification, in order; up to {@code buffer} of them are kept for a subscriber that is behind, and what it
     * misses beyond is counted by a {@link Lagged}.
     *
     * @param buffer 1 to 1,048,576
     */
    record Stream(int buffer) implements SubscriptionOptions {

        private static final int MOST = 1 << 20;

        /**
         * Checks the bound.
         *
         * @throws ConfigurationException if {@code buffer} is out of it
         */
        public Stream {
            ConfigurationException.requireBetween("buffer", buffer, 1, MOST);
        }
    }

    /** A wake-up: of all that came since the last look, the newest notification alone. Never lags. */
    record Signal() implements SubscriptionOptions {}

    /** Forge's buffer. */
    SubscriptionOptions DEFAULTS = new Stream(256);

    /** A {@link Stream}; the buffer defaults to 256. */
    static SubscriptionOptions stream(int buffer) {
        return new Stream(buffer);
    }

    /** A {@link Signal}. */
    static SubscriptionOptions signal() {
        return new Signal();
    }
}
