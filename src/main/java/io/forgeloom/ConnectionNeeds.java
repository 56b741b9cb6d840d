package io.forgeloom;

import io.forgeloom.error.ConfigurationException;

/**
 * Who needs connections of the primary's pool. Immutable, safe for use by many threads.
 *
 * @param dedicated kept as long as the runtime lives: one by the bus, and where there is a role to campaign for one by the
 *     election, for all of them
 * @param upkeep taken for moments by the runtime itself, all at once at the worst: the node's heartbeat, wake-ups of
 *     {@code publishSoon}, a look at the change log, its trimming
 * @param expected what the application has at work at a time, as {@link ForgeConfig.Builder#expectedConcurrency} says
 */
public record ConnectionNeeds(int dedicated, int upkeep, int expected) {

    private static final int UPKEEP = 4;

    static ConnectionNeeds of(boolean elects, int expected) {
        return new ConnectionNeeds(elects ? 2 : 1, UPKEEP, expected);
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
                    poolSize + " is too small: " + keepers() + " keep" + (dedicated == 1 ? "s " : " ") + dedicated
                            + " of the connections, and everybody else shares the rest; make it " + recommended()
                            + ", or " + least() + " at least");
        }
        return poolSize >= recommended()
                ? ""
                : "poolSize " + poolSize + " is below " + this + "; callers will wait for each other";
    }

    private String keepers() {
        return dedicated == 1 ? "the bus" : "the bus and the election";
    }

    @Override
    public String toString() {
        return recommended() + " = " + dedicated + " kept by " + keepers() + " + " + upkeep
                + " for moments (heartbeat, wake-ups, change log, trimming) + " + expected
                + " at work (expectedConcurrency)";
    }
}
