package io.forgeloom.database;

/**
 * When the state of a session is reset as its connection is released: roles, settings, advisory locks, {@code LISTEN},
 * temporary tables, held cursors, statements prepared by SQL. The thread that releases does it, before anyone else can
 * have the session. A session whose server does not answer that within 5 s, or on which something was done that no
 * statement takes back ({@code LOAD}, {@code setseed}, a replication slot), is ended. Immutable, safe for use by many
 * threads.
 *
 * <p>Whatever is chosen here, a transaction left open is rolled back, never committed, statements are closed, and what
 * was changed through JDBC (auto-commit, isolation, read-only, schema, time limits, …) is as before. An object of the
 * driver that was unwrapped must not be used after the release.
 */
public sealed interface SessionReset {

    /**
     * Resets if the user could have changed the session: a statement's text is more than plain SELECT, INSERT, UPDATE,
     * DELETE, MERGE and transaction control; or calls a function that is not a harmless one of PostgreSQL's own; or was
     * not understood; or the driver's connection was unwrapped; or the server reports a changed parameter. Otherwise the
     * release costs no round trip.
     *
     * <p>Not seen is what a plain statement causes out of sight: functions that are called by triggers, views, rules,
     * row security, operators, casts, defaults and domains, functions called in attribute notation ({@code t.f}), and
     * functions that took the name of one of PostgreSQL's own after the pool was started. If those of your schema
     * change the session, choose {@link #always()}. What {@code currval} and {@code lastval} remember is no reason for a
     * reset, since every INSERT may change it.
     */
    record WhenTouched() implements SessionReset {}

    /** Resets on each release, which costs a round trip. */
    record Always() implements SessionReset {}

    /** Never resets: what SQL changed in the session stays for its next user. Only for code that does so on purpose. */
    record Never() implements SessionReset {}

    /** See {@link WhenTouched}; the default. */
    static SessionReset whenTouched() {
        return new WhenTouched();
    }

    /** See {@link Always}. */
    static SessionReset always() {
        return new Always();
    }

    /** See {@link Never}. */
    static SessionReset never() {
        return new Never();
    }
}
