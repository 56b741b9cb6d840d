package io.forgeloom.database;

import java.io.Serializable;
import java.util.List;

/**
 * A pool at one moment. In OpenTelemetry's words {@code active} and {@code idle} are
 * {@code db.client.connection.count} of the states used and idle, {@code maxSize} is {@code db.client.connection.max} and
 * {@code waiting} is {@code db.client.connection.pending_requests}; it has none for the others. The numbers are read one after the other while the pool is in use, so they may be off by what
 * happened meanwhile. Immutable, safe for use by many threads.
 *
 * @param pool the pool's name: {@code primary}, {@code replica-1}, …
 * @param maxSize connections at most
 * @param active connections in use
 * @param idle connections open and free
 * @param connecting sessions being opened
 * @param orphaned sessions that ended while the server may not know it, and whose places are kept until their backends
 *     were ended, 200 ms at most; those in use, idle, connecting and orphaned are never more than {@code maxSize}
 * @param control 1 while the pool has a session beyond {@code maxSize}, over which it asks the server about the others and
 *     ends orphaned backends; 0 else
 * @param waiting threads that wait for a connection
 * @param opened sessions opened since the start
 * @param closed sessions closed since the start, for whatever reason
 * @param refused acquisitions refused since the start, for whatever reason
 * @param dedicated the names of the dedicated connections, which are among the active ones
 */
public record PoolStats(
        String pool,
        int maxSize,
        int active,
        int idle,
        int connecting,
        int orphaned,
        int control,
        int waiting,
        long opened,
        long closed,
        long refused,
        List<String> dedicated)
        implements Serializable {

    /** Copies the list. */
    public PoolStats {
        dedicated = List.copyOf(dedicated);
    }

    /** Connections open: in use and free. */
    public int total() {
        return active + idle;
    }

    @Override
    public String toString() {
        // Concatenated and not formatted: a full queue says it many thousand times a second.
        return "total=" + total() + " active=" + active + " idle=" + idle + " connecting=" + connecting + " waiting="
                + waiting + " max=" + maxSize + (orphaned == 0 ? "" : " orphaned=" + orphaned)
                + (control == 0 ? "" : " control=" + control) + (dedicated.isEmpty() ? "" : " dedicated=" + dedicated);
    }
}
