package io.forgeloom.database;

/** Keeps the exported package from being empty until the pool is here. */
final class Placeholder {
    private Placeholder() {}
}
