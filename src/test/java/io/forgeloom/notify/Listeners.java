package io.forgeloom.notify;

/** The session of a bus, as its server shows it. */
final class Listeners {

    /** What a bus said last. */
    static final String WHO = " FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            + " AND (query LIKE 'SET statement_timeout = ''2s''; SET idle_session_timeout%'"
            + " OR query LIKE 'SELECT p.line FROM%')";

    static final String TERMINATE = "SELECT pg_terminate_backend(pid)" + WHO;

    static final String COUNT = "SELECT count(*)" + WHO;

    private Listeners() {}
}
