package io.forgeloom;

import io.forgeloom.error.ConfigurationException;

/**
 * Who needs connections of the primary's pool. Immutable, safe for use by many threads.
 *
 * @param dedicated kept as long as the runtime lives: one by the bus, one by the election for all of its roles
 * @param upkeep taken for moments by the runtime itself, all at once at the worst: the node's heartbeat, wake-ups of
 *     {@code publishSoon}, a look at the change log, its trimming
 * @param expected what the application has at work at a time, as {@link ForgeConfig.Builder#expectedConcurrency} says
 */
public record ConnectionNeeds(int dedicated, int upkeep, int expected) {

    private static final int UPKEEP = 4;

    /** With the bus and the election. */
    static ConnectionNeeds of(int expected) {
        return new ConnectionNeeds(2, UPKEEP, expected);
    }

    /** The sizing rule: with a pool of this size nobody waits for the runtime, nor it for them. */
    public int recommended() {
        return dedicated + upkeep + expected;
    }

    /** With fewer it cannot work: beside those that are kept there must be one for everybody else. */
    public int least() {
        return dedicated + 1;
    }

    /**
     * @return what is to be warned of; empty if the pool is large enough
     * @throws ConfigurationException if it cannot work at all
     */
    String judge(int poolSize) {
        if (poolSize < least()) {
            throw new ConfigurationException(
                    "poolSize",
                    poolSize + " is too small: the bus and the election keep " + dedicated
                            + " connections, and everybody else shares the rest; make it " + recommended() + ", or "
                            + least() + " at least");
        }
        return poolSize >= recommended()
                ? ""
                : "poolSize " + poolSize + " is below " + recommended() + ": the bus and the election keep " + dedicated
                        + ", the runtime takes up to " + upkeep + " for moments, and " + expected
                        + " are expected at work; callers will wait for each other";
    }

    @Override
    public String toString() {
        return recommended() + " = " + dedicated + " (bus, election) + " + upkeep
                + " (heartbeat, wake-ups, change log, trimming) + " + expected + " (expected at work)";
    }
}
