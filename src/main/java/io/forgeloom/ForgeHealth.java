package io.forgeloom;

import io.forgeloom.database.DatabaseHealth;
import java.util.List;

/**
 * How a runtime stands, as of one look. Immutable, safe for use by many threads.
 *
 * @param live whether the process should go on: false only once the runtime was closed, or a part of it has ended by a defect, so
 *     that a new process would do better. A database that is down does not make it false
 * @param ready whether requests should come here: the primary answers, the bus listens, the node is active
 * @param reasons why it is not live or not ready, one sentence each; empty if it is both
 * @param database how each server answered
 */
public record ForgeHealth(boolean live, boolean ready, List<String> reasons, DatabaseHealth database) {

    /** Copies the list. */
    public ForgeHealth {
        reasons = List.copyOf(reasons);
    }
}
