package io.forgeloom.notify;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How a bus stands, as of one look. Immutable, safe for use by many threads.
 *
 * @param generation how often it has connected
 * @param connectedSince by this machine's clock; null while it is not connected
 * @param received notifications from the server, those that nobody had subscribed to included
 * @param queueUsage how full the server's queue of notifications was at the last probe, 0 to 1; at 1 every COMMIT with a
 *     NOTIFY fails. Negative before the first probe
 * @param lastProbe since the server last confirmed the channels; null before it ever did
 * @param sent wake-ups that {@link NotifyBus#publishSoon} sent
 * @param pending wake-ups that wait to be sent
 * @param dropped wake-ups that were dropped because too many waited, or because the server can never take them
 */
public record BusStats(
        long generation,
        @Nullable Instant connectedSince,
        long received,
        double queueUsage,
        @Nullable Duration lastProbe,
        long sent,
        int pending,
        long dropped) {

    /** Whether it listens. */
    public boolean isConnected() {
        return connectedSince != null;
    }
}
