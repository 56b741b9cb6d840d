package io.forgeloom.notify;

import java.time.Instant;
import org.jetbrains.lincheck.datastructures.Operation;

/**
 * A ring of one element and its reader: whatever the order in which their steps meet, the reader is told what it would be
 * told if each call were one step.
 */
public final class RingLincheck {
    private final DeliveryRing ring = new DeliveryRing(1);
    private final StreamReader reader = (StreamReader) ring.reader(new Gap(1, "first", Instant.EPOCH));
    private int published;

    /** By one thread at a time. */
    @Operation(nonParallelGroup = "producer")
    public void publish() {
        ring.publish(new Notification("c", "", published++));
    }

    /** By one thread at a time. */
    @Operation(nonParallelGroup = "reader")
    public String read() {
        Delivery element = reader.known();
        if (element == null) {
            element = reader.look();
        }
        return switch (element) {
            case null -> "nothing";
            case Notification notification -> "number " + notification.backendPid();
            case Lagged lag -> "missed " + lag.missed();
            case Gap gap -> "gap";
            case Closed closed -> "closed";
        };
    }
}
