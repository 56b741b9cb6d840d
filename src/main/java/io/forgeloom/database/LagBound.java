package io.forgeloom.database;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How far a replica may be behind, and how often one has to look for that to mean something. Immutable, safe for use by
 * many threads.
 *
 * @param maxLag see {@link ReplicaOptions#maxLag()}; zero = no bound
 * @param maxBytes see {@link ReplicaOptions#maxLagBytes()}; 0 = no bound
 * @param probeInterval see {@link ReplicaOptions#probeInterval()}
 */
record LagBound(Duration maxLag, long maxBytes, Duration probeInterval) {

    private static final Duration LEAST_ANSWER = Duration.ofMillis(100);

    static LagBound of(ReplicaOptions options) {
        return new LagBound(options.maxLag(), options.maxLagBytes(), options.probeInterval());
    }

    boolean isSet() {
        return isTimeSet() || maxBytes > 0;
    }

    boolean isTimeSet() {
        return !maxLag.isZero();
    }

    /** How often a replica is asked; its answer ages by half the bound at most. */
    Duration replicaInterval() {
        return isTimeSet() ? shorter(probeInterval, maxLag.dividedBy(2)) : probeInterval;
    }

    /** How often the primary is asked at least, which is how exact the lag is. */
    Duration primaryInterval() {
        return isTimeSet() ? shorter(probeInterval, maxLag.dividedBy(4)) : probeInterval;
    }

    /** How long the primary may take to answer: whoever asks it also looks whether other answers are too old. */
    Duration primaryTimeout() {
        if (!isTimeSet()) {
            return Replica.PROBE_TIMEOUT;
        }
        Duration half = maxLag.dividedBy(2);
        return shorter(Replica.PROBE_TIMEOUT, half.compareTo(LEAST_ANSWER) < 0 ? LEAST_ANSWER : half);
    }

    /**
     * Why a replica must be out of the rotation; null if it may be in.
     *
     * @param lag null if it is not known
     * @param returning whether it is out now. Then half of each bound is asked for: its answer ages by as much before the
     *     next one, so that one who returned with more would be out again at once, and so on.
     */
    @Nullable
    String exceededBy(@Nullable ReplicaLag lag, boolean returning) {
        if (!isSet()) {
            return null;
        }
        if (lag == null) {
            return "how far it is behind the primary is not known";
        }
        if (isTimeSet() && lag.atLeast()) {
            return "it has not replayed what the primary had written when it was first asked; it is " + lag;
        }
        if (isTimeSet() && lag.atMost().compareTo(maxLag) > 0) {
            return "it is " + lag + ", more than maxLag (" + maxLag.toMillis() + " ms)";
        }
        if (!isTimeSet() && lag.age().compareTo(probeInterval.multipliedBy(3)) > 0) {
            return "it is " + lag + ", too long ago with maxLagBytes (" + maxBytes + ")";
        }
        if (maxBytes > 0 && lag.bytes() > maxBytes) {
            return "it is " + lag + ", more than maxLagBytes (" + maxBytes + ")";
        }
        if (returning && !isWithinHalf(lag)) {
            return "it is " + lag + ", and returns at half of maxLag (" + maxLag.toMillis() + " ms) and maxLagBytes ("
                    + maxBytes + ")";
        }
        return null;
    }

    /** In how many nanoseconds the age of a measurement alone will exceed the time bound; the largest number without one. */
    long excessIn(ReplicaLag lag) {
        return isTimeSet() ? Math.max(0, maxLag.minus(lag.atMost()).toNanos()) + 1 : Long.MAX_VALUE;
    }

    private boolean isWithinHalf(ReplicaLag lag) {
        boolean soonEnough = !isTimeSet() || lag.time().compareTo(maxLag.dividedBy(2)) <= 0;
        return soonEnough && (maxBytes == 0 || lag.bytes() <= maxBytes / 2);
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) <= 0 ? one : other;
    }
}
