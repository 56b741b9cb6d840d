package io.forgeloom.database;

/** How much a transaction sees of those beside it, as PostgreSQL has it. */
public enum IsolationLevel {
    /** What the session has: {@code default_transaction_isolation} of the server, the database or the role. */
    SERVER_DEFAULT,
    /** Each statement sees what was committed before it began. */
    READ_COMMITTED,
    /** All statements see what was committed before the first; a conflicting write fails with 40001. */
    REPEATABLE_READ,
    /** As if all transactions ran one after the other; any conflict fails with 40001. */
    SERIALIZABLE;

    String sql() {
        return name().replace('_', ' ');
    }
}
