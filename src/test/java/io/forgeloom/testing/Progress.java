package io.forgeloom.testing;

/**
 * Hears how far the start of a cluster has come, so that a demo can draw a bar.
 *
 * <p>Called on the thread that starts the cluster, in order; it should return quickly. What it throws fails the start.
 */
@FunctionalInterface
public interface Progress {

    /** Hears nothing. */
    Progress NONE = (step, fraction) -> {};

    /**
     * Reports one step.
     *
     * @param step what is being done now, a short sentence without a full stop
     * @param fraction how much of the whole start is done, 0 to 1, never falling
     */
    void at(String step, double fraction);

    /** This listener as seen by a part of the work that spans {@code from} to {@code to} of the whole. */
    default Progress part(double from, double to) {
        return (step, fraction) -> at(step, from + (to - from) * Math.min(1, fraction));
    }
}
