package io.forgeloom.bench.report;

/** Whose figure it is. */
public enum Role {
    OURS,
    PEER,
    /** What cannot be done without, or who does not do the work at all: no loss to be behind it. */
    FLOOR
}
