package io.forgeloom.database;

/** What becomes of the start when a replica cannot be reached. */
public enum ReplicaStart {
    /** The start fails. */
    REQUIRED,
    /**
     * The start goes on without it, with a warning. The replica is {@link ReplicaStatus.State#DOWN}, is checked as at a
     * start when it first answers, and then is in rotation. One that answers and is not fit (its version, a pooler, a
     * refused login) fails the start all the same.
     */
    OPTIONAL
}
