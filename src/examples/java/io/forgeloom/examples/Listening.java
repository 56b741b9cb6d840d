package io.forgeloom.examples;

import io.forgeloom.notify.Closed;
import io.forgeloom.notify.Gap;
import io.forgeloom.notify.Lagged;
import io.forgeloom.notify.Notification;
import io.forgeloom.notify.NotifyBus;
import io.forgeloom.notify.Subscription;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A cache that forgets what somebody else has changed. */
public final class Listening {

    final Map<String, String> cache = new ConcurrentHashMap<>();

    void invalidate(NotifyBus bus) throws InterruptedException {
        // @start region="subscribe"
        try (Subscription changes = bus.subscribe("price_changed")) {
            while (true) {
                // @start region="kinds"
                switch (changes.take()) {
                    case Notification changed -> cache.remove(changed.payload());
                    case Lagged lagged -> cache.clear(); // some were missed, and how many is known
                    case Gap gap -> cache.clear(); // some may have been missed
                    case Closed closed -> {
                        return;
                    }
                }
                // @end
            }
        }
        // @end
    }
}
