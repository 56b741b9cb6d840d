package io.forgeloom.notify;

/** What one thread publishes into and others read from. */
sealed interface Feed permits DeliveryRing, SignalCell {

    /** Never waits. The publishing thread alone. */
    void publish(Delivery delivery);

    /** Wakes those who wait for what was published. The publishing thread alone. */
    void flush();

    /** Everybody gets what is there for him, and then {@code closed}. When nothing is published any more. */
    void end(Closed closed);
}
