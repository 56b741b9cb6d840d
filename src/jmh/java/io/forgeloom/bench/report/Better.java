package io.forgeloom.bench.report;

/** Which way a figure is better. */
public enum Better {
    MORE,
    LESS,
    /** It is shown, and nobody wins by it. */
    NEITHER;

    /** How many times better {@code other} is than {@code own}: above 1 if it is better, 1 if neither is. */
    double factor(double own, double other) {
        if (this == NEITHER || own == other) {
            return 1;
        }
        return this == MORE ? other / own : own / other;
    }
}
